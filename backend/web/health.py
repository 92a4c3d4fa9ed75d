"""Is it alive, is it ready, how does it fare."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from flask import Flask, Response, request
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from backend.kit import db
from backend.kit.errors import NotFound
from backend.kit.figures import rendered
from backend.web.frame import Figures

Check = Callable[[], str]
"""A readiness check: empty when all is well, otherwise what is wrong, without secrets."""


def install(app: Flask, figures: Figures, checks: dict[str, Check], metrics_token: str) -> None:
    """Add ``/healthz``, ``/readyz`` and ``/metrics``. With a token, ``/metrics`` asks for it as a bearer token."""

    @app.get("/healthz")
    def check_health() -> Response:
        return Response("ok\n", content_type="text/plain; charset=utf-8")

    @app.get("/readyz")
    def check_readiness() -> tuple[dict[str, object], int]:
        results = {"database": _asked(_database), **{name: _asked(check) for name, check in checks.items()}}
        ready = not any(results.values())
        return {"ready": ready, "checks": {name: problem or "ok" for name, problem in results.items()}}, (
            200 if ready else 503
        )

    @app.get("/metrics")
    def show_metrics() -> Response:
        if metrics_token:
            given = request.headers.get("Authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {metrics_token}".encode()):
                raise NotFound()
        return Response(rendered(figures.registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _database() -> str:
    with db.reading() as reader:
        reader.execute(text("SELECT 1"))
    return ""


def _asked(check: Check) -> str:
    """What a check says; that the database does not answer is an answer too."""
    try:
        return check()
    except SQLAlchemyError as error:
        return f"the database does not answer ({type(error).__name__})"
