from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.kit import clock
from backend.kit.errors import NotFound
from backend.ledger import service
from backend.ledger.audit import audit_resident
from backend.ledger.errors import AlreadyReversed, BudgetExhausted, HoldClosed, NotEnoughPoints, NotReversible
from backend.ledger.models import BudgetRow, LotRow, TransferRow, WalletRow, transfers
from backend.ledger.service import FOREVER, LateReturn
from tests.ledger.helpers import NOON, TODAY, award, booked_lots, day, hold, issuer, release, settle, statement


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with clock.at(NOON):
        yield


def test_an_award_makes_the_wallet_and_draws_on_the_months_budget(session: Session) -> None:
    given, who = issuer(session, 100), uuid4()
    first = award(session, who, given, 30, day(10))
    award(session, who, given, 20)
    assert (first.kind, first.amount_points, first.wallet_balance_after_points) == ("award", 30, 30)
    assert service.budget(session, given, TODAY) == (given, TODAY.replace(day=1), 100, 50)
    assert service.wallet(session, who, TODAY) == (50, [(30, day(10))])
    assert booked_lots(session, who) == {(given, day(10)): 30, (given, FOREVER): 20}


def test_an_award_beyond_the_budget_is_refused_and_writes_nothing(session: Session) -> None:
    given, who = issuer(session, 10), uuid4()
    before = session.execute(select(func.count()).select_from(TransferRow)).scalar()
    with pytest.raises(BudgetExhausted) as refused:
        award(session, who, given, 11)
    assert refused.value.members == {"needed_points": 11, "available_points": 10, "month": "2026-03-01"}
    assert session.execute(select(func.count()).select_from(TransferRow)).scalar() == before
    assert session.get(WalletRow, who) is None


def test_a_budget_is_of_its_shanghai_month(session: Session) -> None:
    given, who = issuer(session), uuid4()
    with clock.at(datetime(2026, 3, 31, 15, 59, 50, tzinfo=UTC)):
        award(session, who, given, 1)
    with clock.at(datetime(2026, 3, 31, 16, 0, 0, tzinfo=UTC)), pytest.raises(BudgetExhausted):
        award(session, who, given, 1)


def test_grants_of_one_month_add_up(session: Session) -> None:
    given = issuer(session, 10)
    service.grant_budget(session, given, day(20), 5, uuid4(), "追加")
    assert service.budget(session, given, TODAY).granted_points == 15


def test_a_hold_spends_the_oldest_ending_points_first(session: Session) -> None:
    given, who = issuer(session), uuid4()
    award(session, who, given, 10)
    award(session, who, given, 10, day(30))
    award(session, who, given, 10, day(3))
    held = hold(session, who, 15)
    assert (held.amount_points, held.wallet_balance_after_points) == (15, 15)
    assert booked_lots(session, who) == {(given, day(30)): 5, (given, FOREVER): 10}


def test_a_hold_may_be_limited_to_issuers(session: Session) -> None:
    one, other, who = issuer(session), issuer(session), uuid4()
    award(session, who, one, 10, day(1))
    award(session, who, other, 10)
    hold(session, who, 4, issuers={other})
    assert booked_lots(session, who) == {(one, day(1)): 10, (other, FOREVER): 6}
    with pytest.raises(NotEnoughPoints) as refused:
        hold(session, who, 7, issuers={other})
    assert refused.value.members == {"needed_points": 7, "available_points": 6}


def test_points_without_a_wallet_are_not_enough(session: Session) -> None:
    with pytest.raises(NotEnoughPoints):
        hold(session, uuid4(), 1)


def test_held_points_cannot_be_held_again(session: Session) -> None:
    given, who = issuer(session), uuid4()
    award(session, who, given, 10)
    hold(session, who, 8)
    with pytest.raises(NotEnoughPoints):
        hold(session, who, 3)


def test_points_are_good_through_their_last_day_in_shanghai(session: Session) -> None:
    given, who = issuer(session), uuid4()
    award(session, who, given, 10, day(0))
    with clock.at(datetime(2026, 3, 5, 15, 59, 50, tzinfo=UTC)):
        hold(session, who, 1)
    with clock.at(datetime(2026, 3, 5, 16, 0, 0, tzinfo=UTC)), pytest.raises(NotEnoughPoints):
        hold(session, who, 1)


def test_due_points_do_not_count_whether_or_not_they_were_booked_out(session: Session) -> None:
    given, who = issuer(session), uuid4()
    award(session, who, given, 10, day(2))
    award(session, who, given, 5)
    assert service.balance(session, who, day(2)) == 15
    assert service.balance(session, who, day(3)) == 5
    assert [lapsed.amount_points for lapsed in service.expire_due(session, who, day(3))] == [10]
    assert service.balance(session, who, day(3)) == 5
    assert service.expire_due(session, who, day(3)) == []
    assert audit_resident(session, who) == []


