"""RFC 9457, in the caller's language, and nothing that is not the caller's to know."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar

import psycopg
import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DataError, IntegrityError, OperationalError, ProgrammingError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from backend.kit.errors import DomainError, FieldError, IdempotencyConflict, NotFound
from backend.web import problems
from tests.checked_client import CheckedClient
from tests.web.conftest import PERSONAL

Failing = Callable[[BaseException], FlaskClient]


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        (None, "zh-CN"),
        ("", "zh-CN"),
        ("zh-CN", "zh-CN"),
        ("zh-TW,zh;q=0.9", "zh-CN"),
        ("fr", "zh-CN"),
        ("*", "zh-CN"),
        ("en", "en"),
        ("en-US,en;q=0.9", "en"),
        ("fr,en;q=0.5", "en"),
        ("en;q=0.2,zh;q=0.8", "zh-CN"),
        ("x" * 5000, "zh-CN"),
        ("zh;q=0,en", "en"),
        (";;;,,q=", "zh-CN"),
    ],
)
def test_a_problem_speaks_the_callers_language(client: CheckedClient, asked: str | None, language: str) -> None:
    answer = client.get("/api/v1/me", headers={"Accept-Language": asked} if asked is not None else {})
    assert answer.headers["Content-Language"] == language
    assert answer.get_json()["title"] == {"zh-CN": "请先登录", "en": "Please sign in"}[language]


def test_a_problem_names_the_request(client: CheckedClient) -> None:
    answer = client.get("/api/v1/nothing-here")
    problem = answer.get_json()
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    assert problem["instance"] == answer.headers["X-Request-Id"] and problem["type"] == "/problems/not-found"
    assert answer.headers["Cache-Control"] == "no-store"


def test_members_are_told_but_never_replace_what_the_standard_says(failing: Failing) -> None:
    problem = failing(NotFound("说明", "Detail", status=200, type="x", coupon_id="7")).get("/x").get_json()
    assert problem == {
        "type": "/problems/not-found", "title": "没有找到", "status": 404, "detail": "说明", "coupon_id": "7",
        "instance": problem["instance"],
    }  # fmt: skip


def test_a_detail_in_one_language_serves_both(failing: Failing) -> None:
    client = failing(NotFound("只有中文"))
    assert client.get("/x", headers={"Accept-Language": "en"}).get_json()["detail"] == "只有中文"


def test_a_field_error_has_its_pointer(failing: Failing) -> None:
    problem = failing(FieldError.at("/a/0/b", "不对", "Wrong")).get("/x").get_json()
    assert (problem["status"], problem["errors"]) == (422, [{"pointer": "/a/0/b", "detail": "不对"}])


def test_pointers_follow_rfc_6901() -> None:
    told = {"a": {0: {"b/c~d": ["Unknown field."]}}, "_schema": ["x"], "n": ["Missing data for required field."]}
    assert list(problems.pointers(told)) == [
        {"pointer": "/a/0/b~1c~0d", "detail": "没有这个字段。"},
        {"pointer": "", "detail": "x"},
        {"pointer": "/n", "detail": "必填。"},
    ]


@given(st.text(st.characters(), max_size=300))
def test_any_field_name_can_be_named(client: CheckedClient, name: str) -> None:
    body = json.dumps({"code": "x", name: 1} if name != "code" else {"x": 1})
    answer = client.post("/api/v1/auth/wechat", data=body, content_type="application/json")
    assert answer.status_code == 422
    assert len(answer.get_data()) < 6 * len(name) + 4_000


def test_an_answer_names_a_hundred_wrong_fields_at_most(client: CheckedClient) -> None:
    answer = client.post("/api/v1/auth/wechat", json={f"x{n}": 1 for n in range(5_000)})
    assert answer.status_code == 422 and len(answer.get_json()["errors"]) == 100


class Diagnosed(psycopg.Error):
    """A driver's error with a SQLSTATE and the words that PostgreSQL gives it."""

    state: ClassVar[str] = ""

    @property
    def sqlstate(self) -> str:
        return self.state


def driver_error(state: str) -> Diagnosed:
    kind = type("Diagnosed", (Diagnosed,), {"state": state})
    return kind(f"Failing row contains ({PERSONAL})")  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("kind", "state", "status", "slug"),
    [
        (IntegrityError, "23505", 409, "conflict"), (IntegrityError, "23514", 409, "conflict"),
        (IntegrityError, "23503", 409, "conflict"), (IntegrityError, "23502", 500, "internal-error"),
        (OperationalError, "53100", 503, "storage-full"),
        (OperationalError, "40P01", 503, "try-again"), (OperationalError, "40001", 503, "try-again"),
        (OperationalError, "55P03", 503, "try-again"), (OperationalError, "57014", 503, "try-again"),
        (OperationalError, "53300", 503, "try-again"), (OperationalError, "08006", 503, "try-again"),
        (DataError, "22003", 500, "internal-error"), (ProgrammingError, "42P01", 500, "internal-error"),
    ],
)  # fmt: skip
def test_a_databases_refusal_is_told_by_its_sqlstate_and_not_in_its_words(
    failing: Failing, capsys: pytest.CaptureFixture[str], kind: Any, state: str, status: int, slug: str
) -> None:
    error = kind("INSERT INTO people", {"name": PERSONAL}, driver_error(state))
    answer = failing(error).get("/x")
    assert (answer.status_code, answer.get_json()["type"]) == (status, f"/problems/{slug}")
    assert answer.headers.get("Retry-After") == ("1" if status == 503 else None)
    said = capsys.readouterr().err
    assert state in said and "测试" not in said + answer.get_data(as_text=True)


def caused() -> Exception:
    """An error whose cause knows too much."""
    try:
        try:
            raise StatementError(PERSONAL, "INSERT INTO people", {"name": PERSONAL}, ValueError(PERSONAL))
        except StatementError as inner:
            raise RuntimeError(f"could not keep {PERSONAL}") from inner
    except RuntimeError as error:
        return error


@pytest.mark.parametrize(
    "error", [ValueError(PERSONAL), KeyError(PERSONAL), caused()], ids=["ValueError", "KeyError", "chain"]
)
def test_an_unknown_exception_says_nothing_and_is_logged_without_its_words(
    failing: Failing, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    answer = failing(error).get("/x", query_string={"name": PERSONAL})
    problem = answer.get_json()
    assert (answer.status_code, problem["type"]) == (500, "/problems/internal-error")
    assert set(problem) == {"type", "title", "status", "instance"}
    said = capsys.readouterr().err
    assert problem["instance"] in said and type(error).__name__ in said and "conftest.py" in said
    for word in PERSONAL.split():
        assert word not in said


def test_a_pool_without_connections_asks_to_come_back(failing: Failing) -> None:
    answer = failing(PoolTimeout("QueuePool limit")).get("/x")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_a_slug_is_one_kind_of_problem() -> None:
    with pytest.raises(TypeError, match="is used by"):
        type("Another", (DomainError,), {"slug": IdempotencyConflict.slug, "title_zh": "x", "title_en": "x"})
    with pytest.raises(TypeError, match="needs a slug"):
        type("Nameless", (DomainError,), {"slug": "Not A Slug", "title_zh": "x", "title_en": "x"})
    assert DomainError.registry[IdempotencyConflict.slug] is IdempotencyConflict
