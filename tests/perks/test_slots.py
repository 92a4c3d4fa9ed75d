"""Redeeming for a time slot, and what comes of the coupon."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from backend.kit import clock, db, outbox
from backend.kit.errors import FieldError
from backend.offers import service as shelf
from backend.offers.errors import SlotFull
from backend.perks import errors, expiry, service
from backend.perks.eligibility import Asker
from tests.checked_client import CheckedClient
from tests.factories import accounts as people
from tests.factories.perks import Shop, act, change_offer, shop

SLOTS: dict[str, Any] = {"minutes": 60, "open": ["09:00-12:00"], "capacity": 2, "days_ahead": 7, "early_minutes": 15}


def somebody(session: Session) -> UUID:
    return people.resident(session).resident_id


def first_slot(session: Session, known: Shop) -> shelf.Slot:
    return service.slots(session, known.offer_id, clock.today() + timedelta(days=1))[0]


def book(session: Session, who: UUID, known: Shop, starts_at: datetime | None) -> service.RedemptionView:
    return service.redeem(session, who, known.offer_id, act(who), slot_starts_at=starts_at)


def test_a_coupon_is_good_in_its_slot_and_a_little_before(session: Session) -> None:
    known, who = shop(session, slots=SLOTS), somebody(session)
    slot = first_slot(session, known)
    coupon = book(session, who, known, slot.starts_at).coupon
    assert (coupon.slot_starts_at, coupon.slot_ends_at) == (slot.starts_at, slot.starts_at + timedelta(hours=1))
    assert coupon.valid_from == slot.starts_at - timedelta(minutes=15) and coupon.valid_until == slot.ends_at
    row = service.find_coupon(session, who, coupon.id)
    assert row is not None
    early = timedelta(minutes=15)
    assert service.usable_now(row, slot.starts_at - early - timedelta(seconds=1)) == "coupon-not-yet"
    assert service.usable_now(row, slot.starts_at - early) == ""
    with pytest.raises(errors.CouponNotActive):
        service.coupon_code(session, who, coupon.id)
    with clock.at(slot.starts_at - early):
        assert service.coupon_code(session, who, coupon.id).expires_at <= slot.ends_at
    with clock.at(slot.ends_at):
        assert service.coupon(session, who, coupon.id).status == "expired"


def test_a_slot_has_its_places_and_a_cancellation_gives_one_back(session: Session) -> None:
    known = shop(session, slots=SLOTS)
    slot = first_slot(session, known)
    (one, coupon), (two, _) = [
        (who, book(session, who, known, slot.starts_at).coupon) for who in (somebody(session), somebody(session))
    ]
    assert service.slot_left(session, known.offer_id, slot.starts_at) == 0
    with pytest.raises(SlotFull):
        book(session, somebody(session), known, slot.starts_at)
    book(session, two, known, slot.starts_at + timedelta(hours=1))
    service.cancel(session, one, coupon.id, act(one))
    assert service.slot_left(session, known.offer_id, slot.starts_at) == 1
    book(session, somebody(session), known, slot.starts_at)


def test_only_what_is_a_slot_can_be_booked(session: Session) -> None:
    known, plain, who = shop(session, slots=SLOTS), shop(session), somebody(session)
    starts_at = first_slot(session, known).starts_at
    wrong = [
        (known, None), (known, starts_at + timedelta(minutes=30)), (known, starts_at - timedelta(days=2)),
        (known, starts_at + timedelta(days=20)), (known, starts_at + timedelta(hours=3)), (plain, starts_at),
    ]  # fmt: skip
    for shop_, at in wrong:
        with pytest.raises(FieldError):
            book(session, who, shop_, at)
    assert service.slots(session, plain.offer_id, clock.today()) == []


def test_a_slot_that_has_begun_is_neither_booked_nor_given_back(session: Session) -> None:
    known, who = shop(session, slots=SLOTS), somebody(session)
    slot = first_slot(session, known)
    coupon = book(session, who, known, slot.starts_at).coupon
    with clock.at(slot.starts_at):
        with pytest.raises(FieldError):
            book(session, somebody(session), known, slot.starts_at)
        assert not service.coupon(session, who, coupon.id).cancellable
        with pytest.raises(errors.NotCancellable):
            service.cancel(session, who, coupon.id, act(who))


def test_a_changed_policy_leaves_what_was_booked_as_it_was(session: Session) -> None:
    known, who = shop(session, slots=SLOTS), somebody(session)
    slot = first_slot(session, known)
    coupon = book(session, who, known, slot.starts_at).coupon
    book(session, somebody(session), known, slot.starts_at)
    change_offer(session, known, slots={**SLOTS, "capacity": 1, "early_minutes": 0})
    seen = service.coupon(session, who, coupon.id)
    assert (seen.valid_from, seen.valid_until) == (slot.starts_at - timedelta(minutes=15), slot.ends_at)
    service.cancel(session, who, coupon.id, act(who))
    with pytest.raises(SlotFull):
        book(session, somebody(session), known, slot.starts_at)
    change_offer(session, known, slots={**SLOTS, "open": ["14:00-15:00"]})
    with pytest.raises(FieldError):
        book(session, somebody(session), known, slot.starts_at)
    change_offer(session, known, slots=None)
    assert service.slots(session, known.offer_id, clock.shanghai_date(slot.starts_at)) == []


def test_there_are_no_slots_where_the_door_is_closed(session: Session) -> None:
    tomorrow = clock.today() + timedelta(days=1)
    known = shop(session, slots=SLOTS, blackout={"days": [tomorrow.isoformat()], "use_too": True})
    assert service.slots(session, known.offer_id, tomorrow) == []
    assert len(service.slots(session, known.offer_id, tomorrow + timedelta(days=1))) == 3


def test_the_verdict_names_the_first_free_slot_or_says_that_all_are_taken(session: Session) -> None:
    slots = {**SLOTS, "capacity": 1, "days_ahead": 1, "open": ["23:00-24:00"]}
    known, who = shop(session, slots=slots), somebody(session)
    for slot in [
        *service.slots(session, known.offer_id, clock.today()), first_slot(session, known)
    ]:  # fmt: skip
        verdict = service.offer(session, known.offer_id, Asker(True, who)).entitled
        [said] = [each for each in verdict.reasons if each.slug == "slots"]
        assert said.ok and f"{slot.starts_at.astimezone(clock.SHANGHAI):%Y-%m-%d %H:%M}" in said.text
        book(session, somebody(session), known, slot.starts_at)
    verdict = service.offer(session, known.offer_id, Asker(True, who)).entitled
    assert [each.slug for each in verdict.against] == ["slots"]


def test_whoever_shows_a_presentation_code_has_no_slot(session: Session) -> None:
    known, who = shop(session, slots=SLOTS), somebody(session)
    offer = shelf.offer(session, known.offer_id).row
    with pytest.raises(errors.NotEntitled):
        service.issue(session, who, offer, uuid4(), uuid4(), source="venue")


def test_a_missed_slot_and_a_place_given_back_are_told(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[str, dict[str, Any]]] = []
    told = outbox.tell

    def tell(session: Session, topic: str, payload: dict[str, Any], *rest: Any, **more: Any) -> None:
        heard.append((topic, payload))
        told(session, topic, payload, *rest, **more)

    monkeypatch.setattr(outbox, "tell", tell)
    known, who = shop(session, slots=SLOTS, offline={"mode": "none"}), somebody(session)
    slot = first_slot(session, known)
    missed, back = (book(session, who, known, slot.starts_at).coupon for _ in range(2))
    service.cancel(session, who, back.id, act(who))
    with clock.at(slot.ends_at):
        assert expiry.expire(session, who, missed.id, timedelta(0))
    news = dict(heard)
    for topic, coupon in (("perks.cancelled", back), ("perks.expired", missed)):
        assert news[topic]["coupon_id"] == str(coupon.id) and news[topic]["partner_id"] == str(known.partner_id)
        assert datetime.fromisoformat(news[topic]["slot_starts_at"]) == slot.starts_at
    assert news["perks.redeemed"]["partner_id"] == str(known.partner_id)


def test_slots_are_seen_and_booked_over_http(client: CheckedClient) -> None:
    with db.transaction() as session:
        known = shop(session, slots={**SLOTS, "capacity": 1})
        who = people.resident(session)
        token = people.resident_token(session, who)
    tomorrow = clock.today() + timedelta(days=1)
    path = f"/api/v1/perks/offers/{known.offer_id}"
    query = f"from={tomorrow}&to={tomorrow + timedelta(days=1)}&limit=4"
    page = client.get(f"{path}/slots?{query}").get_json()
    assert [item["left"] for item in page["items"]] == [1] * 4
    rest = client.get(f"{path}/slots?{query}&cursor={page['next_cursor']}").get_json()
    assert len(rest["items"]) == 2 and rest["next_cursor"] is None
    chosen, key = page["items"][1], str(uuid4())

    def redeem(body: dict[str, Any] | None, key: str) -> Any:
        return client.post(f"{path}/redemptions", token=token, json=body, headers={"Idempotency-Key": key})

    made = redeem({"slot_starts_at": chosen["starts_at"]}, key)
    assert made.status_code == 201 and made.get_json()["coupon"]["slot_starts_at"] == chosen["starts_at"]
    again = redeem({"slot_starts_at": chosen["starts_at"]}, key)
    assert again.get_json()["id"] == made.get_json()["id"]
    assert redeem({"slot_starts_at": page["items"][2]["starts_at"]}, key).get_json()["type"].endswith("conflict")
    assert redeem({"slot_starts_at": chosen["starts_at"]}, str(uuid4())).get_json()["type"].endswith("slot-full")
    refused = redeem({}, str(uuid4()))
    assert refused.status_code == 422 and refused.get_json()["errors"][0]["pointer"] == "/slot_starts_at"
    seen = client.get(f"{path}/slots?{query}").get_json()["items"]
    assert [item["full"] for item in seen] == [False, True, False, False]
    assert client.get(f"{path}/slots?from={tomorrow}&to={tomorrow + timedelta(days=31)}").status_code == 422
    for far in ("from=9999-12-31", "from=0001-01-01", "from=9999-12-30&to=9999-12-31"):
        assert client.get(f"{path}/slots?{far}").get_json()["items"] == []
    assert client.get(f"/api/v1/perks/offers/{uuid4()}/slots").status_code == 404
