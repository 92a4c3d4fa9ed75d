"""What surrounds every request: its id, its log line, its figures, its headers."""

from __future__ import annotations

import io
import logging
import sys
import time
import traceback
from typing import Any, TextIO, cast

import structlog
from flask import Flask, Request, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram
from structlog.typing import EventDict

from backend.kit import deadline
from backend.kit import figures as counters
from backend.web import naming
from backend.web.callers import Caller

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'{wasm}; style-src 'self'{style}; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; media-src 'self' blob:; worker-src 'self' blob:; manifest-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Anything else that a caller invents is counted as one."""
MOST_FRAMES = 12
MOST_WORDS = 200
log = structlog.get_logger("web")
_lines: Any = log
"""The logger of request lines, put together once for each way in which logging is configured."""


class Figures:
    """The request figures of one app, in a registry of its own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests = Counter(
            "xinyi_requests_total",
            "Requests by route, method and status",
            ("route", "method", "status"),
            registry=registry,
        )
        self.seconds = Histogram(
            "xinyi_request_seconds", "Time to answer, by route", ("route",), registry=registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
        )  # fmt: skip
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request. Whose figures it belongs to is looked up once."""
        key = (route, method, status)
        if (known := self._known.get(key)) is None:
            known = self._known[key] = (self.requests.labels(*key), self.seconds.labels(route))
        known[0].inc()
        known[1].observe(seconds)


def install(app: Flask, figures: Figures, trusted_proxies: int = 0) -> None:
    """Wrap every request of ``app``. ``trusted_proxies``: how many stand before it and say what is true."""
    app.wsgi_app = _Guarded(app.wsgi_app)  # type: ignore[method-assign, assignment]
    sample_pool = counters.sampler()

    @app.before_request
    def start() -> None:
        own = _own()
        own.request_id, trace_id = naming.names_of(_asked(), trusted_proxies)
        own.started = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        told = {"request_id": own.request_id, "trace_id": trace_id} if trace_id else {"request_id": own.request_id}
        structlog.contextvars.bind_contextvars(**told)

    @app.after_request
    def finish(response: Response) -> Response:
        asked, own, status = _asked(), _own(), response.status_code
        caller: Caller | None = own.get("caller")
        _headers(response, asked, own, caller)
        _etag(response, asked)
        route = asked.url_rule.rule if asked.url_rule else "(none)"
        seconds = time.perf_counter() - own.get("started", time.perf_counter())
        method = asked.method if asked.method in METHODS else "other"
        if status >= 400:
            counters.REFUSALS.labels(route, status, own.get("problem", "")).inc()
        sample_pool()
        figures.answered(route, method, status, seconds)
        _lines.info(
            "request", route=route, method=method, status=status,
            milliseconds=round(seconds * 1000, 1), caller_kind=caller.kind if caller else None,
            account_id=str(caller.account_id) if caller else None,
        )  # fmt: skip
        return response


def _asked() -> Request:
    """The request itself. Behind the proxy every look at it costs a search for the context, and here are dozens."""
    own: Request = request._get_current_object()  # type: ignore[attr-defined]
    return own


def _own() -> Any:
    """The request's own names, likewise."""
    return g._get_current_object()


def limit_time(app: Flask, seconds: float) -> None:
    """Give every request ``seconds`` in all, from the moment its head has come. A client that sends its request byte by
    byte is the proxy's matter: it holds the request back until it is whole."""

    app.config["REQUEST_SECONDS"] = seconds

    @app.before_request
    def begin() -> None:
        deadline.begin(app.config["REQUEST_SECONDS"])

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        deadline.end()


GUARDS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(self), geolocation=(), microphone=(), payment=()"),
]
API_GUARDS = [*GUARDS, ("Vary", "Authorization"), ("Vary", "Accept-Language")]
"""What every answer carries, whatever it is: written once, not with each."""


class _Guarded:
    """Put what every answer carries beside its own headers."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        more = API_GUARDS if environ.get("PATH_INFO", "").startswith("/api/") else GUARDS

        def guarded(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            return start(status, headers + more, *error)

        return self._inner(environ, guarded)


_POLICIES = {
    (wasm, style): CONTENT_SECURITY_POLICY.format(
        wasm=" 'wasm-unsafe-eval'" if wasm else "", style=" 'unsafe-inline'" if style else ""
    )
    for wasm in (False, True)
    for style in (False, True)
}


def _headers(response: Response, asked: Request, own: Any, caller: Caller | None) -> None:
    headers = response.headers
    headers["X-Request-Id"] = own.get("request_id", "")
    headers["Content-Security-Policy"] = _POLICIES[bool(own.get("allow_wasm")), bool(own.get("allow_inline_style"))]
    if asked.is_secure:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    if "Cache-Control" not in headers:
        personal = caller is not None
        headers["Cache-Control"] = (
            "no-store" if asked.method not in ("GET", "HEAD") else "private, no-cache" if personal else "no-cache"
        )


CONDITIONS = ("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_MATCH", "HTTP_IF_UNMODIFIED_SINCE", "HTTP_RANGE")


def _etag(response: Response, asked: Request) -> None:
    if asked.method in ("GET", "HEAD") and response.status_code == 200 and not response.is_streamed:
        if "no-store" not in response.headers.get("Cache-Control", ""):
            if not response.headers.get("ETag"):
                response.add_etag()
            if any(name in asked.environ for name in CONDITIONS):
                response.make_conditional(asked)


def configure_logging(level: str, *, readable: bool) -> None:
    """Structured lines on standard error: JSON in production, readable in the demo. Never personal data."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _trace,
            structlog.dev.ConsoleRenderer(colors=False) if readable
            else structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=cast(TextIO, _Stderr())),
        cache_logger_on_first_use=False,
    )  # fmt: skip
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, _Libraries)]:
        root.removeHandler(handler)
    root.addHandler(_Libraries(logging.WARNING))
    global _lines
    _lines = log.bind()


class _Libraries(logging.Handler):
    """What libraries say through ``logging``, from warnings on, as lines of ours: which library, and the words that
    stand in its code. What it filled them with is left out: it may be anybody's."""

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= logging.ERROR else "warning"
        say = getattr(structlog.get_logger(record.name), level)
        error = record.exc_info[1] if record.exc_info else None
        say("library", library=record.name.partition(".")[0], words=str(record.msg)[:MOST_WORDS], exc_info=error)


def _trace(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Where an exception came from: types and lines of the whole chain. Never its words, which may hold what a person
    typed or what the database has of her."""
    told = event.pop("exc_info", None)
    error = told if isinstance(told, BaseException) else sys.exc_info()[1] if told else None
    lines: list[str] = []
    while error is not None and len(lines) < 10:
        frames = traceback.extract_tb(error.__traceback__)[-MOST_FRAMES:]
        places = (f"{'/'.join(frame.filename.split('/')[-3:])}:{frame.lineno} {frame.name}" for frame in frames)
        lines.append(f"{type(error).__name__}: " + " > ".join(places))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return {**event, "trace": lines} if lines else event


class _Stderr(io.TextIOBase):
    """Standard error as it is at the moment of writing, so that tests and servers may replace it."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()
