"""Devices: a code that works once, a key that never leaves, and whose they are."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from backend.accounts import devices as enrolled
from backend.accounts import service as accounts
from backend.accounts.models import AttemptRow
from backend.codes import service as codes
from backend.devices import rules, service
from backend.devices.models import EnrolmentCodeRow
from backend.kit import clock, db
from backend.kit.trail import TrailRow
from backend.offers.models import Venue
from config.settings import Settings
from tests.checked_client import CheckedClient
from tests.factories import accounts as people
from tests.factories import perks as shops

P = 2**255 - 19


@dataclass
class Partner:
    """A partner with a venue, its manager, another partner's manager, and the administrator of accounts."""

    client: CheckedClient
    base_url: str
    organisation_id: UUID
    venue_id: UUID
    manager: people.Staff
    token: str
    other: str
    admin: str

    def post(self, path: str, token: str | None = None, body: Any = None, **query: str) -> Any:
        return self.client.post(f"/api/v1{path}", json=body, token=token or self.token, query_string=query)

    def code(self, token: str | None = None, **changes: Any) -> str:
        answer = self.post(
            "/devices/enrolment-codes", token, {"venue_id": str(self.venue_id), "label": "东门一号", **changes}
        )
        assert answer.status_code == 201, answer.get_json()
        return str(answer.get_json()["code"])

    def enrol(self, by: str, key: Ed25519PrivateKey | None = None, **changes: Any) -> Any:
        body = {**people.enrolment(self.base_url, by, key), **changes}
        return self.client.post("/api/v1/auth/device/enrolments", json=body)


@pytest.fixture
def partner(client: CheckedClient, settings: Settings) -> Partner:
    with db.transaction() as session:
        session.execute(delete(AttemptRow))
        codes.ensure_keys(session, "320115")
        own, foreign = (people.organisation(session, "partner") for _ in range(2))
        venue = shops.venue(session, own)
        manager = people.staff(session, "partner-manager", own)
        other = people.staff(session, "partner-manager", foreign)
        tokens = [people.staff_token(session, who) for who in (manager, other, people.staff(session, "account-admin"))]
    return Partner(client, settings.public_base_url, own, venue, manager, *tokens)


def slug(answer: Any) -> str:
    return str(answer.get_json(force=True).get("type", "")).removeprefix("/problems/")


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, slug(answer)


def signs_in(partner: Partner, device_id: str, key: Ed25519PrivateKey) -> Any:
    nonce = partner.client.post("/api/v1/auth/device/nonces", json={"device_id": device_id}).get_json()["nonce"]
    device = people.Device(UUID(device_id), partner.organisation_id, key)
    body = {"device_id": device_id, "nonce": nonce, "signature": device.sign(partner.base_url, nonce)}
    return partner.client.post("/api/v1/auth/device", json=body)


def test_a_device_enrols_its_own_key_by_a_code_and_signs_in_with_it(partner: Partner) -> None:
    key = Ed25519PrivateKey.generate()
    code = partner.code()
    made = partner.enrol(code, key, code=f" {code.lower().replace('-', ' ')} ")
    assert made.status_code == 201, made.get_json()
    assert (made.get_json()["venue_id"], made.get_json()["label"]) == (str(partner.venue_id), "东门一号")
    tokens = signs_in(partner, made.get_json()["device_id"], key)
    assert tokens.status_code == 200
    (shown,) = partner.client.get("/api/v1/devices", token=partner.token).get_json()["items"]
    assert (shown["id"], shown["status"], shown["venue_name"]) == (made.get_json()["device_id"], "active", "测试场馆")


def test_the_code_is_said_once_and_kept_as_a_digest(partner: Partner) -> None:
    answer = partner.post(
        "/devices/enrolment-codes", None, {"venue_id": str(partner.venue_id), "label": "东门"}, qr="svg"
    ).get_json()
    assert answer["qr_svg"].startswith("<svg") or "<svg" in answer["qr_svg"]
    assert answer["url"] == f"{partner.base_url}/app/venue#enrol={answer['code']}"
    assert rules.normal_code(answer["code"]) and len(answer["code"].replace("-", "")) == 12
    plain = answer["code"].replace("-", "")
    with db.reading() as reader:
        rows = [repr(tuple(row)) for row in reader.execute(select(*EnrolmentCodeRow.__table__.c))]
        rows += [repr(tuple(row)) for row in reader.execute(select(*TrailRow.__table__.c))]
    assert not [row for row in rows if plain in row or answer["code"] in row]


def test_a_code_works_once_but_a_lost_reply_is_told_again(partner: Partner) -> None:
    code, key = partner.code(), Ed25519PrivateKey.generate()
    first, again = partner.enrol(code, key), partner.enrol(code, key)
    assert (again.status_code, again.get_json()) == (201, first.get_json())
    assert told(partner.enrol(code)) == (403, "enrolment-refused")
    partner.post(f"/devices/{first.get_json()['device_id']}/retirement")
    assert told(partner.enrol(code, key)) == (403, "enrolment-refused")


