"""The stand-in among strangers: loopback only, and no input makes it stumble."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wechat_server import APP_ID, APP_SECRET, WechatServer
from tests.wechat_server.endpoints import ENDPOINTS

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def standing() -> Iterator[WechatServer]:
    with WechatServer() as server:
        yield server


@pytest.fixture(scope="module")
def http(standing: WechatServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=standing.base_url, trust_env=False) as http:
        yield http


def raw(server: WechatServer, sent: bytes) -> bytes:
    """Send bytes and read until the server ends the connection."""
    with socket.create_connection(("127.0.0.1", int(server.base_url.rpartition(":")[2])), timeout=5) as connection:
        connection.sendall(sent)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", "", "127.0.0.1.example.org"])
def test_it_does_not_listen_beyond_loopback(host: str) -> None:
    with pytest.raises(ValueError, match="loopback only"):
        WechatServer(host=host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost"])
def test_it_listens_on_loopback(host: str) -> None:
    with WechatServer(host=host) as server:
        assert httpx.get(server.base_url + "/stand-in/calls", trust_env=False).json() == {"calls": {}}


@pytest.mark.parametrize("peer", ["192.0.2.1", "10.0.0.1", "2001:db8::1", "fe80::1%eth0", "::ffff:192.0.2.1"])
def test_a_peer_from_elsewhere_gets_no_answer(standing: WechatServer, peer: str) -> None:
    assert not standing._listener.verify_request(None, (peer, 12345))


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1"])
def test_a_peer_from_here_is_heard(standing: WechatServer, peer: str) -> None:
    assert standing._listener.verify_request(None, (peer, 12345))


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "api.weixin.qq.com"},
        {"Host": "example.org:8001"},
        {"Host": "192.0.2.1"},
        {"Host": ""},
        {"Host": "127.0.0.1@example.org"},
        {"Host": "127.0.0.1.example.org"},
        {"Host": "[::1"},
        {"X-Forwarded-For": "192.0.2.1"},
        {"Forwarded": "for=192.0.2.1"},
        {"Via": "1.1 proxy"},
        {"Origin": "https://example.org"},
        {"Origin": "null"},
    ],
)
def test_a_request_meant_for_elsewhere_is_refused(http: httpx.Client, headers: dict[str, str]) -> None:
    for path in ("/stand-in/login-codes", "/cgi-bin/stable_token"):
        answer = http.post(path, json={"openid": "o-1"}, headers=headers)
        assert answer.status_code == 403
        assert "code" not in answer.json()


@pytest.mark.parametrize("headers", [{"Host": "localhost:1"}, {"Host": "[::1]:9"}, {"Origin": "http://127.0.0.1:8000"}])
def test_a_request_from_loopback_is_served(http: httpx.Client, headers: dict[str, str]) -> None:
    assert http.post("/stand-in/login-codes", json={"openid": "o-1"}, headers=headers).status_code == 200


@pytest.mark.parametrize("hosts", [b"", b"Host: 127.0.0.1\r\nHost: example.org\r\n"])
def test_a_request_without_one_host_is_refused(standing: WechatServer, hosts: bytes) -> None:
    assert b" 403 " in raw(standing, b"GET /stand-in/calls HTTP/1.1\r\n" + hosts + b"Connection: close\r\n\r\n")


@pytest.mark.parametrize(
    "content",
    [b"{", b"\xff\xfe", b"[" * 100_000, b"not json", b"5", b"[]", b"null", b'{"a": ' + b"9" * 10_000 + b"}"],
)
@pytest.mark.parametrize("path", [path for path in ENDPOINTS if path != "/sns/jscode2session"])
def test_a_broken_body_is_47001(standing: WechatServer, http: httpx.Client, path: str, content: bytes) -> None:
    token = standing.world.stable_token(force=False)[0]
    answer = http.post(path, params={"access_token": token}, content=content)
    allowed = {47001, 44002} | ({40169} if path == "/wxa/getwxacodeunlimit" else set())
    assert answer.status_code == 200
    assert answer.json()["errcode"] in allowed


def test_a_huge_body_is_refused_unread(standing: WechatServer) -> None:
    head = b"POST /cgi-bin/stable_token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999\r\n\r\n"
    assert b'"errcode": 47001' in raw(standing, head)


@pytest.mark.parametrize(
    "header",
    [b"Content-Length: -1", b"Content-Length: \xc2\xb2", b"Content-Length: x", b"Transfer-Encoding: chunked"],
)
def test_a_body_of_unclear_length_is_refused(standing: WechatServer, header: bytes) -> None:
    head = b"POST /cgi-bin/stable_token HTTP/1.1\r\nHost: 127.0.0.1\r\n" + header + b"\r\n\r\n{}"
    assert b'"errcode": 47001' in raw(standing, head)


@pytest.mark.parametrize(
    "sent",
    [
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
        b"GET " + b"/a" * 40_000 + b" HTTP/1.1\r\n\r\n",
        b"GET //[ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
        b"GET /a?" + b"a=1&" * 200 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
        b"BREW /sns/jscode2session HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ],
)
def test_noise_on_the_line_does_no_harm(
    standing: WechatServer, http: httpx.Client, sent: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    assert b"Traceback" not in raw(standing, sent)
    assert http.get("/stand-in/calls").status_code == 200
    assert capfd.readouterr().err == ""


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = [
    *(
        "appid",
        "secret",
        "grant_type",
        "force_refresh",
        "code",
        "openid",
        "scene",
        "page",
        "width",
        "env_version",
    ),
    *("touser", "template_id", "data", "miniprogram_state", "version", "content", "title"),
    *("path", "times", "errcode", "delay", "phone", "unionid", "count"),
]
SENSIBLE = {
    "appid": APP_ID,
    "secret": APP_SECRET,
    "grant_type": "client_credential",
    "openid": "o-1",
    "version": 2,
}
CONTROLS = ["/stand-in/" + verb for verb in ("login-codes", "phone-codes", "people", "acceptances", "messages")]


@settings(max_examples=120, deadline=None)
@given(
    path=st.sampled_from([*ENDPOINTS, *CONTROLS]),
    wild=st.dictionaries(st.sampled_from(NAMES), anything, max_size=8),
    sensible=st.sets(st.sampled_from(sorted(SENSIBLE))),
)
def test_wrong_types_are_answered_with_an_errcode(
    standing: WechatServer, http: httpx.Client, path: str, wild: dict[str, Any], sensible: set[str]
) -> None:
    body = {**{name: SENSIBLE[name] for name in sensible}, **wild}
    token = standing.world.stable_token(force=False)[0]
    answer = http.post(path, params={"access_token": token}, content=json.dumps(body).encode())
    if path.startswith("/stand-in/"):
        assert answer.status_code in (200, 404, 422)
    else:
        assert answer.status_code == 200
    if not answer.content.startswith(b"\x89PNG"):
        assert isinstance(answer.json(), dict)
