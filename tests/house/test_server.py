"""What only a real server shows: chunked bodies, oversized headers and lines that are no HTTP."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.serve import commands
from config.settings import ROOT, Settings, new_secrets
from tests.support import net

pytestmark = pytest.mark.once
LARGEST_BODY = 256 * 1024
NONCE = json.dumps({"device_id": "00000000-0000-7000-8000-000000000001"}).encode()
HEAD = b"POST /api/v1/auth/device/nonces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of the server that production runs, with one worker."""
    folder, at = tmp_path_factory.mktemp("server"), free_port()
    env = {
        **new_secrets(), "XINYI_ENVIRONMENT": "test", "DATABASE_URL": f"sqlite:///{folder}/x.db",
        "XINYI_PUBLIC_BASE_URL": f"http://127.0.0.1:{at}", "XINYI_WECHAT_APP_ID": "none", "XINYI_PORT": str(at),
        "XINYI_WECHAT_APP_SECRET": "none", "XINYI_WORKERS": "1", "XINYI_LOG_LEVEL": "debug",
        "XINYI_FILES_ROOT": str(folder), "XINYI_INSTANCE_ROOT": str(folder), "XINYI_METRICS_TOKEN": "",
        "PATH": str(Path("/usr/bin")),
    }  # fmt: skip
    with net.open_for("server") as said:
        server = subprocess.Popen(commands(Settings.from_env(env))["web"], cwd=ROOT, env=env, stderr=said)
    try:
        wait_for(at, server)
        yield at
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            if alive(port):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server did not start")


def exchange(port: int, *parts: bytes, patience_seconds: float = 20) -> bytes:
    """Everything that the server says to these bytes; b"" when it hangs up, or waits for more, without a word."""
    with socket.create_connection(("127.0.0.1", port), timeout=patience_seconds) as connection:
        said = b""
        try:
            for part in parts:
                connection.sendall(part)
        except OSError:
            pass  # it has stopped listening and may have answered already
        try:
            while chunk := connection.recv(65536):
                said += chunk
        except OSError:
            pass
        return said


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0


def alive(port: int) -> bool:
    return status(exchange(port, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")) == 200


def chunked(body: bytes, size: int = 8192) -> list[bytes]:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return [f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces] + [b"0\r\n\r\n"]


CHUNKED = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_a_chunked_body_is_read(port: int) -> None:
    answer = exchange(port, CHUNKED, *chunked(NONCE, 7))
    assert status(answer) == 200 and b'"nonce"' in answer


@pytest.mark.parametrize("filler", [b" ", b"x"])
def test_a_chunked_body_that_is_too_large_is_refused(port: int, filler: bytes) -> None:
    answer = exchange(port, CHUNKED, *chunked(NONCE + filler * LARGEST_BODY * 4))
    assert status(answer) == 413 and b"content-too-large" in answer
    assert alive(port)


def test_a_long_body_is_refused_by_its_length(port: int) -> None:
    head = HEAD + f"Connection: close\r\nContent-Length: {LARGEST_BODY + 1}\r\n\r\n".encode()
    assert status(exchange(port, head, b"x" * (LARGEST_BODY + 1))) == 413


@pytest.mark.parametrize(
    "head",
    [
        b"Authorization: Bearer " + b"a" * 2**20 + b"\r\n\r\n",
        b"".join(b"X-%d: %s\r\n" % (n, b"a" * 500) for n in range(2000)) + b"\r\n",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 1e3\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n",
        b"Transfer-Encoding: cow\r\n\r\nabc",
        b"Broken header\r\n\r\n",
        b"Idempotency-Key: \x00\r\n\r\n",
        b"Content-Length: 500\r\n\r\n{}",
    ],
    ids=lambda head: repr(head[:30]),
)
def test_headers_that_make_no_sense_are_refused_or_hung_up_on(port: int, head: bytes) -> None:
    answer = exchange(port, HEAD + head, patience_seconds=1)
    assert status(answer) == 0 or 400 <= status(answer) < 500, answer[:300]
    assert alive(port)


@pytest.mark.parametrize(
    "line",
    [b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"A" * 10**6],
)
def test_what_is_no_http_is_no_trouble(port: int, line: bytes) -> None:
    assert status(exchange(port, line, patience_seconds=1)) in (0, 400, 404, 414, 431, 505)
    assert alive(port)


@pytest.mark.parametrize(
    "path",
    [b"/%00", b"/\xff\xfe", b"//nothing", b"/api/v1/me/../me", b"/" + b"a" * 60_000, b"*", b"/%", b"/api/v1/me?%"],
)
def test_paths_that_make_no_sense_are_refused(port: int, path: bytes) -> None:
    answer = exchange(port, b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert status(answer) == 0 or 300 <= status(answer) < 500, answer[:300]
    assert alive(port)


# --- what only the wire shows about headers ------------------------------------------------------------------------

LENGTH = f"Content-Length: {len(NONCE)}\r\nConnection: close\r\n".encode()


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: text/plain\r\n",  # after application/json
        b"Content-Type: application/json\r\n",
        b"Content-Type: application/json; charset=utf-16\r\n",
    ],
)
def test_two_content_types_are_never_more_lenient_than_one(port: int, head: bytes) -> None:
    answer = exchange(port, HEAD + head + LENGTH + b"\r\n" + NONCE)
    assert status(answer) in (200, 400, 415)
    alone = exchange(port, HEAD.replace(b"Content-Type: application/json\r\n", b"") + LENGTH + b"\r\n" + NONCE)
    assert status(alone) == 415


def test_a_body_without_a_length_is_no_body(port: int) -> None:
    answer = exchange(port, HEAD + b"Connection: close\r\n\r\n" + NONCE)
    assert status(answer) == 422 and b"/device_id" in answer


@pytest.mark.parametrize("name", [b"Authorization: Bearer a", b"Idempotency-Key: 00000000-0000-4000-8000-000000000001"])
def test_a_header_that_stands_twice_opens_nothing(port: int, name: bytes) -> None:
    line = b"POST /api/v1/me/coupons/00000000-0000-4000-8000-000000000001/cancellation HTTP/1.1\r\nHost: localhost\r\n"
    answer = exchange(port, line + name + b"\r\n" + name + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    assert status(answer) in (400, 401)


@pytest.mark.parametrize(
    "hosts", [b"Host: evil.example\r\n", b"Host: localhost\r\nHost: evil.example\r\n", b"", b"Host: evil.example:1\r\n"]
)
def test_no_host_header_is_repeated_on_the_wire(port: int, hosts: bytes) -> None:
    for path in (b"/problems/not-found", b"//problems/not-found", b"http://evil.example/docs/", b"/nothing"):
        answer = exchange(port, b"GET " + path + b" HTTP/1.1\r\n" + hosts + b"Connection: close\r\n\r\n")
        assert b"evil.example" not in answer and status(answer) < 500


def test_forwarded_headers_of_a_stranger_change_nothing_on_the_wire(port: int) -> None:
    spoofed = b"X-Forwarded-Proto: https\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Host: evil.example\r\n"
    answer = exchange(port, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + spoofed + b"Connection: close\r\n\r\n")
    assert status(answer) == 200 and b"trict-transport" not in answer.lower() and b"evil" not in answer