def test_a_hold_books_out_due_points_first(session: Session) -> None:
    given, who = issuer(session), uuid4()
    award(session, who, given, 10, day(2))
    award(session, who, given, 5)
    with clock.at(NOON.replace(day=9)):
        hold(session, who, 4)
    assert statement(session, who) == [
        ("test.award", 10, 10), ("test.award", 5, 15), ("ledger.expiry", -10, 5), ("test.hold", -4, 1),
    ]  # fmt: skip
    lapsed = session.execute(
        select(TransferRow).where(TransferRow.resident_id == who, TransferRow.kind == "expiry")
    ).scalar_one()
    assert lapsed.event_at == datetime(2026, 3, 7, 16, tzinfo=UTC)


def test_released_points_go_home_to_their_lots(session: Session) -> None:
    given, who = issuer(session), uuid4()
    award(session, who, given, 10, day(3))
    award(session, who, given, 10)
    before = booked_lots(session, who)
    held = hold(session, who, 15)
    back = release(session, held)
    assert (back.amount_points, back.hold_id, back.counterparty) == (15, held.id, "某场馆")
    assert booked_lots(session, who) == before
    with pytest.raises(HoldClosed):
        release(session, held)


def test_points_that_come_home_too_late_expire_and_the_statement_shows_both(session: Session) -> None:
    given, who = issuer(session), uuid4()
    award(session, who, given, 10, day(2))
    held = hold(session, who, 10)
    with clock.at(NOON.replace(day=9)):
        release(session, held)
    assert statement(session, who)[-2:] == [("test.release", 10, 10), ("ledger.expiry", -10, 0)]
    assert service.account_id("expired", given) in service.audit(session).accounts


def test_grace_gives_late_points_a_new_end(session: Session) -> None:
    given, who = issuer(session), uuid4()
    award(session, who, given, 5, day(1))
    award(session, who, given, 5, day(2))
    award(session, who, given, 5)
    held = hold(session, who, 12)
    with clock.at(NOON.replace(day=9)):
        release(session, held, late=LateReturn("grace_days", 7))
    assert booked_lots(session, who) == {(given, day(11)): 10, (given, FOREVER): 5}
    assert audit_resident(session, who) == []


def test_a_hold_is_settled_in_parts_and_the_rest_comes_home(session: Session) -> None:
    given, who = issuer(session), uuid4()
    award(session, who, given, 10, day(3))
    award(session, who, given, 10)
    held = hold(session, who, 15)
    assert settle(session, held, 4).amount_points == 4
    assert settle(session, held, 8).wallet_balance_after_points is None
    with pytest.raises(HoldClosed) as refused:
        settle(session, held, 4)
    assert refused.value.members == {"needed_points": 4, "open_points": 3}
    assert release(session, held).amount_points == 3
    assert booked_lots(session, who) == {(given, FOREVER): 8}
    for act in (settle, release):
        with pytest.raises(HoldClosed):
            act(session, held)
    assert audit_resident(session, who) == []


def test_somebody_elses_hold_is_not_found(session: Session) -> None:
    given, who = issuer(session), uuid4()
    first = award(session, who, given, 10)
    held = hold(session, who, 5)
    for act in (service.release, lambda *a: service.settle(*a[:3], uuid4(), *a[3:])):
        with pytest.raises(NotFound):
            act(session, uuid4(), held.id, "test", "试")
        with pytest.raises(NotFound):
            act(session, who, first.id, "test", "试")


def test_a_reversed_award_goes_back_to_the_budget(session: Session) -> None:
    given, who, staff = issuer(session, 100), uuid4(), uuid4()
    wrong = award(session, who, given, 30, day(10))
    undone = service.reverse(session, who, wrong.id, staff, "发错了人")
    assert (undone.reverses_id, undone.amount_points, undone.ordered_by, undone.reason) == (
        wrong.id,
        30,
        staff,
        "发错了人",
    )
    assert service.budget(session, given, TODAY).spent_points == 0
    assert statement(session, who) == [("test.award", 30, 30), ("ledger.reversal", -30, 0)]
    assert service.entries(session, who, 1)[0].title == "更正：发放"


def test_the_budget_of_the_awards_own_month_gets_it_back(session: Session) -> None:
    given, who = issuer(session, 100), uuid4()
    wrong = award(session, who, given, 30)
    with clock.at(NOON.replace(month=5)):
        service.reverse(session, who, wrong.id, uuid4(), "晚")
    assert service.budget(session, given, TODAY).spent_points == 0


def test_what_is_spent_of_a_wrong_award_the_loss_account_bears(session: Session) -> None:
    given, other, who = issuer(session), issuer(session), uuid4()
    wrong = award(session, who, given, 30, day(10))
    award(session, who, given, 5)
    award(session, who, other, 50)
    settle(session, hold(session, who, 25))
    undone = service.reverse(session, who, wrong.id, uuid4(), "误发")
    assert undone.amount_points == 30
    assert statement(session, who)[-2:] == [("ledger.shortfall", 20, 80), ("ledger.reversal", -30, 50)]
    assert booked_lots(session, who) == {(other, FOREVER): 50}
    report = service.audit(session)
    assert report.accounts[service.account_id("loss", given)].balance_points == -20
    assert report.agrees, report.disagreements


