"""Other sites' scripts: closed, unless the installation names their origins.

Without a setting no answer ever carries ``Access-Control-Allow-Origin``, and a preflight is answered like any OPTIONS.
With ``XINYI_CORS_ORIGINS`` the named origins, and no others, may call ``/api/`` with a bearer token. There are no
cookies, so credentials are never allowed, and there is no wildcard.
"""

from __future__ import annotations

from flask import Flask, Response, request

METHODS = "GET, POST, PUT, DELETE"
HEADERS = "Authorization, Content-Type, Idempotency-Key, If-None-Match, Accept-Language, X-Follow-Token"
EXPOSED = "ETag, X-Request-Id, Retry-After, RateLimit, RateLimit-Policy, Deprecation, Sunset, Link"
PREFLIGHT_SECONDS = 600


def install(app: Flask, origins: frozenset[str]) -> None:
    """Let scripts of ``origins`` (``https://host[:port]``) read answers under ``/api/``."""
    if not origins:
        return

    @app.after_request
    def allow(response: Response) -> Response:
        if not request.path.startswith("/api/"):
            return response
        response.vary.add("Origin")
        origin = request.headers.get("Origin", "")
        if origin in origins:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
            if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
                response.headers["Access-Control-Allow-Methods"] = METHODS
                response.headers["Access-Control-Allow-Headers"] = HEADERS
                response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
            else:
                response.headers["Access-Control-Expose-Headers"] = EXPOSED
        return response
