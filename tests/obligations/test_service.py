"""Obligations from the door to their end: every act in every state, and what time makes of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from backend.kit import clock, outbox
from backend.kit.errors import FieldError, IdempotencyConflict, NotFound
from backend.kit.trail import TrailRow
from backend.obligations import book, desk, disputes, jobs, rules, service
from backend.obligations.desk import Desk
from backend.obligations.errors import AlreadyDisputed, ObligationStateRefused, OwnDispute
from backend.obligations.models import claims, obligations
from tests.factories import accounts as people
from tests.factories import guardians
from tests.obligations.conftest import (
    DUE_HOURS,
    HOUR,
    UP_TO,
    Owed,
    act,
    admitted,
    bring,
    charge,
    decide,
    dispute,
    office,
    owed,
    row,
    state,
    told,
    undo,
)

Act = Callable[[Session, Owed], Any]
DO: dict[str, Act] = {
    rules.CHARGE: charge,
    rules.PAY: lambda session, one: service.settle(session, one.partner_id, one.id, act()),
    rules.RELEASE: lambda session, one: service.release(session, one.partner_id, one.id, act()),
    rules.WITHDRAW: lambda session, one: service.withdraw(session, one.partner_id, one.id, act()),
    rules.DISPUTE: dispute,
    rules.UPHOLD: decide,
    rules.CANCEL: lambda session, one: decide(session, one, rules.CANCELLED),
}
TERMS = {"kind": "pay_after", "up_to_fen": 500, "due_hours": 48, "remind_hours_before": [24], "title": "演示就餐",
         "partner_name": "演示餐厅"}  # fmt: skip


@pytest.fixture
def news(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What is told of changes."""
    heard: list[dict[str, Any]] = []
    monkeypatch.setattr(outbox, "_within", dict(outbox._within))
    outbox.within("obligations.changed", lambda _session, payload: heard.append(payload))
    return heard


@pytest.mark.parametrize("do", sorted(DO))
@pytest.mark.parametrize("was", sorted(rules.STATE_TEXT))
def test_every_act_in_every_state_is_done_or_refused_by_name(session: Session, was: str, do: str) -> None:
    one, later = bring(session, was)
    with clock.shifted(later):
        assert state(session, one) == was
        after = rules.BECOMES.get((was, do))
        if after is not None:
            DO[do](session, one)
            assert state(session, one) == after
            return
        before = row(session, one)
        with pytest.raises((ObligationStateRefused, NotFound)) as refused:
            DO[do](session, one)
        if isinstance(refused.value, ObligationStateRefused):
            assert refused.value.members == {"obligation_state": was, "act": do}
            assert was in refused.value.detail_zh and rules.STATE_TEXT[was] in refused.value.detail_zh
        else:
            assert do in (rules.UPHOLD, rules.CANCEL), "what nobody disputed is not the office's"
        assert row(session, one) == before


@pytest.mark.parametrize("was", sorted(rules.STATE_TEXT))
def test_an_undone_admission_takes_what_is_open_with_it_and_leaves_what_has_ended(session: Session, was: str) -> None:
    one, later = bring(session, was)
    with clock.shifted(later):
        undo(session, one)
        assert state(session, one) == (was if was in rules.ENDS else rules.WITHDRAWN)


# --- the door --------------------------------------------------------------------------------------------------------


def test_an_admission_opens_one_and_a_repeat_finds_it(session: Session) -> None:
    who = people.resident(session).resident_id
    partner = people.organisation(session, "partner")
    told_of = {**admitted(who, TERMS), "partner_id": str(partner)}
    for _ in range(2):
        outbox.tell(session, "perks.admitted", told_of, shard=who)
    (mine,) = service.my_obligations(session, who, 10)
    assert (mine.state, mine.kind, mine.up_to_fen, mine.amount_fen) == ("open", "pay_after", 500, None)
    assert (mine.title, mine.partner_name, str(mine.admission_id)) == ("演示就餐", "演示餐厅", told_of["admission_id"])
    assert mine.charge_until_at == mine.opened_at + timedelta(days=30)
    outbox.tell(session, "perks.undone", told_of, shard=who)
    assert service.my_obligation(session, who, mine.id).state == "withdrawn"


