"""A client that puts a server under load from one thread: raw keep-alive connections, requests built beforehand.

An ordinary HTTP library would spend more of the two cores than the server; here a request costs a few
microseconds. An answer that never came (refused, reset, cut) has status 0.
"""

from __future__ import annotations

import errno
import json
import selectors
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

BUFFER = 65536
Address = tuple[str, int]


def request(
    method: str, path: str, token: str = "", *, key: object = None, body: Any = None, language: str = ""
) -> bytes:
    """One HTTP/1.1 request as bytes."""
    content = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if key is not None:
        lines.append(f"Idempotency-Key: {key}")
    if body is not None:
        lines.append("Content-Type: application/json")
    if content or method == "POST":
        lines.append(f"Content-Length: {len(content)}")
    if language:
        lines.append(f"Accept-Language: {language}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


@dataclass(slots=True)
class Answer:
    """What came back. ``status`` 0: nothing did."""

    status: int
    body: bytes
    seconds: float
    headers: bytes = b""

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        """The slug of a problem; empty for anything else."""
        return "" if self.status < 400 else str(self.json()["type"]).rpartition("/")[2]


class _Connection:
    """One keep-alive connection that is waiting for an answer, or has nothing to do."""

    def __init__(self, address: Address, timeout: float, *, fresh: bool = False) -> None:
        self.address, self.timeout, self.fresh = address, timeout, fresh
        self.socket = self._opened()
        self.place = -1
        self.sent_at = 0.0
        self.buffer = b""

    def _opened(self) -> socket.socket:
        opened = socket.create_connection(self.address, timeout=self.timeout)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    def renew(self) -> None:
        """Close and open again: a server that closes after each answer is asked for nothing more."""
        self.socket.close()
        self.socket = self._opened()

    def send(self, place: int, raw: bytes) -> None:
        self.place, self.buffer, self.sent_at = place, b"", time.perf_counter()
        self.socket.sendall(raw)

    def receive(self) -> Answer | None:
        """The answer once it is whole. Raises OSError when the connection ends before."""
        got = self.socket.recv(BUFFER)
        if not got:
            raise ConnectionResetError(errno.ECONNRESET, "the connection ended before the answer")
        self.buffer += got
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return None
        length = _length(head)
        if len(rest) < length:
            return None
        return Answer(int(head[9:12]), rest[:length], time.perf_counter() - self.sent_at, head)

    def lost(self) -> Answer:
        self.socket.close()
        return Answer(0, b"", time.perf_counter() - self.sent_at)


def _length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(b"\r\ncontent-length:")
    if at < 0:
        raise ValueError(f"an answer without Content-Length: {head!r}")
    return int(lowered[at + 17 :].split(b"\r\n", 1)[0])


Heard = Callable[[int, Answer], None]


def volley(address: Address, requests: Sequence[bytes], timeout: float = 60) -> list[Answer]:
    """Send all requests at the same moment, each on a connection of its own that stands already."""
    connections = [_Connection(address, timeout) for _ in requests]
    return _run(connections, enumerate(requests), len(requests), timeout, None, None)


def flood(
    address: Address,
    requests: Sequence[bytes],
    connections: int = 16,
    *,
    seconds: float | None = None,
    heard: Heard | None = None,
    timeout: float = 60,
    fresh: bool = False,
) -> list[Answer]:
    """Keep so many connections busy until the requests or the seconds run out; answers by the requests' places.

    ``fresh``: a new connection for each request, as a proxy makes them for a server that keeps none open.
    Requests that were not sent for lack of time, or because the server had gone, are left out at the end.
    """
    opened = [_Connection(address, timeout, fresh=fresh) for _ in range(min(connections, len(requests)))]
    return _run(opened, enumerate(requests), len(requests), timeout, seconds, heard)


def _run(
    connections: list[_Connection], queue: Iterable[tuple[int, bytes]], count: int, timeout: float,
    seconds: float | None, heard: Heard | None,
) -> list[Answer]:  # fmt: skip
    todo: Iterator[tuple[int, bytes]] = iter(queue)
    answers: list[Answer | None] = [None] * count
    selector = selectors.DefaultSelector()
    ends_at = time.perf_counter() + (seconds if seconds is not None else 10**9)
    for connection in connections:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        _next(connection, todo, answers, selector, ends_at)
    while selector.get_map():
        ready = selector.select(timeout)
        if not ready:
            raise TimeoutError(f"no answer within {timeout} s; {len(selector.get_map())} are missing")
        for key, _ in ready:
            connection = key.data
            answer = _received(connection, selector)
            if answer is None:
                continue
            answers[connection.place] = answer
            if heard:
                heard(connection.place, answer)
            if answer.status:
                _next(connection, todo, answers, selector, ends_at)
    selector.close()
    return [answer for answer in answers if answer is not None]


def _received(connection: _Connection, selector: selectors.BaseSelector) -> Answer | None:
    try:
        return connection.receive()
    except OSError:
        selector.unregister(connection.socket)
        return connection.lost()


def _next(
    connection: _Connection, todo: Iterator[tuple[int, bytes]], answers: list[Answer | None],
    selector: selectors.BaseSelector, ends_at: float,
) -> None:  # fmt: skip
    following = next(todo, None) if time.perf_counter() < ends_at else None
    if following is None:
        selector.unregister(connection.socket)
        connection.socket.close()
        return
    place, raw = following
    try:
        if connection.fresh and connection.place >= 0:
            selector.unregister(connection.socket)
            connection.renew()
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.send(place, raw)
    except OSError:
        selector.unregister(connection.socket)
        answers[place] = connection.lost()
