"""News travels within the transaction, or after it; never from one that failed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from backend.kit import clock, db, outbox


@pytest.fixture
def topic() -> Iterator[str]:
    name = f"test.{uuid4().hex}"
    yield name
    outbox._within.pop(name, None)
    outbox._after.pop(name, None)


def drain() -> None:
    while outbox.deliver():
        pass


def test_within_runs_in_the_same_transaction_and_shares_its_fate(session: Session, topic: str) -> None:
    heard: list[tuple[Session, dict[str, Any]]] = []
    outbox.within(topic, lambda own, payload: heard.append((own, payload)))
    outbox.tell(session, topic, {"n": 1})
    assert heard == [(session, {"n": 1})]


def test_after_is_delivered_once_the_teller_has_committed(database: db.Database, topic: str) -> None:
    heard: list[dict[str, Any]] = []
    outbox.after(topic, "listener", heard.append)
    with db.transaction() as session:
        outbox.tell(session, topic, {"n": 1})
        assert heard == []
    drain()
    drain()
    assert heard == [{"n": 1}]


def test_nothing_is_delivered_from_a_transaction_that_failed(database: db.Database, topic: str) -> None:
    heard: list[dict[str, Any]] = []
    outbox.after(topic, "listener", heard.append)
    with pytest.raises(ValueError), db.transaction() as session:
        outbox.tell(session, topic, {"n": 1})
        raise ValueError
    drain()
    assert heard == []


def test_a_failing_subscriber_is_asked_again_later_and_harms_no_neighbour(database: db.Database, topic: str) -> None:
    heard: list[str] = []
    failures = iter([True, False])

    def moody(payload: dict[str, Any]) -> None:
        if next(failures):
            raise RuntimeError("not now")
        heard.append("moody")

    outbox.after(topic, "moody", moody)
    outbox.after(topic, "steady", lambda payload: heard.append("steady"))
    with db.transaction() as session:
        outbox.tell(session, topic, {})
    drain()
    assert heard == ["steady"]
    drain()
    assert heard == ["steady"], "it must wait before the second try"
    with clock.shifted(timedelta(seconds=10)):
        drain()
    assert heard == ["steady", "moody"]


def test_a_subscriber_that_never_succeeds_ends_as_dead_and_is_counted(database: db.Database, topic: str) -> None:
    def broken(payload: dict[str, Any]) -> None:
        raise RuntimeError("never")

    outbox.after(topic, "broken", broken)
    with db.reading() as reader:
        before = outbox.waiting(reader).get("dead", 0)
    with db.transaction() as session:
        outbox.tell(session, topic, {})
    for hours in range(outbox.MOST_TRIES + 1):
        with clock.shifted(timedelta(hours=2 * hours)):
            outbox.deliver()
    with db.reading() as reader:
        assert outbox.waiting(reader)["dead"] == before + 1
