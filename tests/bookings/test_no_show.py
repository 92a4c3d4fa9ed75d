"""Not coming: strikes, the pause they bring, and how both end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from backend.admissions import service as admissions
from backend.bookings import errors, service, strikes
from backend.kit import clock, outbox
from backend.kit.errors import NotFound
from backend.perks import expiry
from backend.perks import service as perks
from backend.perks.eligibility import Asker
from backend.perks.errors import NotEntitled
from tests.bookings.conftest import SLOTS, book, slot_of, somebody
from tests.bookings.test_waiting import told
from tests.factories import accounts as people
from tests.factories.perks import Shop, act, change_offer, shop

ONLINE = {"offline": {"mode": "none"}}


def expire(session: Session, who: UUID, coupon_id: UUID, at: datetime) -> None:
    """The coupon's end, and what is told of it after the commit."""
    with clock.at(at):
        assert expiry.expire(session, who, coupon_id, timedelta(0))
        strikes.strike(session, who, coupon_id)


def miss(session: Session, who: UUID, known: Shop, day: int) -> UUID:
    coupon = book(session, who, known, slot_of(session, known, day))
    expire(session, who, coupon.id, coupon.slot_ends_at + timedelta(hours=1))
    return UUID(str(coupon.id))


def test_so_many_missed_slots_pause_the_scene_s_slots_and_nothing_else(session: Session) -> None:
    known, who = shop(session, slots=SLOTS, **ONLINE), somebody(session)
    plain, same_scene = shop(session), shop(session, slots={**SLOTS, "no_show": None}, **ONLINE)
    first = miss(session, who, known, 1)
    later = clock.now() + timedelta(days=2, hours=12)
    assert told(session, who) == ["booking-missed"] and service.paused(session, who, ["you"]) == {}
    assert not strikes.strike(session, who, first)
    coupon = book(session, who, known, slot_of(session, known, 2))
    expire(session, who, coupon.id, later)
    with clock.at(later):
        until = service.paused(session, who, ["you", "other"])["you"]
        assert timedelta(days=10) <= until - later < timedelta(days=10, minutes=1)
        assert told(session, who) == ["booking-missed", "booking-paused"]
        for slotted in (known, same_scene):
            with pytest.raises(NotEntitled) as refused:
                book(session, who, slotted, slot_of(session, slotted, 3))
            [against] = [one for one in refused.value.members["reasons"] if not one["ok"]]
            assert (
                against["slug"] == "no-show" and f"{until.astimezone(clock.SHANGHAI):%Y-%m-%d %H:%M}" in against["text"]
            )
        assert perks.redeem(session, who, plain.offer_id, act(who)).coupon.status == "issued"
        offer = perks.offer(session, plain.offer_id, Asker(True, who))
        assert "no-show" not in [reason.slug for reason in offer.entitled.reasons]
    with clock.at(until):
        assert service.paused(session, who, ["you"]) == {}
        assert book(session, who, known, slot_of(session, known, 3)).status == "issued"


def test_another_scene_is_not_paused(session: Session) -> None:
    assert service.paused(session, somebody(session), ["you"]) == {}


def test_a_coupon_given_back_or_used_is_no_strike(session: Session) -> None:
    known, who = shop(session, slots=SLOTS, **ONLINE), somebody(session)
    coupon = book(session, who, known, slot_of(session, known))
    perks.cancel(session, who, coupon.id, act(who))
    with clock.at(coupon.slot_ends_at + timedelta(hours=1)):
        assert not strikes.strike(session, who, coupon.id)
    assert service.standings(session, who) == []


def test_a_slot_that_did_not_take_place_is_no_strike(session: Session) -> None:
    known, who = shop(session, slots=SLOTS, **ONLINE), somebody(session)
    coupon = book(session, who, known, slot_of(session, known))
    day = clock.shanghai_date(coupon.slot_starts_at).isoformat()
    change_offer(session, known, blackout={"days": [day], "weekdays": [], "use_too": True})
    expire(session, who, coupon.id, coupon.slot_ends_at)
    assert service.standings(session, who) == [] and told(session, who) == []


def test_an_offer_without_a_rule_counts_nothing(session: Session) -> None:
    known, who = shop(session, slots={**SLOTS, "no_show": None}, **ONLINE), somebody(session)
    miss(session, who, known, 1)
    assert service.standings(session, who) == []


def test_an_admission_uploaded_late_takes_the_strike_and_its_pause_back(session: Session) -> None:
    known, who = shop(session, slots=SLOTS), somebody(session)
    miss(session, who, known, 1)
    coupon = book(session, who, known, slot_of(session, known, 2))
    with clock.at(coupon.slot_starts_at):
        code = perks.coupon_code(session, who, coupon.id).text
    closed = coupon.slot_ends_at + timedelta(days=4)
    with clock.at(closed):
        assert expiry.expire(session, who, coupon.id, timedelta(0))
        strikes.strike(session, who, coupon.id)
        assert set(service.paused(session, who, ["you"])) == {"you"}
        door = known.door
        at = coupon.slot_starts_at + timedelta(minutes=2)
        outcome = admissions.upload(session, door, door.device_id, uuid4(), code, at)
        assert outcome.verdict == "conflict"
        assert service.paused(session, who, ["you"]) == {}
        [standing] = service.standings(session, who)
        assert len(standing.strikes) == 1
        assert not strikes.strike(session, who, coupon.id)  # she was seen


def test_the_office_lifts_a_pause_but_not_its_own(session: Session) -> None:
    known, who = shop(session, slots=SLOTS, **ONLINE), somebody(session)
    miss(session, who, known, 1)
    coupon = book(session, who, known, slot_of(session, known, 2))
    later = coupon.slot_ends_at + timedelta(hours=1)
    expire(session, who, coupon.id, later)
    officer = people.staff(session).staff_id
    with clock.at(later):
        [standing] = service.standings(session, who)
        assert standing.id in {row.id for row in service.pauses(session, 100)}
        with pytest.raises(errors.OwnPause):
            service.lift(session, service.Lifter(officer, "office", who), standing.id, "演示", act(officer))
        with pytest.raises(NotFound):
            service.lift(session, service.Lifter(officer, "office", None), uuid4(), "演示", act(officer))
        operation = act(officer)
        for _ in range(2):
            service.lift(session, service.Lifter(officer, "office", None), standing.id, "演示", operation)
        assert service.standings(session, who) == [] and service.paused(session, who, ["you"]) == {}
        assert "booking-pause-lifted" in told(session, who)
        with pytest.raises(errors.NotPaused):
            service.lift(session, service.Lifter(officer, "office", None), standing.id, "演示", act(officer))


def test_strikes_end_and_are_deleted_with_all_that_was_of_them(session: Session) -> None:
    known, who = shop(session, slots=SLOTS, **ONLINE), somebody(session)
    miss(session, who, known, 1)
    [standing] = service.standings(session, who)
    [missed] = standing.strikes
    strikes.forget(session, missed.ends_at - timedelta(seconds=1), 100)
    assert service.standings(session, who) == [standing]
    strikes.forget(session, missed.ends_at, 100)
    assert service.standings(session, who) == [] and strikes._locked(session, who, "you") is None


def test_partners_hear_of_it_without_whose_it_was(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(outbox, "tell", lambda _s, topic, news, **_: heard.append((topic, news)))
    known, who = shop(session, slots=SLOTS, **ONLINE), somebody(session)
    coupon_id = miss(session, who, known, 1)
    [news] = [news for topic, news in heard if topic == "bookings.no-show"]
    assert news["partner_id"] == str(known.partner_id) and str(coupon_id) not in news.values()
