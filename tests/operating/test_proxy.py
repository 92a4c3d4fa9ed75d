"""The reverse proxy of the deployment guide, really started in front of the server as in production, and probed."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from backend.kit.errors import DomainError
from backend.operating import proxy
from backend.serve import commands
from config.settings import ROOT, Settings, new_secrets
from tests.support.nginx import Nginx, certify
from tests.support.ports import free_port

pytestmark = [pytest.mark.once, pytest.mark.nginx]
VERIFICATION = "wxprobe0123456789"


class Front(NamedTuple):
    """nginx and the server behind it. ``log``: what the server said, a JSON line for each request."""

    nginx: Nginx
    server_port: int
    log: Path
    server: subprocess.Popen[bytes]

    @property
    def base_url(self) -> str:
        return f"https://localhost:{self.nginx.https_port}"


class Got(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]

    def problem(self) -> dict[str, object]:
        assert self.all("content-type") == ["application/problem+json"]
        found: dict[str, object] = json.loads(self.body)
        assert found["status"] == self.status
        assert str(found["type"]).removeprefix("/problems/") in DomainError.registry
        return found


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """The server with production's settings (only the database is empty) and nginx with a fresh certificate."""
    folder, server_port = tmp_path_factory.mktemp("front"), free_port()
    https_port, http_port = free_port(), free_port()
    env = {
        **new_secrets(), "XINYI_ENVIRONMENT": "production", "DATABASE_URL": f"sqlite:///{folder}/x.db",
        "XINYI_PUBLIC_BASE_URL": f"https://localhost:{https_port}", "XINYI_WECHAT_APP_ID": "wx0123456789abcdef",
        "XINYI_WECHAT_APP_SECRET": "0123456789abcdef0123456789abcdef", "XINYI_PORT": str(server_port),
        "XINYI_WORKERS": "1", "XINYI_TRUSTED_PROXIES": "1", "XINYI_LOG_LEVEL": "info",
        "XINYI_FILES_ROOT": str(folder / "files"), "XINYI_INSTANCE_ROOT": str(folder), "PATH": "/usr/bin:/bin",
        "FLASK_APP": "wsgi:app",
    }  # fmt: skip
    flask = [str(Path(commands(Settings.from_env(env))["web"][0]).with_name("flask"))]
    for command in (["database", "upgrade"], ["city", "load", "config/cities/320115"]):
        subprocess.run([*flask, *command], cwd=ROOT, env=env, check=True, capture_output=True)
    (folder / "wechat-verify").mkdir(exist_ok=True)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(commands(Settings.from_env(env))["web"], cwd=ROOT, env=env, stderr=log)
    try:
        with Nginx(https_port, http_port, f"127.0.0.1:{server_port}", certify(folder / "tls")) as running:
            made = Front(running, server_port, folder / "log", server)
            wait_until_answered(made)
            yield made
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_until_answered(front: Front) -> None:
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        if get(front, "/healthz").status == 200:
            return
    raise AssertionError(front.log.read_text()[-2000:])


def tls(front: Front) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(front.nginx.certificate))


