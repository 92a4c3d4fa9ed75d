"""One POST to a partner: to the address that was judged and no other, within fifteen seconds, whatever answers.

The name is resolved once, every address is judged, and the connection is made to a judged one while TLS and the Host
header go on speaking of the name: a second answer of the DNS reaches nobody. Redirects are answers like any other.
httpcore rather than httpx: it takes a network backend, which is where address and time are held fast.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import httpcore
import httpx

from backend.webhooks import addresses
from backend.webhooks.addresses import Target, Unacceptable

CONNECT_SECONDS, TOTAL_SECONDS = 5.0, 15.0
MOST_ANSWER_BYTES, KEPT_CHARACTERS = 2_000, 500
"""What is read of an answer, and what is kept of it."""

Resolve = Callable[[str, int], list[str]]


class Answer(NamedTuple):
    """What came of a try. ``status``: None when nobody answered. ``error``: "" for a success, else a word.

    ``asked_seconds``: what a Retry-After asked for.
    """

    status: int | None
    error: str
    text: str = ""
    asked_seconds: int = 0


def resolve(host: str, port: int) -> list[str]:
    """Every address of a name, by the system's resolver."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(one[4][0]) for one in found))


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    return httpx.create_ssl_context()


class Line:
    """What an installation decides about connections out. ``private_hosts``: those that need not be public."""

    def __init__(
        self, private_hosts: frozenset[str] = frozenset(), resolve: Resolve = resolve,
        trust: Callable[[], ssl.SSLContext] = _trust,
    ) -> None:  # fmt: skip
        self._private_hosts, self._resolve, self._trust = private_hosts, resolve, trust

    def judged(self, url: str) -> tuple[Target, list[str]]:
        """A URL taken apart, and the addresses to which one may connect for it. Raises Unacceptable."""
        target = addresses.parse(url, self._private_hosts)
        found = [target.host] if _is_literal(target.host) else self._resolve(target.host, target.port)
        return target, addresses.judge(target, found, self._private_hosts)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send, and say what came of it. Raises nothing of the network's."""
        try:
            target, found = self.judged(url)
        except Unacceptable as refused:
            return Answer(None, f"refused-{refused.reason}")
        try:
            return _send(target, headers, body, _Pinned(found, TOTAL_SECONDS), self._trust())
        except httpcore.TimeoutException:
            return Answer(None, "timeout")
        except _NotTrusted:
            return Answer(None, "tls")
        except httpcore.ConnectError:
            return Answer(None, "not-reached")
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError, ValueError):
            return Answer(None, "broken-answer")


_line = Line()


def bind(line: Line) -> None:
    """Say how this process connects; the composition root does."""
    global _line
    _line = line


def current() -> Line:
    return _line


def _is_literal(host: str) -> bool:
    return ":" in host or host.rpartition(".")[2].isdecimal()


def _send(target: Target, headers: Mapping[str, str], body: bytes, backend: _Pinned, trust: ssl.SSLContext) -> Answer:
    """One request on a connection of its own."""
    sent = {
        "Host": target.authority, "Content-Type": "application/json", "Content-Length": str(len(body)),
        "User-Agent": "xinyi-plus-webhooks/1", "Accept-Encoding": "identity", "Connection": "close", **headers,
    }  # fmt: skip
    url = httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
    limits = {"connect": CONNECT_SECONDS, "read": TOTAL_SECONDS, "write": TOTAL_SECONDS, "pool": TOTAL_SECONDS}
    asked: dict[str, Any] = {"timeout": limits}
    with httpcore.ConnectionPool(ssl_context=trust, network_backend=backend, http2=False, retries=0) as pool:
        with pool.stream("POST", url, headers=list(sent.items()), content=body, extensions=asked) as answer:
            return _judged(answer, _text(answer))


def _judged(answer: httpcore.Response, text: str) -> Answer:
    status = answer.status
    if 200 <= status < 300:
        return Answer(status, "", text)
    word = "gone" if status == 410 else "redirect" if 300 <= status < 400 else "status"
    return Answer(status, word, text, _asked_seconds(answer))


def _asked_seconds(answer: httpcore.Response) -> int:
    told = next((value for name, value in answer.headers if name.lower() == b"retry-after"), b"")
    return int(told) if told.isdigit() and len(told) <= 6 else 0


def _text(answer: httpcore.Response) -> str:
    """The beginning of the body as text, without what a database or a screen chokes on. Its absence is no failure:
    the status has been told."""
    read = b""
    try:
        for chunk in answer.iter_stream():
            read += chunk
            if len(read) >= MOST_ANSWER_BYTES:
                break
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError):
        pass
    text = read[:MOST_ANSWER_BYTES].decode("utf-8", "replace")
    return "".join(each if each.isprintable() else " " for each in text)[:KEPT_CHARACTERS]


class _Pinned(httpcore.NetworkBackend):
    """Connects to the given addresses, whatever the name, and lets nothing last longer than all of it may."""

    def __init__(self, found: list[str], seconds: float) -> None:
        self._found, self._ends_at = found, time.monotonic() + seconds
        self._sockets = httpcore.SyncBackend()

    def left(self, most: float | None) -> float:
        """What is left of the time, at most so much. Raises ReadTimeout when nothing is."""
        rest = self._ends_at - time.monotonic()
        if rest <= 0:
            raise httpcore.ReadTimeout()
        return rest if most is None else min(rest, most)

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        ends_at = time.monotonic() + self.left(timeout)
        for place, address in enumerate(self._found, start=1):
            rest = max(0.1, ends_at - time.monotonic())
            try:
                return _Timed(self._sockets.connect_tcp(address, port, rest, local_address, socket_options), self)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if place == len(self._found) or time.monotonic() >= ends_at:
                    raise
        raise httpcore.ConnectError("no address")


class _NotTrusted(httpcore.ConnectError):
    """Somebody is there, and no TLS connection came about: most often for the certificate."""


class _Timed(httpcore.NetworkStream):
    """A stream whose every step ends with the whole. ssl and the socket count a step's time over all its parts."""

    def __init__(self, stream: httpcore.NetworkStream, time_of: _Pinned) -> None:
        self._stream, self._time = stream, time_of

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._time.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._time.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            stream = self._stream.start_tls(ssl_context, server_hostname, self._time.left(timeout))
        except httpcore.ConnectError as error:
            raise _NotTrusted() from error
        return _Timed(stream, self._time)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