def test_a_code_ends_after_thirty_minutes(partner: Partner) -> None:
    code = partner.code()
    with clock.shifted(rules.LIFETIME):
        assert told(partner.enrol(code)) == (403, "enrolment-refused")
    with clock.shifted(rules.LIFETIME - timedelta(seconds=5)):
        assert partner.enrol(code).status_code == 201


def test_guessing_is_counted_by_code_and_locks_it(partner: Partner) -> None:
    code = partner.code()
    for n in range(5):
        guess = code[:5] + "2345-678" + rules.ALPHABET[n]
        assert told(partner.enrol(guess)) == (403, "enrolment-refused")
    locked = partner.enrol(code)
    assert told(locked) == (429, "too-many-attempts") and int(locked.headers["Retry-After"]) > 0
    assert partner.enrol(partner.code()).status_code == 201
    with clock.shifted(timedelta(minutes=61)):
        assert told(partner.enrol(code)) == (403, "enrolment-refused")


def test_guessing_many_codes_is_counted_by_address(partner: Partner) -> None:
    answers = []
    for n in range(31):
        answers.append(told(partner.enrol(f"{rules.ALPHABET[n % 31]}222-2345-6789"))[0])
    assert answers == [403] * 30 + [429]


def test_a_wrong_signature_is_answered_like_a_wrong_code(partner: Partner) -> None:
    code, key = partner.code(), Ed25519PrivateKey.generate()
    wrong = [
        people.enrolment("https://elsewhere.example", code, key)["signature"],
        people.enrolment(partner.base_url, "2222-2222-2222", key)["signature"],
        people.enrolment(partner.base_url, code)["signature"], "", "!", "AAAA",
    ]  # fmt: skip
    unknown = partner.enrol("2345-2345-2345", key).get_json()
    for signature in wrong[:3]:
        answer = partner.enrol(code, key, signature=signature)
        assert told(answer) == (403, "enrolment-refused")
        assert {k: v for k, v in answer.get_json().items() if k != "instance"} == {
            k: v for k, v in unknown.items() if k != "instance"
        }
    for signature in wrong[3:]:
        assert partner.enrol(code, key, signature=signature).status_code in (403, 422)


def test_another_key_under_anothers_signature_is_refused(partner: Partner) -> None:
    code, key = partner.code(), Ed25519PrivateKey.generate()
    other = people.public_jwk(Ed25519PrivateKey.generate())
    assert told(partner.enrol(code, key, public_key_jwk=other)) == (403, "enrolment-refused")


def test_a_key_with_its_private_part_is_refused_by_name(partner: Partner) -> None:
    key = Ed25519PrivateKey.generate()
    with_private = {**people.public_jwk(key), "d": "A" * 43}
    answer = partner.enrol(partner.code(), key, public_key_jwk=with_private)
    (error,) = answer.get_json()["errors"]
    assert answer.status_code == 422 and error["pointer"] == "/public_key_jwk/d" and "私钥" in error["detail"]


@pytest.mark.parametrize(
    "y", [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18, enrolled._EIGHTH, 2**255 - 19 - enrolled._EIGHTH]
)
@pytest.mark.parametrize("sign", [0, 2**255])
def test_a_key_for_which_anybody_can_sign_is_refused(y: int, sign: int) -> None:
    x = base64.urlsafe_b64encode((y | sign).to_bytes(32, "little")).decode().rstrip("=")
    with pytest.raises(ValueError, match="弱公钥"):
        enrolled.public_key_of({"kty": "OKP", "crv": "Ed25519", "x": x})


def test_a_key_is_enrolled_for_one_device_only(partner: Partner) -> None:
    key = Ed25519PrivateKey.generate()
    first = partner.enrol(partner.code(), key).get_json()["device_id"]
    assert told(partner.enrol(partner.code(), key)) == (409, "device-key-known")
    partner.post(f"/devices/{first}/retirement")
    assert told(partner.enrol(partner.code(), key)) == (409, "device-key-known")


def test_a_code_dies_with_the_post_of_whoever_gave_it(partner: Partner) -> None:
    suspended, dismissed = partner.code(), partner.code()
    with db.transaction() as session:
        accounts.set_staff_status(session, partner.manager.staff_id, "suspended")
    assert told(partner.enrol(suspended)) == (403, "enrolment-refused")
    with db.transaction() as session:
        accounts.set_staff_status(session, partner.manager.staff_id, "active")
        accounts.remove_membership(session, partner.manager.staff_id, partner.organisation_id, "partner-manager")
    assert told(partner.enrol(dismissed)) == (403, "enrolment-refused")


