"""Adjusting a resident's points: out of the office's budget, or what is there into its loss account."""

from __future__ import annotations

from datetime import date
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from backend.kit import clock
from backend.kit.errors import FieldError, NotFound
from backend.ledger import adjusting, service
from backend.ledger.errors import BudgetExhausted, NotEnoughPoints, NotReversible
from tests.factories import accounts as people
from tests.ledger.helpers import award, booked_lots, day, hold, issuer, statement

BY = uuid4()


def adjust(session: Session, who: UUID, office: UUID, points: int, ends: date | None = None) -> service.Transfer:
    return adjusting.adjust(session, who, office, points, "核对更正", "志愿时长补记", BY, uuid4(), ends)


def test_up_comes_out_of_the_offices_budget_and_the_statement_says_why(session: Session) -> None:
    who, office = people.resident(session).resident_id, issuer(session, 10)
    given = adjust(session, who, office, 7, clock.today())
    assert booked_lots(session, who) == {(office, clock.today()): 7}
    assert service.budget(session, office, clock.today()).spent_points == 7
    (entry,) = service.entries(session, who, 10)
    assert (entry.amount_points, entry.code, entry.title, entry.reason) == (
        7,
        "points.adjust",
        "核对更正",
        "志愿时长补记",
    )
    assert given.ordered_by == BY
    with pytest.raises(BudgetExhausted):
        adjust(session, who, office, 4)
    assert service.audit(session).agrees


def test_down_takes_what_is_there_and_never_more(session: Session) -> None:
    who, office, other = people.resident(session).resident_id, issuer(session), issuer(session)
    award(session, who, other, 10, clock.today())
    award(session, who, office, 5)
    hold(session, who, 3)
    taken = adjust(session, who, office, -100)
    assert taken.amount_points == 12 and service.balance(session, who, clock.today()) == 0
    assert statement(session, who)[-1] == ("points.adjust", -12, 0)
    report = service.audit(session)
    assert report.agrees
    assert report.accounts[service.account_id("loss", office)].balance_points == 12
    with pytest.raises(NotEnoughPoints):
        adjust(session, who, office, -1)


def test_down_takes_the_oldest_ending_points_first_and_books_out_what_is_due(session: Session) -> None:
    who, office = people.resident(session).resident_id, issuer(session)
    today = clock.today()
    for ends in (today, None):
        award(session, who, office, 10, ends)
    adjust(session, who, office, -4)
    assert booked_lots(session, who)[office, today] == 6
    with clock.at(clock.end_of_day(today)):
        adjust(session, who, office, -4)
    lots = booked_lots(session, who)
    assert lots.get((office, today), 0) == 0 and lots[office, service.FOREVER] == 6
    assert service.audit(session).agrees


def test_a_deduction_stands_and_is_not_reversed(session: Session) -> None:
    who, office = people.resident(session).resident_id, issuer(session)
    award(session, who, office, 5)
    taken = adjust(session, who, office, -2)
    with pytest.raises(NotReversible):
        service.reverse(session, who, taken.id, BY, "不行")
    service.reverse(session, who, adjust(session, who, office, 3).id, BY, "可以")
    assert service.audit(session).agrees


def test_nobody_and_a_day_that_has_passed_are_refused_at_once(session: Session) -> None:
    office, who = issuer(session), people.resident(session).resident_id
    payload = {"resident_id": str(uuid4()), "organisation_id": str(office), "points": 1, "title": "补记",
               "expires_on": None, "reason": "补记"}  # fmt: skip
    with pytest.raises(NotFound):
        adjusting.prepare(session, payload, uuid4())
    gone = {**payload, "resident_id": str(who), "expires_on": str(day(-100_0))}
    with pytest.raises(FieldError):
        adjusting.prepare(session, gone, uuid4())


@settings(max_examples=25)
@given(st.lists(st.integers(-20, 20).filter(bool), max_size=8))
def test_whatever_is_adjusted_the_books_agree(session: Session, steps: list[int]) -> None:
    with session.begin_nested() as trial:
        who, office, has = people.resident(session, bound=False).resident_id, issuer(session, 10_000), 0
        for points in steps:
            if points < 0 and has == 0:
                with pytest.raises(NotEnoughPoints):
                    adjust(session, who, office, points)
            else:
                adjust(session, who, office, points)
                has = max(0, has + points)
            assert service.balance(session, who, clock.today()) == has
        assert service.audit(session).agrees
        trial.rollback()
