"""Parking over HTTP: from the plate to free parking, and what hostile systems are told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from backend.devices import service as devices
from backend.kit import clock, db
from tests.checked_client import CheckedClient
from tests.factories import accounts as people
from tests.parking.conftest import CarPark, Driver, asked, car_park, driver, plate, post, slug

ASK, ENTER, LEAVE = "/operator/entitlements", "/operator/entries", "/operator/exits"


@pytest.fixture
def park(client: CheckedClient) -> CarPark:
    with db.transaction() as session:
        return car_park(session)


@pytest.fixture
def known(park: CarPark) -> Driver:
    with db.transaction() as session:
        return driver(session, park)


def entry(text: str, ticket: str = "", **changed: Any) -> dict[str, Any]:
    at = (clock.now() - timedelta(minutes=30)).isoformat()
    return {"plate": text, "entered_at": at, "ticket": ticket or f"T{uuid4().hex[:10]}", **changed}


def exit_of(ticket: str, offer_id: UUID | None = None, **changed: Any) -> dict[str, Any]:
    told = {"ticket": ticket, "exited_at": clock.now().isoformat(), "fee_fen": 800, **changed}
    return told if offer_id is None else {**told, "offer_id": str(offer_id)}


def test_from_the_plate_to_free_parking(client: CheckedClient, park: CarPark) -> None:
    with db.transaction() as session:
        token = people.resident_token(session, people.resident(session))
    text = plate()
    mine = client.post("/api/v1/me/plates", token=token, key=uuid4(), json={"plate": text.lower()}).get_json()
    assert (mine["plate"], mine["state"], mine["operators"]) == (text, "pending", [])
    (operator,) = [
        each for each in client.get("/api/v1/me/parking/operators?limit=100", token=token).get_json()["items"]
        if each["partner_id"] == str(park.shop.partner_id)
    ]  # fmt: skip
    assert operator["venues"] == ["测试场所"]
    allow = f"/api/v1/me/plates/{mine['id']}/operators/{operator['partner_id']}"
    refused = client.put(allow, token=token, json={"granted": True, "text_version": "2026.1"})
    assert (refused.status_code, slug(refused)) == (403, "consent-missing")
    given = {"granted": True, "text_version": "2026.1"}
    assert client.put("/api/v1/me/consents/parking", token=token, json=given).status_code == 200
    assert client.put(allow, token=token, json=given).status_code == 200
    assert not post(client, park, ASK, {"plate": text}).get_json()["entitled"]
    code = client.post("/api/v1/me/presentation-codes", token=token, json={"purpose": "offer"}).get_json()["code"]
    confirmation, key = {"plate": text, "code": code}, uuid4()
    for _ in range(2):
        told = client.post("/api/v1/venue/plate-confirmations", token=park.token, key=key, json=confirmation)
        assert (told.status_code, told.get_json()["state"]) == (201, "confirmed")
    (benefit,) = post(client, park, ASK, {"plate": text}).get_json()["benefits"]
    assert benefit["benefit"] == {"type": "free_minutes", "minutes": 60} and not benefit["held"]
    entered = post(client, park, ENTER, entry(text))
    ticket, leaving = entered.get_json()["ticket"], uuid4()
    body = exit_of(ticket, UUID(benefit["offer_id"]))
    first, again = (post(client, park, LEAVE, body, key=leaving) for _ in range(2))
    assert first.status_code == again.status_code == 201 and first.get_json() == again.get_json()
    assert first.get_json()["benefit"]["title"] == "演示停车一小时"
    (stay,) = client.get("/api/v1/me/parking/stays", token=token).get_json()["items"]
    assert (stay["plate"], stay["state"], stay["admission_id"]) == (text, "left", first.get_json()["admission_id"])
    page = client.get("/api/v1/me/parking/questions?limit=2", token=token).get_json()
    rest = client.get(f"/api/v1/me/parking/questions?cursor={page['next_cursor']}", token=token).get_json()
    seen = [(each["purpose"], each["answered_yes"]) for each in page["items"] + rest["items"]]
    assert seen == [("exit", True), ("entry", True), ("entitlement", True)]
    assert client.delete(f"/api/v1/me/plates/{mine['id']}", token=token).status_code == 204
    assert not post(client, park, ASK, {"plate": text}).get_json()["entitled"]
    assert client.get("/api/v1/me/plates", token=token).get_json()["items"] == []


def test_the_operator_never_learns_whose_the_plate_is(client: CheckedClient, park: CarPark, known: Driver) -> None:
    told = [post(client, park, ASK, {"plate": known.plate}), post(client, park, ENTER, entry(known.plate))]
    told.append(post(client, park, LEAVE, exit_of(told[1].get_json()["ticket"], park.offer_id)))
    for answer in told:
        body = answer.get_data(as_text=True)
        for secret in (known.id, known.who.name, known.who.account_id, known.plate, known.plate_id):
            assert str(secret) not in body


# --- signatures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["X-Signature", "X-Signature-Timestamp"])
@pytest.mark.parametrize("path", [ASK, ENTER, LEAVE])
def test_a_request_without_its_signature_is_refused(
    client: CheckedClient, park: CarPark, missing: str, path: str
) -> None:
    answer = post(client, park, path, {}, headers={missing: None})
    assert (answer.status_code, slug(answer)) == (401, "signature-required")


@pytest.mark.parametrize("off", [-61, 62, -(10**6)])
def test_a_clock_that_is_wrong_is_told_the_time(client: CheckedClient, park: CarPark, off: int) -> None:
    answer = post(client, park, ASK, {"plate": plate()}, at=int(clock.now().timestamp()) + off)
    problem = answer.get_json()
    assert (answer.status_code, slug(answer), problem["why"]) == (403, "signature-invalid", "timestamp")
    assert abs(problem["server_time"] - clock.now().timestamp()) < 5


def test_a_signature_is_for_one_request_alone(client: CheckedClient, park: CarPark, known: Driver) -> None:
    from tests.parking.conftest import signature

    key, where = uuid4(), "/api/v1" + ASK
    sent = f'{{"plate": "{known.plate}"}}'.encode()
    good = signature(park.device, "POST", where, key, sent)
    wrong = {
        "another key": signature(park.device, "POST", where, uuid4(), sent),
        "another path": signature(park.device, "POST", "/api/v1" + ENTER, key, sent),
        "another method": signature(park.device, "PUT", where, key, sent),
        "another body": signature(park.device, "POST", where, key, sent + b" "),
        "another time": {**good, "X-Signature-Timestamp": str(int(good["X-Signature-Timestamp"]) + 1)},
        "no signature at all": {**good, "X-Signature": "AAAA"}, "no base64": {**good, "X-Signature": "!?"},
    }  # fmt: skip
    for what, headers in wrong.items():
        told = {**headers, "Content-Type": "application/json"}
        answer = client.post(where, token=park.token, key=key, data=sent, headers=told)
        assert (answer.status_code, slug(answer)) == (403, "signature-invalid"), what
        assert answer.get_json()["why"] == "signature", what
    told = {**good, "Content-Type": "application/json"}
    assert client.post(where, token=park.token, key=key, data=sent, headers=told).status_code == 200


def test_another_devices_key_signs_nothing_here(client: CheckedClient, park: CarPark, known: Driver) -> None:
    with db.transaction() as session:
        other = car_park(session)
    answer = post(client, park, ASK, {"plate": known.plate}, device=other.device)
    assert (answer.status_code, answer.get_json()["why"]) == (403, "signature")
    assert not post(client, other, ASK, {"plate": known.plate}).get_json()["entitled"]


def test_a_replay_with_another_body_is_a_conflict(client: CheckedClient, park: CarPark, known: Driver) -> None:
    key = uuid4()
    assert post(client, park, ASK, {"plate": known.plate}, key=key).get_json()["entitled"]
    answer = post(client, park, ASK, {"plate": plate()}, key=key)
    assert (answer.status_code, slug(answer)) == (409, "idempotency-conflict")


def test_a_suspended_device_asks_nothing_from_the_next_request(
    client: CheckedClient, park: CarPark, known: Driver
) -> None:
    with db.transaction() as session:
        by = people.staff(session, "account-admin")
        devices.change_status(session, None, park.device.device_id, "suspended", by.staff_id, "account-admin")
    answer = post(client, park, ASK, {"plate": known.plate})
    assert (answer.status_code, slug(answer)) == (401, "not-signed-in")


# --- what else may be tried ------------------------------------------------------------------------------------------


def test_a_ticket_of_another_car_park_is_unknown_also_to_the_same_operator(
    client: CheckedClient, park: CarPark, known: Driver
) -> None:
    ticket = post(client, park, ENTER, entry(known.plate)).get_json()["ticket"]
    with db.transaction() as session:
        other = car_park(session)
        device = people.device(session, park.shop.partner_id, other.shop.venue_id)
        beside = CarPark(park.shop, device, people.device_token(session, device))
    for somebody in (other, beside):
        answer = post(client, somebody, LEAVE, exit_of(ticket, park.offer_id))
        assert (answer.status_code, slug(answer)) == (404, "ticket-unknown")


@pytest.mark.parametrize("text", ["同", "同A12345", "苏A1234", "苏AI2345", "苏AO2345", "😀", "苏A12345; DROP TABLE"])
def test_what_is_no_plate_is_refused_by_its_field(client: CheckedClient, park: CarPark, text: str) -> None:
    with db.transaction() as session:
        token = people.resident_token(session, people.resident(session))
    answers = [
        client.post("/api/v1/me/plates", token=token, key=uuid4(), json={"plate": text}),
        post(client, park, ASK, {"plate": text}), post(client, park, ENTER, entry(text)),
        client.post("/api/v1/venue/plate-confirmations", token=park.token, key=uuid4(),
                    json={"plate": text, "code": "XY1:A"}),
    ]  # fmt: skip
    for answer in answers:
        assert (answer.status_code, slug(answer)) == (422, "invalid-request")
        assert answer.get_json()["errors"][0]["pointer"] == "/plate"


def test_guessing_which_plate_a_driver_has_comes_to_an_end(client: CheckedClient, park: CarPark) -> None:
    with db.transaction() as session:
        token = people.resident_token(session, people.resident(session))
    code = client.post("/api/v1/me/presentation-codes", token=token, json={"purpose": "offer"}).get_json()["code"]

    def guess() -> Any:
        sent = {"plate": plate(), "code": code}
        return client.post("/api/v1/venue/plate-confirmations", token=park.token, key=uuid4(), json=sent)

    assert [guess().status_code for _ in range(10)] == [404] * 10
    assert (guess().status_code, slug(guess())) == (429, "too-many-attempts")


def test_registering_one_plate_after_another_comes_to_an_end(client: CheckedClient) -> None:
    with db.transaction() as session:
        token = people.resident_token(session, people.resident(session))

    def attempt() -> Any:
        return client.post("/api/v1/me/plates", token=token, key=uuid4(), json={"plate": plate()})

    assert [attempt().status_code for _ in range(20)] == [201] * 5 + [409] * 15
    assert attempt().status_code == 429


def test_a_refused_benefit_leaves_the_stay_as_it_was(client: CheckedClient, park: CarPark, known: Driver) -> None:
    ticket = post(client, park, ENTER, entry(known.plate)).get_json()["ticket"]
    refused = post(client, park, LEAVE, exit_of(ticket, uuid4()))
    assert (refused.status_code, slug(refused)) == (409, "benefit-not-available")
    assert post(client, park, LEAVE, exit_of(ticket, park.offer_id)).status_code == 201
    twice = post(client, park, LEAVE, exit_of(ticket))
    assert (twice.status_code, slug(twice)) == (409, "stay-ended")


def test_a_neighbour_neither_sees_nor_changes_a_plate(client: CheckedClient, park: CarPark, known: Driver) -> None:
    with db.transaction() as session:
        asked(session, park, known.plate)
        token = people.resident_token(session, people.resident(session))
    path = f"/api/v1/me/plates/{known.plate_id}"
    assert client.delete(path, token=token).status_code == 404
    allow = f"{path}/operators/{park.shop.partner_id}"
    assert client.put(allow, token=token, json={"granted": False}).status_code == 404
    for what in ("plates", "parking/questions", "parking/stays"):
        assert client.get(f"/api/v1/me/{what}", token=token).get_json()["items"] == []