def test_reversing_then_releasing_ends_like_releasing_then_reversing(session: Session) -> None:
    ends = []
    for reverse_first in (True, False):
        given, who = issuer(session), uuid4()
        wrong = award(session, who, given, 30, day(10))
        award(session, who, given, 10)
        held = hold(session, who, 35)
        if reverse_first:
            service.reverse(session, who, wrong.id, uuid4(), "误发")
            assert service.balance(session, who, TODAY) == 0
        release(session, held)
        if not reverse_first:
            service.reverse(session, who, wrong.id, uuid4(), "误发")
        loss = service.audit(session).accounts[service.account_id("loss", given)].balance_points
        ends.append((service.balance(session, who, TODAY), loss))
        assert audit_resident(session, who) == []
    assert ends == [(10, 0), (10, 0)]


def test_a_loss_is_not_recovered_from_points_held_later(session: Session) -> None:
    given, who = issuer(session), uuid4()
    wrong = award(session, who, given, 30)
    settle(session, hold(session, who, 30))
    service.reverse(session, who, wrong.id, uuid4(), "误发")
    award(session, who, given, 10)
    release(session, hold(session, who, 10))
    assert service.balance(session, who, TODAY) == 10


def test_nothing_is_reversed_twice_and_holds_are_not_reversed(session: Session) -> None:
    given, who = issuer(session), uuid4()
    wrong = award(session, who, given, 30)
    held = hold(session, who, 5)
    undone = service.reverse(session, who, wrong.id, uuid4(), "误发")
    with pytest.raises(AlreadyReversed) as refused:
        service.reverse(session, who, wrong.id, uuid4(), "再来")
    assert refused.value.members == {"reversal_id": str(undone.id)}
    for other in (held, undone, release(session, held)):
        with pytest.raises(NotReversible):
            service.reverse(session, who, other.id, uuid4(), "不行")
    with pytest.raises(NotFound):
        service.reverse(session, uuid4(), wrong.id, uuid4(), "别人的")


def test_a_reversed_settlement_opens_its_hold_again(session: Session) -> None:
    given, who = issuer(session), uuid4()
    award(session, who, given, 30)
    held = hold(session, who, 10)
    paid = settle(session, held)
    service.reverse(session, who, paid.id, uuid4(), "误核销")
    assert release(session, held).amount_points == 10
    assert service.balance(session, who, TODAY) == 30
    assert service.audit(session).agrees


def test_the_statement_pages_without_repeating_or_skipping(session: Session) -> None:
    given, who = issuer(session), uuid4()
    for points in range(1, 8):
        award(session, who, given, points)
    seen, before = [], None
    while page := service.entries(session, who, 3, before):
        seen += [row.amount_points for row in page]
        before = page[-1].number
        award(session, who, given, 99)
    assert seen == [7, 6, 5, 4, 3, 2, 1]


def test_an_account_without_a_wallet_reads_as_empty(session: Session) -> None:
    assert service.wallet(session, uuid4(), TODAY) == (0, [])
    assert service.entries(session, uuid4(), 10) == []
    assert service.expire_due(session, uuid4(), TODAY) == []


def test_a_long_title_is_cut_and_moves_its_points_all_the_same(session: Session) -> None:
    given, who = issuer(session), uuid4()
    service.award(session, who, given, 1, "test", clock.now(), None, "长" * 500, None, counterparty="名" * 500)
    assert [(len(row.title), len(row.counterparty)) for row in service.entries(session, who, 5)] == [(120, 120)]


# --- the constraints behind the flow -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spoil",
    [
        update(WalletRow).values(balance_points=-1),
        update(LotRow).values(remaining_points=-1),
        update(BudgetRow).values(spent_points=BudgetRow.granted_points + 1),
        update(BudgetRow).values(spent_points=-1),
    ],
    ids=["wallet", "lot", "budget overdrawn", "budget below zero"],
)
def test_the_database_itself_refuses_what_no_flow_writes(session: Session, spoil: object) -> None:
    award(session, uuid4(), issuer(session), 5)
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(spoil)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "change",
    [
        {"amount_points": 0}, {"amount_points": -5}, {"credit": "debit"}, {"kind": "gift"}, {"kind": "release"},
        {"kind": "reversal"}, {"budget_month": None}, {"entry_number": None},
    ],
)  # fmt: skip
def test_a_transfer_that_makes_no_sense_cannot_be_written(session: Session, change: dict[str, object]) -> None:
    who = uuid4()
    given = award(session, who, issuer(session), 5)
    row = dict(session.execute(select(transfers).where(transfers.c.id == given.id)).one()._mapping)
    row |= {"id": uuid4(), "entry_number": 2} | change
    if row.pop("credit", None):
        row["credit_account_id"] = row["debit_account_id"]
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(insert(transfers).values(row))
