"""Days are closed when they are complete; an account's balance is right at every moment, whenever a transfer comes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from backend.kit import clock, db
from backend.ledger import jobs, rollup, service
from backend.ledger.models import day_totals, days, transfers
from backend.ledger.rules import account_id
from tests.conftest import SERVER_URL
from tests.ledger.helpers import award, hold, issuer, release, settle
from tests.support.databases import bound_to_own


@pytest.fixture
def own(app: Flask, city_contents: dict[str, dict[str, Any]]) -> Iterator[db.Database]:
    """An empty database: closing days in the run's own would move other tests' clocks."""
    with bound_to_own("postgresql" if SERVER_URL else "sqlite", city_contents) as mine:
        yield mine


def noon(day: int) -> datetime:
    return clock.start_of_day(date(2026, 3, day)) + timedelta(hours=12)


def act(day: int, what: Any) -> Any:
    with clock.at(noon(day)), db.transaction() as session:
        return what(session)


def close(day: int, hours: float = 13) -> list[date]:
    """What is closed that many hours after a day's noon."""
    with clock.at(noon(day) + timedelta(hours=hours, minutes=1)):
        return [closed.day for closed in rollup.close_all()]


def summed(reader: db.Reader, account: UUID) -> int:
    """The balance by summing all history, which the ledger itself never does."""
    points = select(func.coalesce(func.sum(transfers.c.amount_points), 0))
    gained = points.where(transfers.c.credit_account_id == account)
    lost = points.where(transfers.c.debit_account_id == account)
    return int(reader.execute(gained).scalar_one()) - int(reader.execute(lost).scalar_one())


def accounts_of(given: UUID, partner: UUID) -> list[UUID]:
    kinds = [("budget", given), ("escrow", partner), ("partner", partner), ("expired", given), ("loss", given)]
    return [account_id("mint", None), *(account_id(kind, owner) for kind, owner in kinds)]


def test_a_balance_is_the_same_as_by_summing_everything_at_every_moment_of_many_lives(own: db.Database) -> None:
    dice, partner, people = random.Random(7), uuid4(), [uuid4() for _ in range(4)]
    given = act(1, lambda session: issuer(session, 10_000))
    held: list[service.Transfer] = []

    def live(session: Session) -> None:
        who = dice.choice(people)
        award(session, who, given, dice.randint(5, 20), date(2026, 3, dice.randint(3, 20)))
        if service.balance(session, who, clock.today()) > 3:
            held.append(hold(session, who, 3, partner))
        if held and dice.random() < 0.6:
            dice.choice([release, settle])(session, held.pop())

    for day in range(1, 12):
        for _ in range(6):
            act(day, live)
        with clock.at(noon(day)):
            jobs.expire(clock.today())
        if dice.random() < 0.5:
            close(day)
        with db.reading() as reader:
            for account in accounts_of(given, partner):
                assert service.account_balance(reader, account) == summed(reader, account)
    assert close(20)
    with db.reading() as reader:
        assert sum(one.transfers for one in service.closed_days(reader)) == reader.execute(
            select(func.count()).select_from(transfers)
        ).scalar()  # fmt: skip
        report = service.audit(reader)
    assert report.agrees and report.days == len(range(1, 12)), report.disagreements


def test_a_day_is_closed_an_hour_after_its_end_and_only_once(own: db.Database) -> None:
    given = act(1, issuer)
    assert close(1, 12.5) == [], "it ended half an hour ago"
    assert close(1) == [date(2026, 3, 1)]
    assert close(1) == [] == close(3), "days without transfers are passed over"
    act(5, lambda session: award(session, uuid4(), given, 1))
    assert close(6) == [date(2026, 3, 5)]


def test_a_cut_run_is_taken_up_where_it_stopped(own: db.Database) -> None:
    for day in (1, 2, 3):
        act(day, issuer)
    with clock.at(noon(9)):
        with db.transaction() as session:
            assert rollup.close_next(session) is not None
        with pytest.raises(RuntimeError), db.transaction() as session:
            rollup.close_next(session)
            raise RuntimeError("cut")
        assert [one.day.day for one in rollup.close_all()] == [2, 3]
        assert jobs.close_days() == "0 days closed"


