"""The HTTP side of the stand-in: loopback only, nothing taken on trust, never a traceback."""

from __future__ import annotations

import ipaddress
import json
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.wechat_server.control import control
from tests.wechat_server.endpoints import ENDPOINTS, Request, refusal
from tests.wechat_server.world import APP_ID, APP_SECRET, Clock, Fault, Refusal, World

BODY_BYTES = 256 * 1024
HANG_SECONDS = 120
PROXY_HEADERS = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")


def is_loopback(host: str) -> bool:
    """Whether a host as written (an address, or ``localhost``) is this machine and nothing else."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(authority: str) -> str:
    """The host of ``host:port`` or ``[v6]:port``; empty where it cannot be read."""
    try:
        parts = urlsplit("//" + authority)
        return "" if parts.username is not None or parts.path else parts.hostname or ""
    except ValueError:
        return ""


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], world: World) -> None:
        if not is_loopback(address[0]):
            raise ValueError(f"the stand-in listens on loopback only, not on {address[0]}")
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self.world = world
        self.closing = threading.Event()
        super().__init__(address, _Handler)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whoever is not on this machine gets no answer at all."""
        return is_loopback(str(client_address[0]).partition("%")[0])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is no event; anything else is one line."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            print(f"stand-in: {type(error).__name__}: {error}", file=sys.stderr)


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    protocol_version = "HTTP/1.1"
    server_version = "wechat-stand-in"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: addresses carry secrets and codes."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class cannot parse is answered as JSON, and ends the connection."""
        self.close_connection = True
        self.request_version = "HTTP/1.1"  # else a broken request line would be answered without headers
        self._send(code, refusal(47001))

    def _answer(self) -> None:
        world = self.server.world
        if not self._local():
            self.close_connection = True
            self._send(403, {"error": "the stand-in answers on loopback only"})
            return
        try:
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query, keep_blank_values=True, max_num_fields=50))
        except ValueError:
            self.close_connection = True
            self._send(200, refusal(47001))
            return
        body, readable = self._body()
        request = Request(self.command, query, body, readable)
        if parts.path.startswith("/stand-in/"):
            self._send(*control(world, f"{self.command} {parts.path.removeprefix('/stand-in/')}", request))
        elif parts.path in ENDPOINTS:
            self._serve(parts.path, request)
        else:
            self._send(200, refusal(40066))

    def _serve(self, path: str, request: Request) -> None:
        """One endpoint of WeChat's, with the fault that is due, before or after it takes effect."""
        world = self.server.world
        world.count_call(path)
        fault = world.take_fault(path)
        if fault and not fault.after and self._fail(fault, path, request):
            return
        reply = self._work(path, request)
        if fault and fault.after and self._fail(fault, path, request):
            return
        self._reply(path, reply)

    def _work(self, path: str, request: Request) -> dict[str, Any] | bytes:
        try:
            return ENDPOINTS[path](self.server.world, request)
        except Refusal as problem:
            return refusal(problem.errcode, problem.errmsg)

    def _reply(self, path: str, reply: dict[str, Any] | bytes) -> None:
        # code2Session really calls its JSON plain text.
        text = "text/plain" if path == "/sns/jscode2session" else "application/json; encoding=utf-8"
        self._send(200, reply, "image/png" if isinstance(reply, bytes) else text)

    def _fail(self, fault: Fault, path: str, request: Request) -> bool:
        """Let ``fault`` happen. False where the call then goes on as usual."""
        if fault.delay:
            self.server.closing.wait(fault.delay)
        if fault.hang or fault.drop:
            if fault.hang:
                self.server.closing.wait(HANG_SECONDS)
            self.close_connection = True
            return True
        if fault.drip:
            self._drip(self._work(path, request))
            return True
        if fault.errcode is not None:
            self._send(fault.http_status or 200, refusal(fault.errcode))
            return True
        if fault.http_status is not None or fault.body is not None:
            content = (fault.body or "").encode("utf-8", "replace")
            self._send(fault.http_status or 200, content, "text/html", location=fault.location)
            return True
        return False

    def _drip(self, reply: dict[str, Any] | bytes) -> None:
        """A good answer, a byte at a time: each read succeeds, the whole takes for ever."""
        content = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        for byte in content:
            if self.server.closing.wait(0.1):
                return
            self.wfile.write(bytes([byte]))

    def _local(self) -> bool:
        """Whether this is for us: a loopback Host (no rebound name), no proxy, no page of another site."""
        hosts = self.headers.get_all("Host") or []
        origin = self.headers.get("Origin")
        return (
            len(hosts) == 1
            and is_loopback(host_of(hosts[0].strip()))
            and not any(name in self.headers for name in PROXY_HEADERS)
            and (origin is None or is_loopback(host_of(origin.partition("://")[2])))
        )

    def _body(self) -> tuple[object, bool]:
        """The body, and whether it could be read as JSON. What is not read to its end ends the connection."""
        declared = self.headers.get("Content-Length")
        if self.headers.get("Transfer-Encoding") is not None:
            self.close_connection = True
            return None, False
        if declared is None:
            return None, True
        if not (declared.isascii() and declared.isdigit() and len(declared) < 12) or int(declared) > BODY_BYTES:
            self.close_connection = True
            return None, False
        content = self.rfile.read(int(declared))
        self.server.world.bodies[urlsplit(self.path).path] = content
        if len(content) < int(declared):
            self.close_connection = True
            return None, False
        if not content:
            return None, True
        try:
            return json.loads(content), True
        except (ValueError, RecursionError):
            return None, False

    def _send(
        self,
        status: int,
        reply: dict[str, Any] | bytes,
        media_type: str = "application/json",
        location: str | None = None,
    ) -> None:
        content = reply if isinstance(reply, bytes) else json.dumps(reply).encode("ascii")
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        if location:
            self.send_header("Location", location)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


class WechatServer:
    """The stand-in as a whole. As a context manager it serves from a thread; ``serve`` stays in front.

    ``port`` 0 takes a free one. ``world`` is open to tests: ``world.make_code("login", openid)``, ``calls``.
    """

    def __init__(
        self,
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        app_id: str = APP_ID,
        app_secret: str = APP_SECRET,
        clock: Clock | None = None,
        state_file: Path | None = None,
        people_file: Path | None = None,
    ) -> None:
        self.world = World(app_id, app_secret, clock=clock, state_file=state_file, people_file=people_file)
        self._listener = _Listener((host, port), self.world)
        address = f"[{host}]" if ":" in host else host
        self.base_url = f"http://{address}:{self._listener.server_address[1]}"
        self._thread: threading.Thread | None = None

    def serve(self) -> None:
        """Serve until interrupted."""
        try:
            self._listener.serve_forever(poll_interval=0.1)
        finally:
            self._listener.closing.set()
            self._listener.server_close()

    def __enter__(self) -> WechatServer:
        self._thread = threading.Thread(target=self.serve, name="wechat-stand-in", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.closing.set()
        self._listener.shutdown()
        if self._thread:
            self._thread.join(timeout=10)
