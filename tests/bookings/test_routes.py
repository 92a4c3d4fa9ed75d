"""Slots with a queue over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from backend.bookings import service
from backend.kit import clock, db, outbox
from backend.perks import expiry
from backend.perks import service as perks
from tests.checked_client import CheckedClient
from tests.factories import accounts as people
from tests.factories import booking_calls as slots
from tests.factories.perks import act

API = "/api/v1"


def keyed(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())}


class Stage:
    """A slot of one place that somebody holds, and somebody who would like to have it."""

    def __init__(self, client: CheckedClient) -> None:
        self.client = client
        with db.transaction() as session:
            self.known, self.starts_at = slots.slotted(session)
            self.holder = people.resident(session).resident_id
            self.who = people.resident(session)
            self.token = people.resident_token(session, self.who)
            made = perks.redeem(
                session, self.holder, self.known.offer_id, act(self.holder), slot_starts_at=self.starts_at
            )
            self.coupon_id = made.coupon.id

    def join(self, **body: Any) -> Any:
        sent = {"slot_starts_at": self.starts_at.isoformat(), **body}
        return self.client.post(
            f"{API}/perks/offers/{self.known.offer_id}/slots/waiting", json=sent, headers=keyed(self.token)
        )

    def get(self, path: str) -> Any:
        return self.client.get(f"{API}{path}", headers={"Authorization": f"Bearer {self.token}"})

    def cancel(self) -> None:
        with db.transaction() as session:
            perks.cancel(session, self.holder, self.coupon_id, act(self.holder))


@pytest.fixture
def stage(client: CheckedClient) -> Stage:
    return Stage(client)


def test_a_place_given_back_is_hers_once_the_news_is_delivered(stage: Stage) -> None:
    entry = stage.join().get_json()
    assert (entry["state"], entry["ahead"], entry["auto"]) == ("waiting", 0, True)
    stage.cancel()
    while outbox.deliver():
        pass
    [seen] = stage.get("/me/waiting").get_json()["items"]
    assert (seen["id"], seen["state"], seen["ahead"]) == (entry["id"], "promoted", None)
    [booking] = stage.get("/me/bookings").get_json()["items"]
    assert booking["coupon_id"] == seen["coupon_id"] and booking["cancellable_until"] == booking["starts_at"]
    left = stage.client.delete(f"{API}/me/waiting/{entry['id']}", headers={"Authorization": f"Bearer {stage.token}"})
    assert (left.status_code, left.get_json()["waiting_state"]) == (409, "promoted")
    file = stage.get(f"/me/coupons/{seen['coupon_id']}/slot.ics")
    assert file.mimetype == "text/calendar" and b"BEGIN:VEVENT\r\n" in file.data


def test_waiting_means_that_the_place_is_taken_at_once(stage: Stage) -> None:
    refused = stage.join(auto=False)
    assert refused.status_code == 422 and refused.get_json()["errors"][0]["pointer"] == "/auto"
    assert stage.join(auto=True).status_code == 201


def test_a_slot_with_places_is_redeemed_and_not_waited_for(stage: Stage) -> None:
    stage.cancel()
    assert stage.join().get_json()["type"].endswith("/slot-free")


def test_whoever_leaves_waits_no_more(stage: Stage) -> None:
    path = f"{API}/me/waiting/{stage.join().get_json()['id']}"
    for _ in range(2):
        assert stage.client.delete(path, headers={"Authorization": f"Bearer {stage.token}"}).status_code == 204
    stage.cancel()
    while outbox.deliver():
        pass
    assert stage.get("/me/bookings").get_json()["items"] == []
    with db.reading() as reader:
        assert perks.slot_left(reader, stage.known.offer_id, stage.starts_at) == 1


def test_who_does_not_come_reads_why_she_is_paused_and_the_office_lifts_it(stage: Stage) -> None:
    with db.transaction() as session:
        slots.paused(session, stage.who.resident_id)
        officer = people.staff_token(session, people.staff(session))
    [standing] = stage.get("/me/missed-slots").get_json()["items"]
    assert standing["scene"] == "you" and len(standing["strikes"]) == 1 and standing["paused_until"]
    refused = stage.join()
    assert refused.status_code == 403
    assert "no-show" in [one["slug"] for one in refused.get_json()["reasons"] if not one["ok"]]
    lift = f"{API}/bookings/pauses/{standing['id']}/lift"
    assert stage.client.post(lift, json={"reason": "演示"}, headers=keyed(officer)).status_code == 200
    assert stage.get("/me/missed-slots").get_json()["items"] == [] and stage.join().status_code == 201


def test_another_s_booking_has_no_calendar_file_for_her(stage: Stage) -> None:
    assert stage.get(f"/me/coupons/{stage.coupon_id}/slot.ics").status_code == 404


def test_a_missed_slot_is_noted_by_the_news_of_its_coupon_s_end(stage: Stage) -> None:
    with db.transaction() as session, clock.at(clock.now() - timedelta(days=3)):
        known = slots.shops.shop(session, slots=slots.STRICT, offline={"mode": "none"})
        starts_at = perks.slots(session, known.offer_id, clock.today() + timedelta(days=1))[0].starts_at
        who: UUID = stage.who.resident_id
        coupon = perks.redeem(session, who, known.offer_id, act(who), slot_starts_at=starts_at).coupon
    with db.transaction() as session:
        expiry.expire(session, who, coupon.id, timedelta(0))
    while outbox.deliver():
        pass
    with db.reading() as reader:
        assert [len(one.strikes) for one in service.standings(reader, who)] == [1]