def test_an_admission_without_one_opens_none(session: Session) -> None:
    who = people.resident(session).resident_id
    service.on_admitted(session, admitted(who, None))
    service.on_undone(session, admitted(who, None))
    assert service.my_obligations(session, who, 10) == []


def test_the_citys_days_decide_how_long_a_partner_may_charge(session: Session, monkeypatch: Any) -> None:
    monkeypatch.setattr(service, "_charge_days", lambda _reader: 7)
    one = owed(session)
    found = service.my_obligation(session, one.resident_id, one.id)
    assert found.charge_until_at == found.opened_at + timedelta(days=7)


def test_changes_are_told_with_ids_alone(session: Session, news: list[dict[str, Any]]) -> None:
    one = owed(session)
    charge(session, one)
    assert [told_of["state"] for told_of in news] == ["open", "charged"]
    assert news[-1] == {
        "resident_id": str(one.resident_id), "obligation_id": str(one.id), "admission_id": str(one.admission_id),
        "partner_id": str(one.partner_id), "state": "charged", "kind": "pay_after",
    }  # fmt: skip


# --- the partner -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [0, -1, UP_TO + 1])
def test_no_more_is_charged_than_the_offer_said(session: Session, amount: int) -> None:
    one = owed(session)
    with pytest.raises(FieldError) as refused:
        charge(session, one, amount)
    assert refused.value.members["errors"][0]["pointer"] == "/amount_fen"
    assert state(session, one) == "open"
    assert charge(session, one, UP_TO).amount_fen == UP_TO


def test_another_partner_and_another_venue_find_nothing(session: Session) -> None:
    one, other = owed(session), owed(session)
    elsewhere = Desk(frozenset({one.partner_id}), uuid4())
    for mine in (Desk(frozenset({other.partner_id})), elsewhere, Desk(frozenset())):
        for do in (service.release, service.withdraw, service.settle):
            with pytest.raises(NotFound):
                do(session, mine, one.id, act())
        with pytest.raises(NotFound):
            service.charge(session, mine, one.id, 1, act())
        with pytest.raises(NotFound):
            desk.partner_obligation(session, mine, one.id)
        assert one.id not in [each.id for each in desk.partner_obligations(session, mine, None, 50)]
    here = Desk(frozenset({one.partner_id}), one.venue_id)
    assert service.charge(session, here, one.id, 1, act()).state == "charged"


def test_the_partner_lists_by_the_state_of_now(session: Session) -> None:
    partner = people.organisation(session, "partner")
    mine = Desk(frozenset({partner}))
    late, lapsed = (owed(session, kind, partner_id=partner, due_hours=1) for kind in rules.KINDS)
    charge(session, late)
    with clock.shifted(HOUR):
        fresh = owed(session, partner_id=partner)
        charged = owed(session, partner_id=partner)
        charge(session, charged)
        ended = owed(session, partner_id=partner)
        service.withdraw(session, partner, ended.id, act())
        found = {
            wanted: [each.id for each in desk.partner_obligations(session, mine, wanted, 50)]
            for wanted in rules.STATE_TEXT
        }
    assert found == {
        "open": [fresh.id], "charged": [charged.id], "arrears": [late.id], "disputed": [], "settled": [], "cured": [],
        "released": [lapsed.id], "withdrawn": [ended.id],
    }  # fmt: skip


def test_a_repeated_act_is_done_once_and_its_key_serves_nothing_else(session: Session) -> None:
    one, key, actor = owed(session), uuid4(), uuid4()
    for _ in range(2):
        assert service.charge(session, one.partner_id, one.id, 77, act(actor, key)).amount_fen == 77
    assert told(session, one) == ["charged"]
    with pytest.raises(IdempotencyConflict):
        service.settle(session, one.partner_id, one.id, act(actor, key))


def test_what_was_paid_in_time_is_settled_however_late_it_is_reported(session: Session) -> None:
    one, late = bring(session, rules.ARREARS)
    with clock.shifted(late + HOUR):
        for wrong in (clock.now() + HOUR, clock.now() - timedelta(days=30)):
            with pytest.raises(FieldError):
                service.settle(session, one.partner_id, one.id, act(), paid_at=wrong)
        in_time = clock.now() - 2 * HOUR
        assert service.settle(session, one.partner_id, one.id, act(), paid_at=in_time).state == "settled"


