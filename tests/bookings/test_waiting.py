"""Waiting for a full slot, and getting the place that comes free."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.bookings import errors, promoting, service
from backend.kit import clock
from backend.kit.errors import FieldError, NotFound
from backend.ledger import service as ledger
from backend.messages.models import MessageRow
from backend.offers.errors import SlotFull
from backend.perks import service as perks
from backend.perks.errors import NotEntitled
from tests.bookings.conftest import SLOTS, book, slot_of, somebody, state, wait
from tests.factories.perks import act, change_offer, give_points, shop


def told(session: Session, who: object) -> list[str]:
    kinds = select(MessageRow.kind).where(MessageRow.recipient_id == who).order_by(MessageRow.kind)
    return [kind for kind in session.execute(kinds).scalars() if kind.startswith("booking")]


def test_nobody_waits_for_a_slot_that_has_places(session: Session) -> None:
    known, who = shop(session, slots=SLOTS), somebody(session)
    with pytest.raises(errors.SlotFree):
        wait(session, who, known, slot_of(session, known))


def test_only_a_slot_that_can_still_be_given_is_waited_for(session: Session) -> None:
    known, who = shop(session, slots=SLOTS), somebody(session)
    starts_at = slot_of(session, known)
    book(session, somebody(session), known, starts_at)
    for wrong in (starts_at + timedelta(minutes=5), starts_at - timedelta(days=30)):
        with pytest.raises(FieldError):
            wait(session, who, known, wrong)
    with clock.at(starts_at - timedelta(minutes=30)), pytest.raises(FieldError):
        wait(session, who, known, starts_at)


def test_whoever_waits_is_told_the_price_and_how_many_come_before(session: Session) -> None:
    known, one, two = shop(session, slots=SLOTS, price_points=7), somebody(session), somebody(session)
    starts_at, holder = slot_of(session, known), somebody(session)
    for who in (one, two, holder, holder):
        give_points(session, who, 7)
    book(session, holder, known, starts_at)
    first, second = (wait(session, who, known, starts_at) for who in (one, two))
    assert (first.ahead, second.ahead, first.price_points, first.auto) == (0, 1, 7, True)
    assert "冻结 7 积分" in first.text and ledger.balance(session, one, clock.today()) == 7
    assert wait(session, one, known, starts_at).id == first.id
    with pytest.raises(errors.AlreadyBooked):
        wait(session, holder, known, starts_at)


def test_who_could_not_redeem_now_may_not_wait_and_is_told_every_reason(session: Session) -> None:
    known, who, holder = shop(session, slots=SLOTS, price_points=7), somebody(session), somebody(session)
    starts_at = slot_of(session, known)
    give_points(session, holder, 7)
    book(session, holder, known, starts_at)
    with pytest.raises(NotEntitled) as refused:
        wait(session, who, known, starts_at)
    assert [one["slug"] for one in refused.value.members["reasons"] if not one["ok"]] == ["points"]


def test_one_person_waits_for_so_many_slots_and_no_more(session: Session) -> None:
    known, who = shop(session, slots={**SLOTS, "open": ["09:00-21:00"]}), somebody(session)
    starts = [slot_of(session, known, nth=nth) for nth in range(11)]
    for starts_at in starts:
        book(session, somebody(session), known, starts_at)
    entries = [wait(session, who, known, starts_at) for starts_at in starts[:10]]
    with pytest.raises(errors.TooManyWaiting):
        wait(session, who, known, starts[10])
    service.leave(session, who, entries[0].id)
    service.leave(session, who, entries[0].id)
    assert wait(session, who, known, starts[10]).state == "waiting" and state(session, who, entries[0]) == "left"
    assert wait(session, who, known, starts[10]).id not in {entry.id for entry in entries}


def test_another_s_entry_is_not_found(session: Session) -> None:
    known, who = shop(session, slots=SLOTS), somebody(session)
    starts_at = slot_of(session, known)
    book(session, somebody(session), known, starts_at)
    entry = wait(session, who, known, starts_at)
    with pytest.raises(NotFound):
        service.leave(session, somebody(session), entry.id)


# --- the place that comes free ---------------------------------------------------------------------------------------


def test_a_place_given_back_goes_to_the_first_who_waits_and_nobody_overtakes(alone: Session) -> None:
    session, known = alone, shop(alone, slots=SLOTS, price_points=3)
    starts_at, holder, one, two = slot_of(session, known), *(somebody(session) for _ in range(3))
    for who in (holder, one, two):
        give_points(session, who, 3)
    coupon = book(session, holder, known, starts_at)
    first, second = (wait(session, who, known, starts_at) for who in (one, two))
    perks.cancel(session, holder, coupon.id, act(holder))
    with pytest.raises(SlotFull):  # the place is kept for who waits
        book(session, holder, known, starts_at)
    assert service.promote(known.offer_id, starts_at) == 1 and service.promote(known.offer_id, starts_at) == 0
    seen = service.entry(session, one, first.id)
    assert (seen.state, state(session, two, second), seen.ahead) == ("promoted", "waiting", None)
    mine = perks.coupon(session, one, seen.coupon_id)
    assert (mine.slot_starts_at, mine.cancellable, mine.price_points) == (starts_at, True, 3)
    assert told(session, one) == ["booking-promoted"] and told(session, two) == []
    assert ledger.balance(session, one, clock.today()) == 0 and ledger.balance(session, two, clock.today()) == 3
    with pytest.raises(errors.NotWaiting):
        service.leave(session, one, first.id)
    perks.cancel(session, one, seen.coupon_id, act(one))
    assert service.promote(known.offer_id, starts_at) == 1 and state(session, two, second) == "promoted"


def test_who_is_short_of_points_is_passed_over_told_once_and_keeps_her_place(alone: Session) -> None:
    session, known = alone, shop(alone, slots=SLOTS, price_points=3)
    other = shop(session, price_points=3)
    starts_at, holder, poor, rich = slot_of(session, known), *(somebody(session) for _ in range(3))
    for who in (holder, poor, rich):
        give_points(session, who, 3)
    coupon = book(session, holder, known, starts_at)
    first, second = wait(session, poor, known, starts_at), wait(session, rich, known, starts_at)
    perks.redeem(session, poor, other.offer_id, act(poor))
    perks.cancel(session, holder, coupon.id, act(holder))
    assert service.promote(known.offer_id, starts_at) == 1
    assert (state(session, poor, first), state(session, rich, second)) == ("waiting", "promoted")
    found = service.entry(session, rich, second.id)
    perks.cancel(session, rich, found.coupon_id, act(rich))
    assert service.promote(known.offer_id, starts_at) == 0 and told(session, poor) == ["booking-skipped"]
    assert perks.slot_left(session, known.offer_id, starts_at) == 1  # nobody could have it: it is everybody's
    give_points(session, poor, 3)
    promoting.sweep()
    assert state(session, poor, first) == "promoted"


def test_nobody_pays_more_than_she_agreed_to(alone: Session) -> None:
    session, known = alone, shop(alone, slots=SLOTS, price_points=3)
    starts_at, holder, who = slot_of(session, known), somebody(session), somebody(session)
    for each in (holder, who):
        give_points(session, each, 9)
    coupon, entry = book(session, holder, known, starts_at), wait(session, who, known, starts_at)
    change_offer(session, known, price_points=4)
    perks.cancel(session, holder, coupon.id, act(holder))
    assert service.promote(known.offer_id, starts_at) == 0 and state(session, who, entry) == "waiting"
    change_offer(session, known, price_points=2)
    assert service.promote(known.offer_id, starts_at) == 1 and ledger.balance(session, who, clock.today()) == 7


def test_more_places_are_given_to_who_waits(alone: Session) -> None:
    session, known = alone, shop(alone, slots=SLOTS)
    starts_at, waits = slot_of(session, known), [somebody(session) for _ in range(3)]
    book(session, somebody(session), known, starts_at)
    entries = [wait(session, who, known, starts_at) for who in waits]
    change_offer(session, known, slots={**SLOTS, "capacity": 3})
    promoting.sweep()
    seen = [state(session, *pair) for pair in zip(waits, entries, strict=True)]
    assert seen == ["promoted", "promoted", "waiting"]


def test_nothing_is_given_when_the_slot_is_near_and_what_was_kept_is_everybody_s(alone: Session) -> None:
    session, known = alone, shop(alone, slots=SLOTS)
    starts_at, holder, who = slot_of(session, known), somebody(session), somebody(session)
    coupon, entry = book(session, holder, known, starts_at), wait(session, who, known, starts_at)
    perks.cancel(session, holder, coupon.id, act(holder))
    with clock.at(starts_at - timedelta(minutes=29)):
        promoting.sweep()
        assert state(session, who, entry) == "waiting" and perks.slot_left(session, known.offer_id, starts_at) == 1
        again = book(session, who, known, starts_at)
        perks.cancel(session, who, again.id, act(who))
        assert promoting.kept(session, known.offer_id, starts_at) == 0
    with clock.at(starts_at):
        assert state(session, who, entry) == "over" and service.entry(session, who, entry.id).ahead is None


def test_who_found_a_place_herself_waits_no_more(alone: Session) -> None:
    session, known = alone, shop(alone, slots=SLOTS)
    starts_at, one, two = slot_of(session, known), somebody(session), somebody(session)
    book(session, somebody(session), known, starts_at)
    first, second = wait(session, one, known, starts_at), wait(session, two, known, starts_at)
    change_offer(session, known, slots={**SLOTS, "capacity": 3})
    book(session, one, known, starts_at)
    assert service.promote(known.offer_id, starts_at) == 1
    assert (state(session, one, first), state(session, two, second)) == ("left", "promoted")


def test_what_is_over_is_forgotten_a_month_later(session: Session) -> None:
    known, who = shop(session, slots=SLOTS), somebody(session)
    starts_at = slot_of(session, known)
    book(session, somebody(session), known, starts_at)
    entry = wait(session, who, known, starts_at)
    promoting.forget(session, starts_at, starts_at, 10)
    assert state(session, who, entry) == "waiting"
    later = starts_at + timedelta(seconds=1)
    promoting.forget(session, later, later, 10)
    with pytest.raises(NotFound):
        service.entry(session, who, entry.id)
    assert promoting.next_of(session, known.offer_id, starts_at) is None
