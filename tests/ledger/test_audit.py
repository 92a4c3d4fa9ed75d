"""The audit must find each way of breaking the books, else its silence proves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.orm import Session

from backend.kit import clock, db
from backend.ledger import expiring, jobs, service
from backend.ledger.cli import ledger
from backend.ledger.models import accounts, allocations, budgets, lots, transfers, wallets
from tests.ledger.helpers import NOON, award, booked_lots, day, hold, issuer, release, settle


@dataclass
class Books:
    """A life in the ledger: awarded, held, settled in part, released, reversed."""

    who: UUID
    issuer: UUID
    award: service.Transfer
    hold: service.Transfer


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with clock.at(NOON):
        yield


@pytest.fixture
def books(session: Session) -> Books:
    given, who = issuer(session, 100), uuid4()
    first = award(session, who, given, 30, day(5))
    held = hold(session, who, 20)
    settle(session, held, 5)
    release(session, held, 10)
    wrong = award(session, who, given, 7)
    service.reverse(session, who, wrong.id, uuid4(), "误发")
    assert service.audit(session).agrees
    return Books(who, given, first, held)


def found(session: Session) -> str:
    return "\n".join(f"{one.where} {one.key}: {one.what}" for one in service.audit(session).disagreements)


def without_foreign_keys(session: Session, statement: Any) -> None:
    """What no flow can do, an operator with a console could."""
    if db.dialect_of(session) == "postgresql":
        session.execute(text("SET LOCAL session_replication_role = replica"))
    session.execute(statement)
    if db.dialect_of(session) == "postgresql":
        session.execute(text("SET LOCAL session_replication_role = origin"))


def test_the_report_counts_what_it_proved(session: Session, books: Books) -> None:
    report = service.audit(session, chunk=1)
    assert report.agrees and report.wallets >= 1 and report.transfers >= 7
    assert sum(report.by_kind().values()) + report.wallet_points == 0
    escrow = report.accounts[books.hold.credit_account_id]
    assert (escrow.balance_points, escrow.held_points) == (5, 5)


def test_the_chunks_size_changes_nothing(session: Session, books: Books) -> None:
    for _ in range(5):
        award(session, uuid4(), books.issuer, 1)
    whole = service.audit(session)
    for chunk in (1, 2, 3):
        seen: list[int] = []
        parts = service.audit(session, chunk=chunk, progress=lambda report, seen=seen: seen.append(report.wallets))
        assert (parts.wallets, parts.transfers, parts.by_kind()) == (whole.wallets, whole.transfers, whole.by_kind())
        assert seen == sorted(seen) and seen[-1] == whole.wallets


def test_a_wrong_balance_is_found(session: Session, books: Books) -> None:
    mine = wallets.c.resident_id == books.who
    session.execute(update(wallets).where(mine).values(balance_points=wallets.c.balance_points + 1))
    assert f"resident {books.who}: balance" in found(session) and "not zero" in found(session)


def test_a_wrong_lot_is_found(session: Session, books: Books) -> None:
    mine = lots.c.resident_id == books.who, lots.c.expires_on == day(5)
    session.execute(update(lots).where(*mine).values(remaining_points=lots.c.remaining_points - 1))
    assert "allocations sum to" in found(session)


def test_points_moved_between_lots_are_found(session: Session, books: Books) -> None:
    for ends, delta in ((day(5), -3), (service.FOREVER, 3)):
        mine = lots.c.resident_id == books.who, lots.c.expires_on == ends
        session.execute(update(lots).where(*mine).values(remaining_points=lots.c.remaining_points + delta))
    assert found(session).count("its allocations sum to") == 2


def test_a_lost_allocation_is_found(session: Session, books: Books) -> None:
    session.execute(delete(allocations).where(allocations.c.transfer_id == books.hold.id))
    assert f"transfer {books.hold.id} moves -20, but its allocations sum to 0" in found(session)


def test_a_lost_transfer_is_found(session: Session, books: Books) -> None:
    session.execute(delete(allocations).where(allocations.c.transfer_id == books.hold.id))
    without_foreign_keys(session, delete(transfers).where(transfers.c.id == books.hold.id))
    assert "entry 2 is missing" in found(session)


def test_a_changed_amount_is_found(session: Session, books: Books) -> None:
    session.execute(update(transfers).where(transfers.c.id == books.award.id).values(amount_points=31))
    assert "budget" in found(session) and "transfers sum to" in found(session)


def test_a_forged_settlement_is_found(session: Session, books: Books) -> None:
    row = select(transfers).where(transfers.c.hold_id == books.hold.id, transfers.c.kind == "settlement")
    forged = dict(session.execute(row).one()._mapping) | {"id": uuid4(), "amount_points": 6}
    session.execute(insert(transfers).values(forged))
    assert "use of transfer" in found(session) and "escrow account is at -1" in found(session)


def test_a_transfer_into_a_strangers_wallet_is_found(session: Session, books: Books) -> None:
    row = select(transfers).where(transfers.c.hold_id == books.hold.id, transfers.c.kind == "settlement")
    forged = dict(session.execute(row).one()._mapping) | {
        "id": uuid4(),
        "amount_points": 5,
        "credit_account_id": uuid4(),
    }
    session.execute(insert(transfers).values(forged))
    assert "is no known system account" in found(session)


def test_wrong_budgets_are_found(session: Session, books: Books) -> None:
    mine = budgets.c.organisation_id == books.issuer
    session.execute(update(budgets).where(mine).values(spent_points=29))
    assert f"budget {books.issuer}: 2026-03-01: granted 100, spent 29, but transfers give (100, 30)" in found(session)
    session.execute(delete(budgets).where(mine))
    assert "granted 0, spent 0, but transfers give (100, 30)" in found(session)


def test_a_missing_account_is_found(session: Session, books: Books) -> None:
    session.execute(delete(accounts).where(accounts.c.owner_id == books.issuer))
    assert "is no known system account" in found(session)


def test_the_command_says_what_it_proved_and_fails_when_something_disagrees(app: Flask, database: db.Database) -> None:
    with db.transaction() as session:
        given, who = issuer(session), uuid4()
        award(session, who, given, 5)
    passed = CliRunner().invoke(ledger, ["audit", "--chunk", "2"])
    assert passed.exit_code == 0, passed.output
    assert "全部一致" in passed.output and "连同钱包合计为零" in passed.output
    with db.transaction() as session:
        session.execute(update(wallets).where(wallets.c.resident_id == who).values(balance_points=6))
    try:
        failed = CliRunner().invoke(ledger, ["audit", "--quiet"])
        assert failed.exit_code == 1
        assert f"不一致：resident {who}：balance 6, but lots sum to 5" in failed.output
        assert jobs.prove(clock.today()).startswith("4 disagreements in ")
    finally:
        with db.transaction() as session:
            session.execute(update(wallets).where(wallets.c.resident_id == who).values(balance_points=5))


def test_the_command_grants_a_budget(app: Flask) -> None:
    organisation_id = uuid4()
    done = CliRunner().invoke(ledger, ["grant-budget", str(organisation_id), "2026-04", "50", "--reason", "文件一号"])
    assert done.exit_code == 0 and "2026-04 额度 50，已发 0。" in done.output
    assert CliRunner().invoke(ledger, ["grant-budget", str(organisation_id), "2026-13", "50"]).exit_code == 2


def test_the_daily_task_books_out_what_is_due_and_may_run_twice(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiring, "CHUNK", 2)
    people = [uuid4() for _ in range(5)]
    # Years before what any other test leaves behind.
    first, second = date(2016, 3, 5), date(2016, 3, 6)
    with clock.at(NOON.replace(year=2016)), db.transaction() as session:
        given = issuer(session)
        for who in people:
            award(session, who, given, 5, first)
            award(session, who, given, 1, second)
    assert jobs.expire(first) == "0 residents, 0 lots"
    assert jobs.expire(second) == "5 residents, 5 lots"
    assert jobs.expire(second) == "0 residents, 0 lots"
    with db.reading() as reader:
        assert {service.balance(reader, who, second) for who in people} == {1}
    assert CliRunner().invoke(ledger, ["expire"]).exit_code == 0
    with db.reading() as reader:
        assert {tuple(booked_lots(reader, who)) for who in people} == {()}
