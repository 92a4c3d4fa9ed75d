"""Which names are answered, and that no header of a caller's decides who she is or where she came from."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry
from werkzeug.middleware.proxy_fix import ProxyFix

from backend.web import frame, hosts, problems
from backend.web.hosts import host_of
from config.settings import ROOT
from tests.checked_client import CheckedClient

SPOOFED = {
    "X-Forwarded-For": "203.0.113.9, 198.51.100.7", "Forwarded": "for=203.0.113.9;host=evil.example;proto=https",
    "X-Real-IP": "203.0.113.9", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "444", "X-Forwarded-Prefix": "/evil", "X-Forwarded-Server": "evil.example",
    "X-Original-URL": "/api/v1/me", "X-Rewrite-URL": "/api/v1/me", "X-HTTP-Method-Override": "DELETE",
    "True-Client-IP": "203.0.113.9", "CF-Connecting-IP": "203.0.113.9", "Client-IP": "203.0.113.9",
}  # fmt: skip
"""Headers by which something in between is asked to tell who asks, and for what."""


def guarded(proxies: int = 0) -> FlaskClient:
    """A small production: its one route tells what the house takes for true."""
    small = Flask("small")
    problems.install(small)
    frame.install(small, frame.Figures(CollectorRegistry()))
    hosts.install(small, "https://xinyi.example.cn:8443")
    if proxies:
        small.wsgi_app = ProxyFix(small.wsgi_app, x_for=proxies, x_proto=proxies)  # type: ignore[method-assign]

    @small.route("/x", methods=["GET", "DELETE"])
    def tell() -> dict[str, Any]:
        return {"address": request.remote_addr, "secure": request.is_secure, "method": request.method,
                "path": request.path, "root": request.script_root}  # fmt: skip

    @small.get("/healthz")
    def healthy() -> str:
        return "ok"

    return small.test_client()


def asked(client: FlaskClient, host: str, path: str = "/x", **headers: str) -> Any:
    return client.get(path, headers=headers, environ_overrides={"HTTP_HOST": host})


@pytest.mark.parametrize(
    "host",
    ["xinyi.example.cn", "xinyi.example.cn:443", "XINYI.Example.CN", "xinyi.example.cn.", "localhost:8000",
     "127.0.0.1", "[::1]:8000"],
)  # fmt: skip
def test_the_public_name_and_loopback_are_answered(host: str) -> None:
    assert asked(guarded(), host).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "", "xinyi.example.cn.evil.example", "evil.example/xinyi.example.cn", "evil@xinyi.example.cn",
     "xinyi.example.cn@evil.example", "xinyi.example.cn, evil.example", "xinyi.example.cn#.evil.example", "[",
     "127.0.0.1.evil.example", "xinyi.example.cn\\@evil.example", "xin%79i.example.cn", "２"],
)  # fmt: skip
def test_a_strangers_name_is_not_answered(host: str) -> None:
    client = guarded()
    answer = asked(client, host)
    assert (answer.status_code, answer.get_json()["type"]) == (421, "/problems/unknown-host")
    assert host[:40] not in answer.get_data(as_text=True) or not host
    assert asked(client, host, "/healthz").status_code == 200


def test_a_host_without_a_name_is_none() -> None:
    for header in ("", " ", "a b", "a/b", "a?b", "a\tb", "[::1", "//x"):
        assert host_of(header) == ""


def test_no_header_moves_a_caller_when_no_proxy_is_trusted() -> None:
    client = guarded()
    plain = asked(client, "localhost")
    for name, value in SPOOFED.items():
        answer = asked(client, "localhost", **{name: value})
        assert answer.get_json() == plain.get_json(), name
        assert "Strict-Transport-Security" not in answer.headers, name
    assert plain.get_json()["address"] == "127.0.0.1" and not plain.get_json()["secure"]


def test_a_trusted_proxy_is_believed_about_address_and_scheme_alone() -> None:
    client = guarded(proxies=1)
    answer = asked(client, "localhost", **SPOOFED)
    told = answer.get_json()
    assert told == {"address": "198.51.100.7", "secure": True, "method": "GET", "path": "/x", "root": ""}
    assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (1, "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        (2, "203.0.113.9, 198.51.100.7", "203.0.113.9"),
        (2, "1.1.1.1, 203.0.113.9, 198.51.100.7", "203.0.113.9"),
        (2, "198.51.100.7", "127.0.0.1"),
        (1, "", "127.0.0.1"),
    ],
)
def test_of_several_forwarded_addresses_the_one_that_our_own_proxy_wrote_counts(
    proxies: int, forwarded: str, address: str
) -> None:
    answer = asked(guarded(proxies), "localhost", **{"X-Forwarded-For": forwarded})
    assert answer.get_json()["address"] == address


@pytest.mark.parametrize("host", ["x" * 5000, "a..b", "é", "[", "a b", ""])
def test_a_host_that_can_be_no_name_breaks_nothing(client: CheckedClient, host: str) -> None:
    for path in ("/api/v1/communities", "/healthz", "/nothing"):
        assert client.get(path, environ_overrides={"HTTP_HOST": host}).status_code in (200, 400, 404)


@pytest.fixture
def evil(client: CheckedClient) -> Any:
    return lambda path, **kw: client.open(path, headers={"Host": "evil.example", **SPOOFED}, **kw)


def test_no_answer_repeats_the_host_that_was_asked_for(evil: Any) -> None:
    paths = ("/api/v1/me /api/v1/communities /api/v1/communities/ //api/v1/communities /api//v1/communities /docs "
             "/docs/ /problems /problems/not-found /nothing /m/AAAAAAAAAA /.well-known/jwks.json /openapi.json / /m "
             "/app /app/ /demo")  # fmt: skip
    for path in paths.split():
        for method in ("GET", "HEAD", "OPTIONS", "POST"):
            answer = evil(path, method=method)
            said = str(answer.headers) + answer.get_data(as_text=True)
            assert "evil.example" not in said and "203.0.113.9" not in said, (method, path)
            assert not answer.headers.get("Location", "").startswith(("http", "//")), (method, path)


def test_the_code_builds_no_address_from_a_request() -> None:
    """The demo's page may look at the host, to answer on loopback alone; nobody builds an address from it."""
    words = (r"url_root", r"host_url", r"_external", r"request\.(url|base_url|host)\b", r"url_for\(", r"\bredirect\(")
    forbidden = re.compile("|".join(words))
    found = {
        str(path.relative_to(ROOT)): forbidden.findall(text)
        for path in (ROOT / "backend").rglob("*.py")
        if forbidden.search(text := path.read_text("utf-8"))
    }
    assert set(found) <= {"backend/pages/demo.py"}
