"""schemathesis over the whole API: what the document promises is what is answered, to whomever asks.

``XINYI_SCHEMATHESIS_EXAMPLES`` raises the number of requests per operation, caller and kind. The requests are the same
in every run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import jwt
import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from backend.accounts import service as accounts
from backend.kit import db
from tests.checked_client import COMMON
from tests.factories.world import OPERATIONS, World

pytestmark = pytest.mark.once
MANY = "8" if os.environ.get("XINYI_ALL_SUITES") == "1" else "2"
EXAMPLES = int(os.environ.get("XINYI_SCHEMATHESIS_EXAMPLES", MANY))
CALLERS = ("resident", "office", "community-worker", "device")

load_all_checks()
CHECKED = CHECKS.get_by_names(
    ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
     "response_schema_conformance"]
)  # fmt: skip
SPOILED = CHECKS.get_by_names([*(check.__name__ for check in CHECKED), "negative_data_rejection"])


@pytest.fixture(scope="module")
def described(app: Flask, city: dict[str, Any]) -> Any:
    """The API as its own ``/openapi.json`` tells it."""
    return schemathesis.openapi.from_wsgi("/openapi.json", app=app)


def token_of(world: World, label: str) -> str:
    """A session of its own, which one of the requests may end."""
    claims = jwt.decode(world.tokens[label], options={"verify_signature": False})
    with db.transaction() as session:
        return accounts.open_session(session, claims["knd"], UUID(claims["sub"])).access_token


def kinds_of_requests(world: World, operation: Any, name: str) -> Iterator[tuple[Any, list[Any]]]:
    """Good requests to things that exist, good ones to anything, and spoiled ones, each with its checks."""
    existing = {key: str(value) for key, value in world.call(name).params.items()}
    if existing:
        yield operation.as_strategy(path_parameters=existing), CHECKED
    yield operation.as_strategy(), CHECKED
    if any(True for _ in operation.iter_parameters()) or operation.body:
        yield operation.as_strategy(generation_mode=GenerationMode.NEGATIVE), SPOILED


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_answers_are_as_documented(described: Any, world: World, name: str) -> None:
    method, path, spec = world.operations[name]
    operation = described[path][method]
    rightful = world.call(name).who
    for label in CALLERS if rightful else ("resident",):
        headers = {"Authorization": f"Bearer {token_of(world, label)}"}
        examples = EXAMPLES if label in (rightful or label, "resident") else min(EXAMPLES, 2)
        for strategy, chosen in kinds_of_requests(world, operation, name):
            ask(strategy, chosen, headers, spec, examples)


def ask(strategy: Any, chosen: list[Any], headers: dict[str, str], spec: dict[str, Any], examples: int) -> None:
    @settings(
        max_examples=examples, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=strategy)
    def answered(case: Case) -> None:
        response = case.call(headers=headers)
        case.validate_response(response, checks=chosen)
        named(response, spec)

    try:
        answered()
    except Unsatisfiable:
        pass


def named(response: Any, spec: dict[str, Any]) -> None:
    """A problem is one that the route documents under its status."""
    if response.status_code < 400:
        return
    slug = response.json()["type"].removeprefix("/problems/")
    told = spec["responses"].get(str(response.status_code), {}).get("description", "")
    assert f"`{slug}`" in told or slug in COMMON, f"{response.status_code} {slug} is not documented"