def test_a_clock_that_was_set_back_writes_nothing_into_a_closed_day(own: db.Database) -> None:
    given, who = act(5, issuer), uuid4()
    close(6)
    early = act(2, lambda session: award(session, who, given, 9))
    grant = act(1, lambda session: service.grant_budget(session, given, date(2026, 3, 1), 5, None))
    held = act(2, lambda session: hold(session, who, 4))
    assert {early.created_at, grant.created_at, held.created_at} == {clock.end_of_day(date(2026, 3, 5))}
    with db.reading() as reader:
        assert service.account_balance(reader, account_id("mint", None)) == -1005
        assert service.balance(reader, who, date(2026, 3, 2)) == 5
        assert service.audit(reader).agrees
    assert close(9) == [date(2026, 3, 6)]
    with clock.at(noon(2)):
        assert jobs.expire(clock.today()) == "0 residents, 0 lots"


def test_expiry_under_a_clock_set_back_is_dated_after_the_closed_day_too(own: db.Database) -> None:
    given, who = act(1, issuer), uuid4()
    act(1, lambda session: award(session, who, given, 9, date(2026, 3, 2)))
    act(8, issuer)
    close(9)
    with clock.at(noon(4)):
        assert jobs.expire(clock.today()) == "1 residents, 1 lots"
    with db.reading() as reader:
        [line, _] = service.entries(reader, who, 5)
        assert line.code == "ledger.expiry" and line.at == clock.end_of_day(date(2026, 3, 8))
        assert service.audit(reader).agrees


@pytest.mark.skipif(not SERVER_URL, reason="SQLite has one writer: nothing is open while a day is closed")
def test_a_day_waits_for_a_transaction_that_is_still_open_from_it(own: db.Database) -> None:
    act(1, issuer)
    today = clock.today()
    with db.current().write() as late:  # another server's, stopped in the middle of its commit
        given = issuer(late)
        with clock.shifted(timedelta(days=2)):
            assert rollup.close_all() == []
    with clock.shifted(timedelta(days=2)):
        assert [one.day for one in rollup.close_all()] == [date(2026, 3, 1), today]
        with db.reading() as reader:
            assert service.account_balance(reader, account_id("budget", given)) == 1000
            assert service.audit(reader).agrees


@contextmanager
def undone() -> Iterator[Session]:
    """A transaction that leaves no trace."""
    with suppress(LookupError), db.transaction() as session:
        yield session
        raise LookupError


def found(session: Session) -> str:
    return "\n".join(one.what for one in service.audit(session).disagreements if one.where == "day")


def test_the_audit_finds_whatever_of_a_closed_day_does_not_agree(own: db.Database) -> None:
    given = act(1, issuer)
    act(3, lambda session: award(session, uuid4(), given, 5))
    close(9)
    first, third = date(2026, 3, 1), date(2026, 3, 3)
    budget = day_totals.c.account_id == account_id("budget", given)
    spoilt = {
        update(day_totals).where(budget, day_totals.c.day == first).values(credit_points=999): "its transfers give",
        update(day_totals).where(budget, day_totals.c.day == third).values(balance_points=1): "is left at 1, not 995",
        delete(day_totals).where(budget): "has no total",
        update(days).where(days.c.day == third).values(transfers=2): "closed with 2 transfers",
        delete(days).where(days.c.day == first): "a day that was not closed",
    }
    for statement, said in spoilt.items():
        with undone() as session:
            assert found(session) == ""
            session.execute(statement)
            assert said in found(session)


def test_a_transfer_written_into_a_closed_day_behind_the_ledgers_back_is_found(own: db.Database) -> None:
    act(1, issuer)
    close(2)
    with undone() as session:
        row = dict(session.execute(select(transfers)).one()._mapping)
        session.execute(insert(transfers).values(row | {"id": uuid4(), "amount_points": 3}))
        assert "closed with 1 transfers of 1000, but there are 2 of 1003" in found(session)
