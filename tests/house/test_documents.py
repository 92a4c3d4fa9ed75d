"""The documents are true: OpenAPI is current and valid, every problem is explained, every route names its caller."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from openapi_spec_validator import validate

from backend.kit.errors import DomainError
from backend.web import api
from backend.web.callers import PERMISSIONS
from tests.checked_client import CheckedClient
from tests.house.write_openapi import TARGET, render

pytestmark = pytest.mark.once


def test_the_committed_openapi_file_is_what_the_code_says(app: Flask) -> None:
    assert TARGET.read_text("utf-8") == render(api.document(app)), "run `make openapi` and read the difference"


def test_the_openapi_document_is_valid(app: Flask) -> None:
    document = dict(api.document(app))
    assert document["openapi"].startswith("3.1")
    validate(document)


def operations(app: Flask) -> list[tuple[str, str, dict[str, object]]]:
    document = api.document(app)
    return [(path, method, op) for path, item in document["paths"].items() for method, op in item.items()
            if method in ("get", "post", "put", "patch", "delete")]  # fmt: skip


def test_every_route_names_its_caller_and_describes_itself(app: Flask) -> None:
    for path, method, operation in operations(app):
        named = operation.get("x-permission")
        assert named == "public" or named in PERMISSIONS, f"{method} {path} names nobody"
        assert operation.get("summary"), f"{method} {path} has no docstring"
        assert "default" in operation["responses"], f"{method} {path}"  # type: ignore[operator]


def test_every_route_under_the_api_is_documented(app: Flask) -> None:
    documented = {path for path, _, _ in operations(app)}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/"):
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            assert path in documented, f"{rule.rule} is not in the document"


def test_operation_ids_are_unique(app: Flask) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(app)]
    assert len(ids) == len(set(map(str, ids)))


def test_every_permission_guards_some_route(app: Flask) -> None:
    used = {operation.get("x-permission") for _, _, operation in operations(app)}
    used |= {further for _, _, operation in operations(app) for further in operation.get("x-further-permissions", [])}  # type: ignore[attr-defined]
    assert set(PERMISSIONS) <= used, f"unused: {set(PERMISSIONS) - used}"


@pytest.mark.parametrize("slug", sorted(DomainError.registry))
def test_every_problem_is_explained_in_both_languages(slug: str) -> None:
    kind = DomainError.registry[slug]
    assert 400 <= kind.status < 600
    for text in (kind.title_zh, kind.title_en, kind.explain_zh, kind.explain_en):
        assert text.strip(), f"{slug} is not explained"


def test_every_problem_has_a_page(app: Flask, client: CheckedClient) -> None:
    for slug, kind in DomainError.registry.items():
        answer = client.get(f"/problems/{slug}")
        assert answer.status_code == 200, slug
        assert kind.title_zh in answer.get_data(as_text=True)
