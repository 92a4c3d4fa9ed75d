"""The OpenAPI document and a page to read it, from files on this server alone."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import flask_swagger_ui
from flask import Flask, Response, current_app, g, json, send_from_directory

from backend.kit.errors import NotFound
from backend.web import api

ASSETS = Path(flask_swagger_ui.__file__).parent / "dist"
SERVED = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")

PAGE = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>信易+ 接口文档</title><link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><main id="swagger-ui"></main>
<script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>
"""
START = """window.ui = SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true,
  validatorUrl: null, docExpansion: "list", defaultModelsExpandDepth: 0});
"""


@lru_cache(maxsize=4)
def _document(app: Flask) -> bytes:
    return json.dumps(api.document(app), ensure_ascii=False, sort_keys=False).encode()


def install(app: Flask) -> None:
    """Add ``/openapi.json`` and ``/docs``."""

    @app.get("/openapi.json")
    def show_openapi() -> Response:
        body = _document(current_app._get_current_object())  # type: ignore[attr-defined]
        return Response(body, content_type="application/json")

    @app.get("/docs")
    def show_docs() -> Response:
        g.allow_inline_style = True
        return Response(PAGE, content_type="text/html; charset=utf-8")

    @app.get("/docs/start.js")
    def start_docs() -> Response:
        return Response(START, content_type="text/javascript; charset=utf-8")

    @app.get("/docs/<name>")
    def show_docs_file(name: str) -> Response:
        if name not in SERVED:
            raise NotFound()
        return send_from_directory(ASSETS, name, max_age=86400)
