"""An obligation charged, undone, released, paid and disputed at the same moment, with real commits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from backend.codes import service as codes
from backend.kit import clock, db
from backend.obligations import jobs, rules, service
from backend.obligations.errors import ObligationStateRefused
from backend.obligations.models import obligations
from tests.factories import accounts as people
from tests.obligations.conftest import HOUR, Owed, act, admitted, charge, decide, dispute, owed, row, state, told, undo
from tests.privacy.conftest import leave
from tests.races.barrier import at_once

Act = Callable[[Session], Any]


@pytest.fixture(autouse=True)
def _city(city: dict[str, Any]) -> None:
    """江宁."""


def made(*, charged: bool = False, disputed: bool = False) -> Owed:
    with db.transaction() as session:
        one = owed(session)
        if charged or disputed:
            charge(session, one)
        if disputed:
            dispute(session, one)
        return one


def now(one: Owed) -> str:
    with db.reading() as reader:
        return state(reader, one)


def said(one: Owed) -> list[str]:
    with db.reading() as reader:
        return told(reader, one)


def by_partner(verb: Any, one: Owed) -> Act:
    return lambda session: verb(session, one.partner_id, one.id, act())


def refused(results: list[Any]) -> int:
    """How many were refused; whatever else was raised is a fault."""
    wrong = [each for each in results if isinstance(each, Exception) and not isinstance(each, ObligationStateRefused)]
    assert not wrong, wrong
    return sum(isinstance(each, ObligationStateRefused) for each in results)


@pytest.mark.parametrize("_again", range(5))
def test_a_charge_and_an_undone_admission_at_once_leave_nothing_owed(_again: int) -> None:
    one = made()
    charged, undone = at_once([lambda session: charge(session, one), lambda session: undo(session, one)])
    assert undone is None and now(one) == "withdrawn"
    with db.reading() as reader:
        amount = service.my_obligation(reader, one.resident_id, one.id).amount_fen
    assert (amount is None) == isinstance(charged, ObligationStateRefused)
    assert said(one) == ([] if amount is None else ["charged", "withdrawn"]), (
        "whoever was told of it is told of its end"
    )


@pytest.mark.parametrize("_again", range(5))
def test_of_a_charge_and_a_release_at_once_one_wins(_again: int) -> None:
    one = made()
    results = at_once([lambda session: charge(session, one), by_partner(service.release, one)])
    assert refused(results) == 1
    assert now(one) == ("released" if isinstance(results[0], Exception) else "charged")


def test_of_many_who_charge_at_once_one_does(city: dict[str, Any]) -> None:
    one = made()
    results = at_once([lambda session, fen=fen: charge(session, one, fen) for fen in range(1, 9)])
    assert refused(results) == 7
    (won,) = [each for each in results if not isinstance(each, Exception)]
    with db.reading() as reader:
        assert service.my_obligation(reader, one.resident_id, one.id).amount_fen == won.amount_fen
    assert said(one) == ["charged"]


def test_of_a_payment_and_a_withdrawal_at_once_one_wins() -> None:
    one = made(charged=True)
    results = at_once([by_partner(service.settle, one), by_partner(service.withdraw, one)])
    assert refused(results) == 1 and now(one) in ("settled", "withdrawn")


def test_a_decision_and_a_payment_at_once_end_once() -> None:
    one = made(disputed=True)
    acts = [lambda session: decide(session, one, rules.CANCELLED), by_partner(service.settle, one)]
    assert refused(at_once(acts)) == 1 and now(one) in ("settled", "withdrawn")


def test_one_admission_told_many_times_at_once_opens_one() -> None:
    with db.transaction() as session:
        who = people.resident(session).resident_id
        partner = people.organisation(session, "partner")
    terms = {"kind": "pay_after", "up_to_fen": 500, "due_hours": 48, "remind_hours_before": [24], "title": "演示就餐",
             "partner_name": "演示餐厅"}  # fmt: skip
    news = {**admitted(who, terms), "partner_id": str(partner)}
    assert at_once([lambda session: service.on_admitted(session, news) for _ in range(6)]) == [None] * 6
    with db.reading() as reader:
        assert len(service.my_obligations(reader, who, 10)) == 1


@pytest.mark.parametrize("_again", range(3))
def test_many_workers_tell_each_thing_once(_again: int) -> None:
    many = [made(charged=True) for _ in range(6)]
    ids = [one.id for one in many]
    with db.transaction() as session:
        past = update(obligations).where(obligations.c.id.in_(ids))
        session.execute(past.values(due_at=clock.now() - HOUR, next_at=clock.now() - HOUR))
    results = at_once([lambda session: jobs.tell_some(session, 3) for _ in range(6)])
    assert all(isinstance(each, int) for each in results), results
    jobs.tell_on_time()
    assert [said(one) for one in many] == [["charged", "arrears"]] * 6


@pytest.mark.parametrize("_again", range(3))
def test_a_payment_and_the_telling_of_arrears_at_once_agree(_again: int) -> None:
    one = made(charged=True)
    with db.transaction() as session:
        late = update(obligations).where(obligations.c.id == one.id)
        session.execute(late.values(due_at=clock.now() - HOUR, next_at=clock.now() - HOUR))
    paid, _ = at_once([by_partner(service.settle, one), lambda session: jobs.tell_some(session, 50)])
    assert paid.state == "cured" == now(one)
    assert said(one) in (["charged", "settled"], ["charged", "arrears", "settled"])


@pytest.mark.parametrize("_again", range(3))
def test_a_charge_and_a_departure_at_once_leave_no_words_of_one_who_left(_again: int) -> None:
    with db.transaction() as session:
        codes.ensure_keys(session, "320115")
        who = people.resident(session)
        one = owed(session, who=who.resident_id)
    charged, gone = at_once([lambda session: charge(session, one), lambda session: leave(session, who)])
    assert not isinstance(charged, Exception) and not isinstance(gone, Exception), (charged, gone)
    with db.reading() as reader:
        assert row(reader, one).charge_reason_sealed is None and row(reader, one).state == "charged"
        assert told(reader, one) == []
