"""A partner's system: a real HTTP server on loopback that keeps what arrives and answers as it is told to.

It shares no code with ``backend``. ``answers`` is asked with the number of the request (0, 1, …); see ``Answer``.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """``status`` with ``body`` and ``headers``. ``hang``: say nothing until the receiver closes. ``drip``: send header
    lines for ever, one by one. ``drop``: close the connection without a word."""

    status: int = 200
    body: bytes = b"ok"
    headers: tuple[tuple[str, str], ...] = ()
    hang: bool = False
    drip: bool = False
    drop: bool = False


@dataclass(frozen=True)
class Arrived:
    """One request as it came. ``headers``: names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """``with Receiver() as receiver``: ``receiver.url`` is where it listens. ``tls``: context of an https server."""

    answers: Callable[[int], Answer] = lambda _: Answer()
    tls: ssl.SSLContext | None = None
    arrived: list[Arrived] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""
    port: int = 0

    def __enter__(self) -> Receiver:
        self._http = _Server(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        if self.tls is not None:
            self._http.socket = self.tls.wrap_socket(self._http.socket, server_side=True)
        self.port = self._http.server_port
        self.url = f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/hook"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()

    def keep(self, one: Arrived) -> Answer:
        with self.lock:
            number = len(self.arrived)
            self.arrived.append(one)
        return self.answers(number)

    @property
    def ids(self) -> list[str]:
        return [one.headers["webhook-id"] for one in self.arrived]


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves early is what these tests are about."""


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._say(receiver.keep(Arrived(self.path, headers, body)))

        do_GET = do_POST

        def _say(self, answer: Answer) -> None:
            if answer.hang:
                receiver.closing.wait(30)
            elif answer.drip:
                self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                while not receiver.closing.wait(0.05):
                    self.wfile.write(b"X-Drip: 1\r\n")
            elif answer.drop:
                self.connection.shutdown(socket.SHUT_RDWR)
            else:
                self.send_response(answer.status)
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
