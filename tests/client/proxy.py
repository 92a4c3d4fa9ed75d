"""A proxy on loopback that loses answers: the request is carried out, and the caller hears nothing."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Trick:
    """What happens to the next ``times`` requests whose path ends in ``ending``: the answer is lost, or replaced."""

    ending: str
    times: int = 1
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    skip: int = 0


class Proxy:
    """Passes on to ``upstream`` and remembers ``(method, path, key)``."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.upstream = upstream
        self.seen: list[tuple[str, str, str]] = []
        self.tricks: list[Trick] = []
        self.lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"proxy": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def count(self, ending: str) -> int:
        return sum(path.endswith(ending) for _, path, _ in self.seen)

    def trick_for(self, path: str) -> Trick | None:
        with self.lock:
            for trick in self.tricks:
                if path.endswith(trick.ending) and trick.times:
                    if trick.skip:
                        trick.skip -= 1
                        return None
                    trick.times -= 1
                    return trick
        return None


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy

    def log_message(self, *_: Any) -> None:
        """Nothing to say."""

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.proxy.seen.append((self.command, self.path, self.headers.get("Idempotency-Key") or ""))
        trick = self.proxy.trick_for(self.path)
        if trick and trick.status:
            self._answer(trick.status, list(trick.headers.items()), trick.body)
            return
        upstream = http.client.HTTPConnection(*self.proxy.upstream, timeout=30)
        try:
            kept = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
            upstream.request(self.command, self.path, body or None, kept)
            answer = upstream.getresponse()
            said = answer.read()
        finally:
            upstream.close()
        if trick:
            self.close_connection = True  # carried out, and nobody hears of it
            return
        skip = ("connection", "transfer-encoding", "content-length")
        self._answer(answer.status, [(n, v) for n, v in answer.getheaders() if n.lower() not in skip], said)

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = _pass


@contextmanager
def proxying(upstream: tuple[str, int]) -> Iterator[Proxy]:
    """A proxy in front of ``upstream`` for the time of the block."""
    proxy = Proxy(upstream)
    thread = threading.Thread(target=proxy.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.server.shutdown()
        proxy.server.server_close()
        thread.join()
