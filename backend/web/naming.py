"""What a request is called: its id in answers and logs, and the trace that it belongs to.

A caller names nothing here: whoever could choose an id could make two requests look like one. A trusted proxy may
(``XINYI_TRUSTED_PROXIES``), and must *set* ``X-Request-Id`` itself, not hand on what a caller sent; the proxy example
does, and takes a caller's ``traceparent`` away. A request that did not come through it gets an id of ours.
"""

from __future__ import annotations

import re
from uuid import UUID, uuid4

from flask import Request

_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_TRACE_PARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")


def names_of(request: Request, trusted_proxies: int) -> tuple[str, str | None]:
    """``(request id, trace id or None)``. Both are taken from headers only where a trusted proxy has set them."""
    if not _came_through(request, trusted_proxies):
        return str(uuid4()), None
    given = request.headers.get("X-Request-Id", "")
    identity = str(UUID(given)) if _ID.fullmatch(given) else str(uuid4())
    return identity, trace_of(request.headers.get("traceparent", ""))


def trace_of(header: str) -> str | None:
    """The trace id in a ``traceparent`` (W3C Trace Context, 3.2); None for one that is malformed or all zeros."""
    match = _TRACE_PARENT.fullmatch(header)
    if match is None or header.startswith("ff") or not match[1].strip("0"):
        return None
    return match[1]


def trusted_parent(request: Request, trusted_proxies: int) -> str | None:
    """The ``traceparent`` that a trusted proxy has set; None where there is none or it is broken."""
    header = request.headers.get("traceparent", "")
    return header if _came_through(request, trusted_proxies) and trace_of(header) else None


def _came_through(request: Request, trusted_proxies: int) -> bool:
    forwarded = request.headers.get("X-Forwarded-For", "")
    return trusted_proxies > 0 and len([part for part in forwarded.split(",") if part.strip()]) >= trusted_proxies
