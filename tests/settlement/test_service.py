"""A partner's month: prepared, reviewed, disputed, decided, closed, and never changed again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from backend.admissions.models import Admission
from backend.kit import clock, outbox
from backend.kit.errors import FieldError, NotFound
from backend.ledger import reversing
from backend.settlement import preparing, rules, service
from backend.settlement.errors import (
    AlreadyDisputed,
    DisputeDecided,
    MonthNotOver,
    StatementClosed,
    StatementNotReady,
)
from backend.settlement.models import lines, statements
from tests.factories.perks import Shop, shop
from tests.settlement.months import (
    OFFICE,
    PRICE,
    after_review,
    in_month,
    key,
    last_month,
    partner_of,
    prepared,
    visit,
)


@pytest.fixture
def known(session: Session) -> Shop:
    return shop(session, **PRICE)


@pytest.fixture
def month() -> Any:
    return last_month()


def all_lines(session: Session, view: service.StatementView) -> list[Any]:
    return list(service.every_line(session, view))


def reverse(session: Session, who: UUID, transfer_id: UUID) -> None:
    payload = {"resident_id": str(who), "transfer_id": str(transfer_id), "reason": "测试"}
    reversing.execute(session, payload, uuid4(), uuid4())


def closed(session: Session, known: Shop, month: Any) -> service.StatementView:
    with clock.at(after_review(month)):
        view = prepared(session, known, month)
        service.agree(session, view.id, partner_of(known), key())
        service.close(session, view.id, OFFICE, key())
        return service.statement(session, None, view.id)


def test_a_month_counts_what_was_recorded_in_it_and_nothing_else(session: Session, known: Shop, month: Any) -> None:
    edges = (clock.start_of_day(month), clock.start_of_day(rules.next_month(month)))
    inside = [visit(session, known, at)[1] for at in (edges[0], in_month(month), edges[1] - timedelta(seconds=1))]
    visit(session, known, edges[0] - timedelta(seconds=1))
    visit(session, known, edges[1])
    visit(session, shop(session, **PRICE), in_month(month))
    with clock.at(after_review(month)):
        view = prepared(session, known, month)
    assert [line.admission_id for line in all_lines(session, view)] == inside
    assert (view.lines, view.total_fen, view.total_points) == (3, 3 * 1250, 3 * 7)
    assert view.state == "proposed" and {line.payer for line in all_lines(session, view)} == {"office"}


def test_a_line_leads_to_its_admission_and_to_the_transfer_of_its_points(
    session: Session, known: Shop, month: Any
) -> None:
    visit(session, known, in_month(month))
    with clock.at(after_review(month)):
        (line,) = all_lines(session, prepared(session, known, month))
    admission = session.execute(select(Admission).where(Admission.id == line.admission_id)).scalar_one()
    assert (line.transfer_id, line.points) == (admission.settle_transfer_id, admission.settled_points)
    assert (line.device_id, line.venue["id"]) == (admission.device_id, known.venue_id)


def test_lines_are_written_in_stretches_and_a_run_that_broke_off_goes_on(
    session: Session, known: Shop, month: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "CHUNK", 2)
    made = [visit(session, known, in_month(month, hours))[1] for hours in (1, 1, 2, 3, 4)]
    with clock.at(after_review(month)):
        statement_id = preparing.begin(session, known.partner_id, month)
        assert preparing.write_stretch(session, statement_id)
        assert service.statement(session, None, statement_id).lines == 2
        view = prepared(session, known, month)
        again = prepared(session, known, month)
    told = [line.admission_id for line in all_lines(session, view)]
    assert sorted(told) == sorted(made) and len(set(told)) == 5
    assert [line.number for line in all_lines(session, view)] == [1, 2, 3, 4, 5]
    assert again.row == view.row


def test_a_month_that_goes_on_is_not_prepared(session: Session, known: Shop) -> None:
    this = rules.first_of(clock.today())
    with pytest.raises(MonthNotOver):
        preparing.begin(session, known.partner_id, this)
    with clock.at(clock.start_of_day(rules.next_month(this))), pytest.raises(MonthNotOver):
        preparing.begin(session, known.partner_id, this)


def test_the_month_that_goes_on_is_shown_so_far(session: Session, known: Shop) -> None:
    visit(session, known)
    visit(session, known)
    (one,) = service.running(session, known.partner_id)
    assert (one.lines, one.points, one.due_fen, one.offer["id"]) == (2, 14, 2500, known.offer_id)


def test_a_conflict_counts_in_the_month_of_its_acceptance_and_never_before(
    session: Session, known: Shop, month: Any
) -> None:
    _, admission_id = visit(session, known, in_month(month))
    row = session.execute(select(Admission.__table__).where(Admission.id == admission_id)).one()._asdict()
    late = {**row, "use_no": None, "settled_points": 0, "settle_transfer_id": None}
    waiting, accepted, refused = uuid4(), uuid4(), uuid4()
    decided = in_month(month, 200)
    session.execute(insert(Admission).values(**{**late, "id": waiting, "standing": "conflict"}))
    before = in_month(rules.month_before(month))
    session.execute(
        insert(Admission).values(
            **{**late, "id": accepted, "standing": "accepted", "recorded_at": before, "decided_at": decided}
        )
    )
    session.execute(insert(Admission).values(**{**late, "id": refused, "standing": "rejected", "decided_at": decided}))
    with clock.at(after_review(month)):
        view = prepared(session, known, month)
        earlier = prepared(session, known, rules.month_before(month))
    assert [line.admission_id for line in all_lines(session, view)] == [admission_id, accepted]
    assert view.total_points == 7 and view.total_fen == 2500 and earlier.lines == 0


def test_a_dispute_that_is_upheld_changes_its_line_and_the_total(session: Session, known: Shop, month: Any) -> None:
    for hours in (1, 2):
        visit(session, known, in_month(month, hours))
    partner = partner_of(known)
    with clock.at(after_review(month)):
        view = prepared(session, known, month)
        dispute_id = service.dispute(session, view.id, 2, 1800, "现场另收三份餐", partner, key())
        with pytest.raises(StatementNotReady):
            service.agree(session, view.id, partner, key())
        with pytest.raises(StatementNotReady):
            service.close(session, view.id, OFFICE, key())
        with pytest.raises(AlreadyDisputed):
            service.dispute(session, view.id, 2, 1900, "再提一次", partner, key())
        service.decide(session, view.id, dispute_id, service.Decision(True, 1500, "核对后改"), OFFICE, key())
        with pytest.raises(DisputeDecided):
            service.decide(session, view.id, dispute_id, service.Decision(False, None, "再决定"), OFFICE, key())
        now = service.statement(session, None, view.id)
    assert [line.due_fen for line in all_lines(session, now)] == [1250, 1500]
    assert now.total_fen == 2750 and now.open_disputes == 0


def test_a_dispute_that_is_rejected_leaves_the_line(session: Session, known: Shop, month: Any) -> None:
    visit(session, known, in_month(month))
    with clock.at(after_review(month)):
        view = prepared(session, known, month)
        dispute_id = service.dispute(session, view.id, 1, 9000, "应付更多", partner_of(known), key())
        with pytest.raises(FieldError):
            service.decide(session, view.id, dispute_id, service.Decision(True, None, "漏了数"), OFFICE, key())
        with pytest.raises(FieldError):
            service.decide(session, view.id, dispute_id, service.Decision(False, 5, "多了数"), OFFICE, key())
        service.decide(session, view.id, dispute_id, service.Decision(False, None, "单价如约定"), OFFICE, key())
        now = service.statement(session, None, view.id)
    assert now.total_fen == 1250 and all_lines(session, now)[0].due_fen == 1250


def test_agreement_ends_where_a_line_is_disputed_afterwards(session: Session, known: Shop, month: Any) -> None:
    visit(session, known, in_month(month))
    with clock.at(after_review(month)):
        view = prepared(session, known, month)
        service.agree(session, view.id, partner_of(known), key())
        assert service.statement(session, None, view.id).closable
        service.dispute(session, view.id, 1, 1, "确认之后才看到", partner_of(known), key())
        now = service.statement(session, None, view.id)
    assert now.state == "proposed" and now.agreed_at is None and not now.closable


def test_silence_closes_after_the_days_of_review_and_not_on_the_last(session: Session, known: Shop, month: Any) -> None:
    visit(session, known, in_month(month))
    with clock.at(after_review(month)):
        view = prepared(session, known, month)
    with clock.at(clock.start_of_day(view.review_until_on)), pytest.raises(StatementNotReady) as refused:
        service.close(session, view.id, OFFICE, key())
    assert refused.value.members["why"] == "in-review"
    with clock.at(clock.end_of_day(view.review_until_on)):
        service.close(session, view.id, OFFICE, key())
    assert service.statement(session, None, view.id).state == "closed"


def test_a_closed_month_refuses_every_verb_and_keeps_every_figure(session: Session, known: Shop, month: Any) -> None:
    visit(session, known, in_month(month))
    view = closed(session, known, month)
    partner, before = partner_of(known), (view.row, [line.row for line in all_lines(session, view)])
    with clock.at(after_review(month)):
        for act in (
            lambda: service.agree(session, view.id, partner, key()),
            lambda: service.dispute(session, view.id, 1, 5, "晚了", partner, key()),
            lambda: service.close(session, view.id, OFFICE, key()),
        ):
            with pytest.raises(StatementClosed):
                act()
        prepared(session, known, month)
    now = service.statement(session, None, view.id)
    assert (now.row, [line.row for line in all_lines(session, now)]) == before
    assert len(now.digest) == 64 and service.problems(session) == []


def test_a_reversal_before_the_close_takes_the_line_to_nothing(session: Session, known: Shop, month: Any) -> None:
    who, _ = visit(session, known, in_month(month, 1))
    visit(session, known, in_month(month, 2))
    with clock.at(after_review(month)):
        view = prepared(session, known, month)
        service.dispute(session, view.id, 1, 1, "与冲正同一行", partner_of(known), key())
        reverse(session, who, all_lines(session, view)[0].transfer_id)
        now = service.statement(session, None, view.id)
    assert [(line.points, line.due_fen) for line in all_lines(session, now)] == [(0, 0), (7, 1250)]
    assert (now.total_points, now.total_fen, now.open_disputes) == (7, 1250, 0)


def test_a_reversal_before_the_lines_are_written_is_found_in_the_ledger(
    session: Session, known: Shop, month: Any
) -> None:
    who, admission_id = visit(session, known, in_month(month))
    transfer = session.execute(select(Admission.settle_transfer_id).where(Admission.id == admission_id)).scalar_one()
    reverse(session, who, transfer)
    with clock.at(after_review(month)):
        view = prepared(session, known, month)
    assert (view.lines, view.total_points, view.total_fen) == (1, 0, 0)


def test_a_reversal_after_the_close_is_a_line_of_the_next_statement(session: Session, known: Shop, month: Any) -> None:
    who, _ = visit(session, known, in_month(month))
    view = closed(session, known, month)
    (line,) = all_lines(session, view)
    following = rules.next_month(month)
    with clock.at(after_review(month)):
        reverse(session, who, line.transfer_id)
        unchanged = service.statement(session, None, view.id)
    assert unchanged.row == view.row and service.problems(session) == []
    with clock.at(after_review(following)):
        assert known.partner_id in preparing.due_partners(session, following)
        corrected = prepared(session, known, following)
        repeated = prepared(session, known, following)
    (one,) = all_lines(session, corrected)
    assert (one.kind, one.points, one.due_fen, one.admission_id) == ("correction", -7, -1250, line.admission_id)
    assert corrected.total_fen == -1250 and repeated.row == corrected.row


def test_a_line_written_beside_a_reversal_is_caught_when_the_month_closes(
    session: Session, known: Shop, month: Any
) -> None:
    who, _ = visit(session, known, in_month(month))
    with clock.at(after_review(month)):
        view = prepared(session, known, month)
        (line,) = all_lines(session, view)
        service.agree(session, view.id, partner_of(known), key())
        heard = outbox._within.pop("ledger.settlement-reversed")
        try:
            reverse(session, who, line.transfer_id)
        finally:
            outbox._within["ledger.settlement-reversed"] = heard
        service.close(session, view.id, OFFICE, key())
    now = service.statement(session, None, view.id)
    assert (now.total_points, now.total_fen) == (0, 0)


@pytest.mark.parametrize("harm", ["line", "total", "gone"])
def test_a_closed_month_that_was_tampered_with_is_found(session: Session, known: Shop, month: Any, harm: str) -> None:
    visit(session, known, in_month(month))
    view = closed(session, known, month)
    mine = lines.c.statement_id == view.id
    if harm == "line":
        session.execute(update(lines).where(mine).values(due_fen=1251))
    elif harm == "total":
        session.execute(update(statements).where(statements.c.id == view.id).values(total_fen=1251))
    else:
        session.execute(delete(lines).where(mine))
    (told,) = service.problems(session)
    assert str(view.id) in told


def test_another_partners_statement_is_not_found(session: Session, known: Shop, month: Any) -> None:
    visit(session, known, in_month(month))
    stranger = partner_of(shop(session))
    with clock.at(after_review(month)):
        view = prepared(session, known, month)
        for act in (
            lambda: service.statement(session, stranger.partners, view.id),
            lambda: service.agree(session, view.id, stranger, key()),
            lambda: service.dispute(session, view.id, 1, 1, "不是我的", stranger, key()),
            lambda: service.partner(session, stranger.partners, known.partner_id),
        ):
            with pytest.raises(NotFound):
                act()


def test_a_repeat_of_an_act_does_it_once(session: Session, known: Shop, month: Any) -> None:
    visit(session, known, in_month(month))
    with clock.at(after_review(month)):
        view = prepared(session, known, month)
        same, partner = key(), partner_of(known)
        first = service.dispute(session, view.id, 1, 1, "一次", partner, same)
        assert service.dispute(session, view.id, 1, 1, "一次", partner, same) == first
        assert service.statement(session, None, view.id).open_disputes == 1
