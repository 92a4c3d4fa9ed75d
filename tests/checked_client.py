"""A test client that holds every answer against the OpenAPI document."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from werkzeug.test import TestResponse

from backend.web import api


class CheckedClient(FlaskClient):
    """As Flask's, with ``token=`` and ``key=`` for the two headers, and with each answer's shape checked."""

    def __init__(self, app: Flask) -> None:
        super().__init__(app, app.response_class, use_cookies=False)

    def open(self, *args: Any, token: str | None = None, key: object = None, **kwargs: Any) -> TestResponse:
        headers = dict(kwargs.pop("headers", None) or {})
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if key is not None:
            headers["Idempotency-Key"] = str(key)
        response = super().open(*args, headers=headers, **kwargs)
        check_answer(self.application, response)
        return response


@lru_cache(maxsize=4)
def document_of(app: Flask) -> dict[str, Any]:
    """The OpenAPI document, made once; nobody changes it."""
    return dict(api.document(app))


@lru_cache(maxsize=4)
def _spec(app: Flask) -> tuple[dict[str, Any], Any]:
    spec = document_of(app)
    registry = Registry().with_resource("urn:openapi", Resource(contents=spec, specification=DRAFT202012))
    return spec, registry


def check_answer(app: Flask, response: TestResponse) -> None:
    """Fail unless the answer's status, media type and body are as documented."""
    request = response.request
    assert response.status_code != 500, f"500 from {request.method} {request.path}: {response.get_data(as_text=True)}"
    if request.method == "HEAD":
        return
    if response.status_code >= 400:
        assert response.mimetype == "application/problem+json", response.mimetype
        problem = response.get_json(force=True)
        assert problem["status"] == response.status_code and problem["type"].startswith("/problems/"), problem
    spec, registry = _spec(app)
    if (operation := _operation(app, spec, request)) is None:
        return
    responses = operation["responses"]
    if response.status_code == 304:
        return
    documented = responses.get(str(response.status_code)) or responses.get("default")
    assert documented, f"{operation['operationId']} does not document {response.status_code}"
    if response.status_code < 400:
        assert str(response.status_code) in responses, (
            f"{operation['operationId']}: {response.status_code} undocumented"
        )
    else:
        _check_slug(operation, documented, response)
    _check_body(operation, str(response.status_code), response, registry)


def _check_body(operation: dict[str, Any], status: str, response: TestResponse, registry: Any) -> None:
    """Validate the body against the schema where it stands, so that its references resolve."""
    status = status if status in operation["responses"] else "default"
    if response.mimetype not in operation["responses"][status].get("content", {}) or not response.is_json:
        return
    steps = (
        "paths",
        operation["x-path"],
        operation["x-method"],
        "responses",
        status,
        "content",
        response.mimetype,
        "schema",
    )
    pointer = "/".join(step.replace("~", "~0").replace("/", "~1") for step in steps)
    Draft202012Validator({"$ref": f"urn:openapi#/{pointer}"}, registry=registry).validate(response.get_json(force=True))


COMMON = {"not-found", "method-not-allowed", "malformed-request", "content-too-large", "unsupported-media-type",
          "try-again", "storage-full", "conflict", "city-missing", "read-only"}  # fmt: skip


def _check_slug(operation: dict[str, Any], documented: dict[str, Any], response: TestResponse) -> None:
    slug = response.get_json(force=True)["type"].removeprefix("/problems/")
    named = f"`{slug}`" in documented.get("description", "")
    assert named or slug in COMMON, f"{operation['operationId']} does not document the problem {slug}"


def _operation(app: Flask, spec: dict[str, Any], request: Any) -> dict[str, Any] | None:
    adapter = app.url_map.bind("localhost")
    try:
        rule, _ = adapter.match(request.path, method=request.method, return_rule=True)
    except Exception:  # no such route: nothing is documented, and the problem's shape was checked above
        return None
    path = rule.rule  # type: ignore[union-attr]
    for converter in ("uuid:", "string:", "path:", "int:"):
        path = path.replace("<" + converter, "<")
    path = path.replace("<", "{").replace(">", "}")
    method = "get" if request.method == "HEAD" else request.method.lower()
    found = spec["paths"].get(path, {}).get(method)
    return None if found is None else {**found, "x-path": path, "x-method": method}