def test_what_a_desk_does_stands_in_the_trail(session: Session) -> None:
    one, who = owed(session), uuid4()
    mine = Desk(frozenset({one.partner_id}), None, who, "partner-manager")
    service.charge(session, mine, one.id, 5, act())
    noted = session.execute(select(TrailRow.action, TrailRow.subject_id).where(TrailRow.actor_id == who)).all()
    assert [tuple(each) for each in noted] == [("obligations.charge", str(one.id))]


# --- the pause -------------------------------------------------------------------------------------------------------


def test_arrears_pause_their_kind_alone_and_a_payment_cures_at_once(session: Session) -> None:
    one, late = bring(session, rules.ARREARS)
    assert service.paused(session, one.resident_id) == frozenset()
    with clock.shifted(late):
        assert service.paused(session, one.resident_id) == {"pay_after"}
        assert service.paused(session, people.resident(session).resident_id) == frozenset()
        service.settle(session, one.partner_id, one.id, act())
        assert service.paused(session, one.resident_id) == frozenset() and state(session, one) == "cured"


def test_the_pause_is_one_statement(session: Session) -> None:
    one, late = bring(session, rules.ARREARS)
    said: list[str] = []
    engine = session.connection().engine

    def hear(*args: Any) -> None:
        said.append(args[2])

    event.listen(engine, "before_cursor_execute", hear)
    with clock.shifted(late):
        service.paused(session, one.resident_id)
    event.remove(engine, "before_cursor_execute", hear)
    assert len(said) == 1


# --- disputes --------------------------------------------------------------------------------------------------------


def test_while_disputed_nothing_is_late_and_an_upheld_charge_has_its_time_anew(session: Session) -> None:
    one, late = bring(session, rules.ARREARS)
    with clock.shifted(late):
        assert dispute(session, one).state == "disputed"
        assert service.paused(session, one.resident_id) == frozenset()
    with clock.shifted(late + timedelta(days=60)):
        assert state(session, one) == "disputed"
        decided = decide(session, one)
        assert decided.state == "charged" and decided.due_at == decided.decided_at + DUE_HOURS * HOUR
        assert service.paused(session, one.resident_id) == frozenset()
        with pytest.raises(AlreadyDisputed) as refused:
            dispute(session, one)
        assert refused.value.members == {"obligation_state": "charged", "decision": "upheld"}
    with clock.shifted(late + timedelta(days=64)):
        assert service.paused(session, one.resident_id) == {"pay_after"}


def test_the_queue_knows_a_pseudonym_and_shows_what_waits_alone(session: Session) -> None:
    who = people.resident(session)
    first, second = (owed(session, who=who.resident_id) for _ in range(2))
    for one in (first, second):
        charge(session, one)
        dispute(session, one)
    waiting = {each.id: each for each in disputes.disputes(session, 100)}
    assert {first.id, second.id} <= set(waiting)
    assert waiting[first.id].pseudonym == waiting[second.id].pseudonym
    shown = repr(list(waiting.values()))
    assert str(who.resident_id) not in shown and who.name not in shown and who.id_number not in shown
    decide(session, first, rules.CANCELLED)
    service.withdraw(session, second.partner_id, second.id, act())
    assert not {first.id, second.id} & {each.id for each in disputes.disputes(session, 100)}
    assert told(session, first)[-2:] == ["cancelled", "withdrawn"]


def test_the_queue_goes_on_where_a_page_ended(session: Session) -> None:
    made = [owed(session) for _ in range(3)]
    for one in made:
        charge(session, one)
        dispute(session, one)
    found, after = [], None
    while page := disputes.disputes(session, 1, after):
        found += [each.id for each in page]
        after = (page[-1].disputed_at, page[-1].id)
    assert [each for each in found if each in {one.id for one in made}] == [one.id for one in made]


def test_nobody_decides_a_dispute_of_her_own(session: Session) -> None:
    who, guardian = people.resident(session), people.resident(session)
    one = owed(session, who=who.resident_id)
    charge(session, one)
    dispute(session, one)
    guardians.guardian(session, guardian, who, kind="ward")
    herself = office(session, person=who.resident_id)
    for by in (herself, office(session, person=guardian.resident_id), office(session, one.partner_id)):
        assert disputes.show(session, by, one.id).own
        with pytest.raises(OwnDispute):
            decide(session, one, by=by)
    assert decide(session, one, by=office(session)).state == "charged"