def test_a_code_dies_when_whoever_gave_it_moves_to_another_partner(partner: Partner) -> None:
    code = partner.code()
    with db.transaction() as session:
        elsewhere = people.organisation(session, "partner", "测试场馆")
        accounts.remove_membership(session, partner.manager.staff_id, partner.organisation_id, "partner-manager")
        accounts.add_membership(session, partner.manager.staff_id, elsewhere, "partner-manager")
    assert told(partner.enrol(code)) == (403, "enrolment-refused")


def test_a_code_dies_with_the_venue_and_with_its_partner(partner: Partner) -> None:
    code = partner.code()
    with db.transaction() as session:
        session.execute(update(Venue).where(Venue.id == partner.venue_id).values(status="closed"))
    assert told(partner.enrol(code)) == (403, "enrolment-refused")


def test_others_venues_and_devices_are_not_found(partner: Partner) -> None:
    device_id = partner.enrol(partner.code()).get_json()["device_id"]
    body = {"venue_id": str(partner.venue_id), "label": "混进来"}
    assert partner.post("/devices/enrolment-codes", partner.other, body).status_code == 404
    assert partner.client.get("/api/v1/devices", token=partner.other).get_json()["items"] == []
    assert partner.client.get("/api/v1/devices/venues", token=partner.other).get_json()["items"] == []
    for act in ("suspension", "restoration", "retirement"):
        assert partner.post(f"/devices/{device_id}/{act}", partner.other).status_code == 404
    renamed = partner.client.put(f"/api/v1/devices/{device_id}/label", json={"label": "x"}, token=partner.other)
    assert renamed.status_code == 404


def test_the_administrator_of_accounts_looks_after_every_partners_devices(partner: Partner) -> None:
    device_id = partner.enrol(partner.code(partner.admin)).get_json()["device_id"]
    found: set[str] = set()
    query: dict[str, Any] = {"limit": 100}
    while query:  # other tests' devices are in it, some of them made at a moved clock
        page = partner.client.get("/api/v1/devices", token=partner.admin, query_string=query).get_json()
        found |= {one["id"] for one in page["items"]}
        query = {"limit": 100, "cursor": page["next_cursor"]} if page["next_cursor"] else {}
    assert device_id in found
    assert partner.post(f"/devices/{device_id}/suspension", partner.admin).get_json()["status"] == "suspended"


def test_a_suspended_device_is_out_with_its_next_request_and_may_come_back(partner: Partner) -> None:
    key = Ed25519PrivateKey.generate()
    device_id = partner.enrol(partner.code(), key).get_json()["device_id"]
    token = signs_in(partner, device_id, key).get_json()["access_token"]
    assert partner.client.get("/api/v1/venue/offline-pack", token=token).status_code == 200
    assert partner.post(f"/devices/{device_id}/suspension").get_json()["status"] == "suspended"
    for path in ("/venue/offline-pack", "/me"):
        assert told(partner.client.get(f"/api/v1{path}", token=token)) == (401, "not-signed-in")
    assert told(signs_in(partner, device_id, key)) == (401, "sign-in-refused")
    assert partner.post(f"/devices/{device_id}/restoration").get_json()["status"] == "active"
    assert partner.client.get("/api/v1/me", token=token).status_code == 401
    assert signs_in(partner, device_id, key).status_code == 200


def test_a_retired_device_never_comes_back(partner: Partner) -> None:
    key = Ed25519PrivateKey.generate()
    device_id = partner.enrol(partner.code(), key).get_json()["device_id"]
    for _ in range(2):
        assert partner.post(f"/devices/{device_id}/retirement").get_json()["status"] == "retired"
    for act in ("restoration", "suspension"):
        assert told(partner.post(f"/devices/{device_id}/{act}")) == (409, "device-retired")
    assert told(signs_in(partner, device_id, key)) == (401, "sign-in-refused")
    with db.transaction() as session, pytest.raises(enrolled.DeviceRetired):
        accounts.set_device_status(session, UUID(device_id), "active")


def test_a_new_name_is_noted_without_the_name(partner: Partner) -> None:
    device_id = partner.enrol(partner.code()).get_json()["device_id"]
    answer = partner.client.put(f"/api/v1/devices/{device_id}/label", json={"label": "西门二号"}, token=partner.token)
    assert answer.get_json()["label"] == "西门二号"
    with db.reading() as reader:
        noted = reader.execute(select(TrailRow.action, TrailRow.detail).where(TrailRow.subject_id == device_id)).all()
    assert {row.action for row in noted} == {"device.enrol", "device.rename"} and "西门" not in str(noted)


def test_old_codes_are_forgotten(partner: Partner) -> None:
    partner.code()
    with db.transaction() as session:
        assert service.forget_codes(session) == 0
        with clock.shifted(timedelta(days=31)):
            assert service.forget_codes(session) >= 1


@given(st.text(max_size=30))
def test_no_text_breaks_the_reading_of_a_code(text: str) -> None:
    code = rules.normal_code(text)
    assert code is None or rules.normal_code(rules.readable(code)) == code
    assert len(rules.selector(text)) <= 4
    assert rules.normal_code(str(uuid4())) is None