def get(front: Front, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Got:
    connection = http.client.HTTPSConnection("localhost", front.nginx.https_port, timeout=30, context=tls(front))
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return Got(response.status, response.getheaders(), response.read())
    finally:
        connection.close()


def raw(front: Front, *parts: bytes, plain: bool = False, server_name: str = "localhost", seconds: float = 30) -> bytes:
    """What comes back for these bytes; b"" when the connection ends without a word."""
    port = front.nginx.http_port if plain else front.nginx.https_port
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as bare:
        context = tls(front)
        context.check_hostname = False
        said = b""
        with bare if plain else context.wrap_socket(bare, server_hostname=server_name) as connection:
            try:
                for part in parts:
                    connection.sendall(part)
                while chunk := connection.recv(65536):
                    said += chunk
            except OSError:
                pass
        return said


def logged(front: Front) -> list[dict[str, object]]:
    return [json.loads(line) for line in front.log.read_text("utf-8").splitlines() if line.startswith("{")]


def test_the_site_file_is_accepted_without_a_warning(front: Front) -> None:
    said = front.nginx.tested()
    assert "test is successful" in said and "[warn]" not in said and "[emerg]" not in said


def test_https_works_with_http_2_offered(front: Front) -> None:
    context = tls(front)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", front.nginx.https_port)) as bare:
        with context.wrap_socket(bare, server_hostname="localhost") as connection:
            assert connection.selected_alpn_protocol() == "h2" and connection.version() == "TLSv1.3"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_tls_before_1_2_is_refused(front: Front, version: ssl.TLSVersion) -> None:
    context = tls(front)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = version, version
    with socket.create_connection(("127.0.0.1", front.nginx.https_port)) as bare, pytest.raises(OSError):
        context.wrap_socket(bare, server_hostname="localhost")


def test_http_leads_to_the_address_of_the_settings(front: Front) -> None:
    said = raw(front, b"GET /m/ABC?x=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", plain=True)
    assert said.startswith(b"HTTP/1.1 308") and f"Location: {front.base_url}/m/ABC?x=1\r\n".encode() in said


@pytest.mark.parametrize("host", [b"evil.example", b"127.0.0.1", b"evil.example:443", b""])
def test_another_host_leads_nowhere(front: Front, host: bytes) -> None:
    head = b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n"
    said = raw(front, head, plain=True)
    assert b"evil" not in said and b"Location" not in said
    over_tls = raw(front, head)
    assert b"evil" not in over_tls


def test_another_name_gets_no_certificate(front: Front) -> None:
    with pytest.raises(ssl.SSLError):
        raw(front, b"GET / HTTP/1.1\r\n\r\n", server_name="evil.example")


SPOOFED = {
    "X_Forwarded_Host": "evil.example", "X_Forwarded_Proto": "http", "X_Forwarded_Prefix": "/evil",
    "X_Forwarded_Port": "1", "Forwarded": "for=203.0.113.9;host=evil.example;proto=http", "X_Real_IP": "203.0.113.9",
}  # fmt: skip


def test_spoofed_headers_change_no_answer(front: Front) -> None:
    plain, spoofed = get(front, "/openapi.json"), get(front, "/openapi.json", **SPOOFED)
    assert plain.body == spoofed.body and b"evil" not in spoofed.body
    assert spoofed.all("strict-transport-security"), "the scheme was believed"
    page = get(front, "/", Accept="text/html", **SPOOFED)
    assert b"evil" not in page.body and not any("evil" in value for _, value in page.headers)


def test_a_spoofed_address_does_not_reach_the_server(front: Front) -> None:
    """A listener stands in for the server and shows what nginx passes on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        upstream = f"127.0.0.1:{listener.getsockname()[1]}"
        chain = front.nginx.certificate
        with Nginx(free_port(), free_port(), upstream, (chain, chain.with_name("privkey.pem"))) as other:
            asking = socket.create_connection(("127.0.0.1", other.https_port))
            with ssl.create_default_context(cafile=str(chain)).wrap_socket(asking, server_hostname="localhost") as tls_:
                lines = [b"GET / HTTP/1.1", b"Host: localhost", b"X-Forwarded-For: 203.0.113.9",
                         b"x-forwarded-for: 203.0.113.10", b"Forwarded: for=203.0.113.11", b"X-Real-IP: 203.0.113.12",
                         b"X-Forwarded-Host: evil.example", b"X-Forwarded-Proto: http", b"Upgrade: websocket",
                         b"Connection: Upgrade", b"Proxy: http://evil.example"]  # fmt: skip
                tls_.sendall(b"\r\n".join([*lines, b"", b""]))
                accepted, _ = listener.accept()
                passed = accepted.recv(65536).decode("latin-1")
                accepted.close()
    heads = dict(re.findall(r"(?m)^([\w-]+): (.*)\r$", passed))
    assert heads["X-Forwarded-For"] == "127.0.0.1" and heads["X-Forwarded-Proto"] == "https"
    assert heads["Host"] == f"localhost:{other.https_port}"
    assert "203.0.113" not in passed and "evil" not in passed and "websocket" not in passed


def test_metrics_and_readiness_are_not_shown_to_the_world(front: Front) -> None:
    for path in ("/metrics", "/metrics/", "/metrics?x", "//metrics", "/%6detrics", "/readyz"):
        got = get(front, path)
        assert (got.status, got.problem()["type"]) == (404, "/problems/not-found"), path
        assert b"xinyi_requests_total" not in get(front, path, Authorization="Bearer x").body


def test_json_is_compressed_and_tokens_are_not(front: Front) -> None:
    got = get(front, "/openapi.json", Accept_Encoding="gzip")
    assert got.all("content-encoding") == ["gzip"] and "Accept-Encoding" in ", ".join(got.all("vary"))
    assert json.loads(gzip.decompress(got.body))["openapi"].startswith("3.1")
    refused = get(front, "/api/v1/auth/refresh", "POST", b'{"refresh_token": "x"}', Content_Type="application/json",
                  Accept_Encoding="gzip")  # fmt: skip
    assert refused.status >= 400 and not refused.all("content-encoding")


def test_a_body_that_is_too_large_is_refused_as_a_problem(front: Front) -> None:
    body = b'{"code": "' + b"x" * 300_000 + b'"}'
    got = get(front, "/api/v1/auth/wechat", "POST", body, Content_Type="application/json")
    assert (got.status, got.problem()["type"]) == (413, "/problems/content-too-large")
    upload = get(front, "/api/v1/files", "POST", b"x" * 12_000_000)
    assert (upload.status, upload.problem()["type"]) == (413, "/problems/content-too-large")


def test_a_departments_file_is_passed_on_as_it_comes_and_may_be_large(front: Front) -> None:
    head = b"POST /api/v1/batches?item_code=LE-PEN-01 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    before = time.monotonic()
    said = raw(front, head + b"Content-Type: text/csv\r\nContent-Length: 499000000\r\n\r\na,b\n", seconds=20)
    assert said.startswith(b"HTTP/1.1 401") and time.monotonic() - before < 15, "the server hears of it at once"
    said = raw(front, head + b"Content-Type: text/csv\r\nContent-Length: 600000000\r\n\r\n", seconds=20)
    assert said.startswith(b"HTTP/1.1 413") and b"/problems/content-too-large" in said


@pytest.mark.parametrize(
    "head",
    [
        b"".join(b"X-%d: %s\r\n" % (n, b"a" * 500) for n in range(200)),
        b"Authorization: Bearer " + b"a" * 60_000 + b"\r\n",
        b"X: " + b"a" * 9000 + b"\r\n",
    ],
    ids=["many", "long", "line"],
)
def test_a_flood_of_headers_is_refused(front: Front, head: bytes) -> None:
    said = raw(front, b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + head + b"\r\n")
    assert said.split(b" ", 2)[1] in (b"400", b"431"), said[:200]
    assert b"application/problem+json" in said
    assert get(front, "/healthz").status == 200


def test_a_long_address_is_refused(front: Front) -> None:
    said = raw(front, b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert said.split(b" ", 2)[1] in (b"414", b"431"), said[:200]


def test_a_request_that_dawdles_is_cut_off_and_costs_the_server_nothing(front: Front) -> None:
    before = time.monotonic()
    said = raw(front, b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", seconds=25)
    assert said == b"" or b" 408 " in said.split(b"\r\n")[0]
    assert time.monotonic() - before < 20, "the header's time limit is 10 s"


def test_a_body_that_dawdles_never_reaches_the_server(front: Front) -> None:
    head = b"POST /api/v1/auth/refresh HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    before = len(logged(front))
    said = raw(front, head + b'Content-Length: 100\r\n\r\n{"refresh', seconds=25)
    assert said == b"" or b" 408 " in said.split(b"\r\n")[0]
    assert len(logged(front)) == before


def test_two_lengths_do_not_smuggle_a_request(front: Front) -> None:
    head = b"POST /api/v1/auth/refresh HTTP/1.1\r\nHost: localhost\r\n"
    hidden = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for smuggling in (
        b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
        b"Content-Length: 44\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n",
    ):
        said = raw(front, head + smuggling + hidden, seconds=3)
        assert b"xinyi_requests_total" not in said
        assert said.split(b" ", 2)[1:2] in ([], [b"400"], [b"501"]), said[:200]


SECURITY = (
    "strict-transport-security", "x-content-type-options", "content-security-policy", "referrer-policy",
    "x-frame-options",
)  # fmt: skip


def test_security_headers_stand_there_once(front: Front) -> None:
    for path in ("/", "/healthz", "/api/v1/me", "/nothing"):
        got = get(front, path)
        for name in SECURITY:
            assert len(got.all(name)) == 1, (path, name, got.headers)
        assert got.all("server") == ["nginx"] or not got.all("server")


def test_answers_that_nginx_makes_are_guarded_too(front: Front) -> None:
    for got in (get(front, "/metrics"), get(front, "/api/v1/auth/wechat", "POST", b"x" * 300_000)):
        assert len(got.all("strict-transport-security")) == len(got.all("x-content-type-options")) == 1


def test_wechats_verification_file_is_served(front: Front) -> None:
    (front.log.parent / "wechat-verify" / f"{VERIFICATION}.txt").write_text("a-word-from-wechat")
    got = get(front, f"/m/{VERIFICATION}.txt")
    assert (got.status, got.body) == (200, b"a-word-from-wechat")
    assert get(front, "/m/other.txt").status == 404


def test_every_problem_of_the_template_is_one_of_ours() -> None:
    named = re.findall(r'"type":"/problems/([a-z-]+)","title":"([^"]+)"', proxy.TEMPLATE.read_text("utf-8"))
    assert len(named) >= 5
    for slug, title in named:
        assert DomainError.registry[slug].title_zh == title, slug


def test_the_site_file_follows_the_settings() -> None:
    site = proxy.Site("https://credit.example.org", "10.0.0.5:9000", certificate="/a.pem", key="/b.pem", brotli=True)
    text = proxy.render(site)
    assert "xinyi.example.cn" not in text and "server 10.0.0.5:9000;" in text and "    brotli on;" in text
    assert "server_name credit.example.org;" in text and "ssl_certificate     /a.pem;" in text
    assert "listen 443 ssl http2;" in text and "return 308 https://credit.example.org$request_uri;" in text


def test_while_the_server_is_away_programs_get_a_problem_and_browsers_a_page(front: Front) -> None:
    """Last in this file: it takes the server away."""
    front.server.terminate()
    front.server.wait(timeout=30)
    got = get(front, "/api/v1/home")
    assert (got.status, got.problem()["type"], got.all("retry-after")) == (503, "/problems/try-again", ["10"])
    page = get(front, "/", Accept="text/html,application/xhtml+xml")
    assert page.status == 503 and "正在维护".encode() in page.body and page.all("retry-after") == ["10"]
    assert page.all("content-type") == ["text/html; charset=utf-8"]