def test_the_office_reads_both_sides_words_and_nothing_that_nobody_disputed(session: Session) -> None:
    one = owed(session)
    charge(session, one)
    with pytest.raises(NotFound):
        disputes.show(session, office(session), one.id)
    dispute(session, one)
    shown = disputes.show(session, office(session), one.id)
    assert (shown.charge_reason, shown.text, shown.own) == ("演示事由", "演示异议：金额不对", False)
    kept = repr(row(session, one))
    assert "演示事由" not in kept and "演示异议" not in kept


# --- what is told on time --------------------------------------------------------------------------------------------


def tick(session: Session, later: timedelta) -> None:
    with clock.shifted(later):
        while jobs.tell_some(session, 2) == 2:
            pass


def test_each_reminder_is_told_once_however_often_and_late_the_clock_ticks(session: Session) -> None:
    one = owed(session)
    charge(session, one)
    expected = ["charged"]
    for later, what in ((47, []), (48, ["due-soon"]), (69, []), (70, ["due-soon"]), (71, []), (72, ["arrears"]),
                        (500, [])):  # fmt: skip
        expected += what
        for _ in range(2):
            tick(session, later * HOUR)
            assert told(session, one) == expected, later
    assert row(session, one).next_at is None and row(session, one).state == "charged"


@pytest.mark.parametrize(("first", "expected"), [(71, ["due-soon", "arrears"]), (90, ["arrears"])])
def test_of_reminders_that_were_missed_the_last_alone_is_told(
    session: Session, first: int, expected: list[str]
) -> None:
    one = owed(session)
    charge(session, one)
    for later in (first, first, 90, 91):
        tick(session, later * HOUR)
    assert told(session, one) == ["charged", *expected]


def test_a_clock_that_goes_back_tells_nothing_twice(session: Session) -> None:
    one = owed(session)
    charge(session, one)
    for later in (48, 10, 48, 72, 50, 72):
        tick(session, later * HOUR)
    assert told(session, one) == ["charged", "due-soon", "arrears"]


def test_what_was_paid_or_disputed_is_not_reminded_of(session: Session) -> None:
    paid, disputed = owed(session), owed(session)
    for one in (paid, disputed):
        charge(session, one)
    service.settle(session, paid.partner_id, paid.id, act())
    dispute(session, disputed)
    tick(session, 500 * HOUR)
    assert told(session, paid) == ["charged", "settled"] and told(session, disputed) == ["charged"]


def test_an_open_one_lapses_by_itself_and_is_written_down(session: Session) -> None:
    one = owed(session, rules.DEPOSIT_FREE)
    with clock.shifted(DUE_HOURS * HOUR):
        assert state(session, one) == "released" and row(session, one).state == "open"
        ended = service.my_obligation(session, one.resident_id, one.id).ended_at
        with pytest.raises(ObligationStateRefused) as refused:
            charge(session, one)
        assert refused.value.members["obligation_state"] == "released"
    tick(session, DUE_HOURS * HOUR + HOUR)
    kept = row(session, one)
    assert (kept.state, kept.closed_at, kept.next_at) == ("released", ended, None)
    assert ended == kept.charge_until_at and told(session, one) == ["released"]


def test_a_reminder_that_would_lie_before_the_charge_is_left_out(session: Session) -> None:
    one = owed(session, due_hours=1)
    charge(session, one)
    assert row(session, one).next_at == row(session, one).due_at


def test_what_ended_three_years_ago_is_forgotten_and_nothing_else(session: Session) -> None:
    one, still = owed(session), owed(session)
    service.withdraw(session, one.partner_id, one.id, act())
    day = clock.now() + timedelta(seconds=1)
    assert book.purge(session, day - timedelta(days=1), 100) == 0
    assert book.purge(session, day, 100) >= 1
    left = select(func.count()).select_from(obligations).where(obligations.c.id.in_([one.id, still.id]))
    assert session.execute(left).scalar() == 1
    assert session.execute(select(claims.c.obligation_id).where(claims.c.resident_id == one.resident_id)).all() == []
