"""A database of the module's own, whose rows may be tampered with, and a chain of seals in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import text

from backend.codes import service as codes
from backend.consents import service as consents
from backend.kit import clock, db, trail
from backend.oversight import service
from tests.conftest import SERVER_URL
from tests.support.databases import bound_to_own

TABLES = ("trail", "access_log", "oversight_seals", "oversight_leaves")
PEOPLE = [UUID(int=number) for number in range(1, 4)]


@pytest.fixture(scope="module")
def own(app: Flask, city_contents: dict[str, dict[str, Any]]) -> Iterator[db.Database]:
    """An empty database with the city, bound while the module runs."""
    with bound_to_own("postgresql" if SERVER_URL else "sqlite", city_contents) as mine:
        yield mine


def noted(looks: int = 3, acts: int = 2) -> None:
    """Some looks and acts, committed."""
    with db.transaction() as session:
        for number in range(looks):
            consents.record_look(
                session, PEOPLE[number % 3], uuid4(), "office", "复核", ["score"], "依法", authorisation="case:1"
            )
        for number in range(acts):
            trail.note(session, uuid4(), "office", "test.act", "test", number, {"n": number, "字": ["甲", 1.5]})


@contextmanager
def hours_later(hours: float) -> Iterator[None]:
    with clock.shifted(timedelta(hours=hours)):
        yield


@pytest.fixture
def chain(own: db.Database) -> Iterator[int]:
    """Four batches, four hours apart; its length. What a test does to the tables is undone."""
    clear()
    for hour in range(4):
        with hours_later(4 * (hour - 4)):
            noted()
            assert service.seal_all() == 1
    yield 4
    clear()


def clear() -> None:
    """Nothing noted, nothing sealed, and keys that have signed since 2000."""
    for table in (*TABLES, "code_keys"):
        sql(f"DELETE FROM {table}")
    with clock.at(datetime(2000, 1, 1, tzinfo=UTC)), db.transaction() as session:
        codes.ensure_keys(session, "320115")
    codes.forget_keys()


def sql(statement: str, **values: Any) -> int:
    """Raw SQL, committed, as whoever holds the database's password could send it; how many rows it touched."""
    with db.current().write() as session:
        return int(session.execute(text(statement), values).rowcount)  # type: ignore[attr-defined]


def ask(statement: str, **values: Any) -> Any:
    with db.current().read() as reader:
        return reader.execute(text(statement), values).scalar()
