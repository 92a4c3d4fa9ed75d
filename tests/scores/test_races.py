"""Records, consents and withdrawals of one person at the same moment, with real commits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from backend.consents import service as consents
from backend.kit import db, outbox
from backend.records import service as records
from backend.scores import models, service
from tests.factories import accounts as factories
from tests.records.test_service import honour

pytestmark = pytest.mark.usefixtures("city")


@pytest.fixture(autouse=True)
def _wired(monkeypatch: pytest.MonkeyPatch) -> None:
    wires: Any = {
        "records.changed": [service.on_records_changed],
        "consents.changed": [service.on_consent_changed],
    }
    monkeypatch.setattr(outbox, "_within", wires)


def person() -> UUID:
    with db.transaction() as session:
        return factories.resident(session, bound=False).resident_id


def give(resident_id: UUID, granted: bool) -> None:
    with db.transaction() as session:
        version = consents.purpose_called(session, "score").text_version
        consents.set_consent(session, resident_id, "score", granted, version)


def add(resident_id: UUID, number: int) -> None:
    with db.transaction() as session:
        records.add_record(session, resident_id, honour(number))


def at_once(*acts: Callable[[], None]) -> None:
    barrier, failures = threading.Barrier(len(acts)), []

    def run(act: Callable[[], None]) -> None:
        barrier.wait()
        try:
            act()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def kept(resident_id: UUID) -> int | None:
    with db.reading() as reader:
        table = models.scores
        value: int | None = reader.execute(select(table.c.value).where(table.c.resident_id == resident_id)).scalar()
        return value


def test_of_records_that_arrive_together_none_is_missed() -> None:
    resident_id = person()
    give(resident_id, True)
    at_once(*(partial(add, resident_id, n) for n in range(1, 9)))
    assert kept(resident_id) == 720
    with db.reading() as reader:
        assert len(service.explain(reader, resident_id).reasons) == 8


def test_a_record_that_arrives_with_the_first_consent_is_not_missed() -> None:
    for _ in range(8):
        resident_id = person()
        at_once(partial(give, resident_id, True), partial(add, resident_id, 1))
        assert kept(resident_id) == 660


def test_a_withdrawal_leaves_nothing_behind_whatever_arrives_with_it() -> None:
    for _ in range(8):
        resident_id = person()
        give(resident_id, True)
        at_once(partial(give, resident_id, False), partial(add, resident_id, 1), partial(add, resident_id, 2))
        assert kept(resident_id) is None
        with db.reading() as reader:
            lines = reader.execute(select(models.history.c.id).where(models.history.c.resident_id == resident_id))
            assert lines.all() == []


def test_a_withdrawal_while_the_city_is_computed_leaves_nothing_behind() -> None:
    for _ in range(4):
        resident_id = person()
        give(resident_id, True)
        with db.transaction() as session:
            mine = models.scores.c.resident_id == resident_id
            session.execute(update(models.scores).where(mine).values(value=1))

        def city() -> None:
            with db.transaction() as session:
                service.recompute_all(session, "request")

        at_once(city, partial(give, resident_id, False), city)
        assert kept(resident_id) is None
        with db.reading() as reader:
            lines = reader.execute(select(models.history.c.id).where(models.history.c.resident_id == resident_id))
            assert lines.all() == []


def test_the_nightly_run_and_a_record_agree() -> None:
    resident_id = person()
    give(resident_id, True)
    with db.transaction() as session:
        mine = models.scores.c.resident_id == resident_id
        session.execute(update(models.scores).where(mine).values(policy_version="old"))

    def nightly() -> None:
        with db.transaction() as session:
            service.recompute_all(session, "request")

    at_once(nightly, partial(add, resident_id, 1), nightly)
    assert kept(resident_id) == 660
