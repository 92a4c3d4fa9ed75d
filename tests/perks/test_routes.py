"""Status, problem and shape of every route, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from backend.admissions import jobs as admissions_jobs
from backend.admissions.offline import OfflineVerifier
from backend.kit import clock, db
from backend.ledger import service as ledger
from backend.perks import jobs
from tests.checked_client import CheckedClient
from tests.factories import accounts as people
from tests.factories import perks as factory
from tests.factories.perks import Shop, give_points

API = "/api/v1"


class Stage:
    """A shop, a resident with points, and the tokens of resident and device."""

    def __init__(self, client: CheckedClient, points: int = 0, **changes: Any) -> None:
        self.client = client
        with db.transaction() as session:
            self.shop: Shop = factory.shop(session, **changes)
            self.person = people.resident(session)
            if points:
                give_points(session, self.person.resident_id, points)
            self.token = people.resident_token(session, self.person)
            self.device = self.device_token(session, self.shop)

    @staticmethod
    def device_token(session: Any, known: Shop) -> str:
        device = people.Device(known.door.device_id, known.partner_id, people.Ed25519PrivateKey.generate())
        return people.device_token(session, device)

    def redeem(self, key: UUID | None = None) -> Any:
        path = f"{API}/perks/offers/{self.shop.offer_id}/redemptions"
        return self.client.post(path, token=self.token, key=key or uuid4())

    def coupon(self) -> str:
        return str(self.redeem().get_json()["coupon"]["id"])

    def code(self, coupon_id: str, query: str = "") -> Any:
        return self.client.post(f"{API}/me/coupons/{coupon_id}/codes{query}", token=self.token)

    def shown(self) -> str:
        return str(self.code(self.coupon()).get_json()["code"])

    def verify(self, code: str, **body: Any) -> Any:
        return self.client.post(f"{API}/venue/verifications", token=self.device, json={"code": code, **body})

    def admit(self, code: str, key: UUID | None = None, **body: Any) -> Any:
        return self.client.post(
            f"{API}/venue/admissions", token=self.device, key=key or uuid4(), json={"code": code, **body}
        )

    def upload(self, *rows: dict[str, Any]) -> Any:
        return self.client.post(f"{API}/venue/admissions/batch", token=self.device, json={"admissions": list(rows)})

    def balance(self) -> int:
        with db.reading() as reader:
            return ledger.balance(reader, self.person.resident_id, clock.today())


def slug(response: Any) -> str:
    return str(response.get_json()["type"].removeprefix("/problems/"))


def test_scenes_and_offers_are_open_to_anybody(client: CheckedClient) -> None:
    scenes = client.get(f"{API}/perks/scenes").get_json()["items"]
    assert [scene["id"] for scene in scenes][:2] == ["you", "xing"]
    first = client.get(f"{API}/perks/offers?scene=xing&limit=1").get_json()
    assert first["items"][0]["scene"] == "xing"
    assert first["items"][0]["entitled"]["verdict"] == "sign-in"
    rest = client.get(f"{API}/perks/offers?scene=xing&limit=1&cursor={first['next_cursor']}").get_json()
    assert rest["items"][0]["id"] != first["items"][0]["id"]
    one = client.get(f"{API}/perks/offers/{first['items'][0]['id']}").get_json()
    assert one == first["items"][0]


def test_offers_answer_304_to_their_etag(client: CheckedClient) -> None:
    first = client.get(f"{API}/perks/offers")
    assert client.get(f"{API}/perks/offers", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize(
    "query", ["scene=", "venue=x", "entitled=maybe", "limit=0", "limit=101", "cursor=xx", "unknown=1", "scene=%00"]
)
def test_a_bad_query_is_named(client: CheckedClient, query: str) -> None:
    answer = client.get(f"{API}/perks/offers?{query}")
    assert (answer.status_code, slug(answer)) == (422, "invalid-request")


def test_an_unbound_account_browses_and_is_told_to_bind(client: CheckedClient) -> None:
    stage = Stage(client)
    with db.transaction() as session:
        stage.token = people.unbound_token(session)
    offer = client.get(f"{API}/perks/offers/{stage.shop.offer_id}", token=stage.token).get_json()
    assert offer["entitled"]["reasons"][0]["slug"] == "identity"
    assert (stage.redeem().status_code, slug(stage.redeem())) == (403, "identity-not-bound")


def test_the_journey_from_offer_to_the_second_scan(client: CheckedClient) -> None:
    stage = Stage(client, points=500, price_points=300, stock_total=5)
    offer = client.get(f"{API}/perks/offers/{stage.shop.offer_id}", token=stage.token).get_json()
    assert offer["entitled"]["verdict"] == "entitled"
    made = stage.redeem()
    assert made.status_code == 201
    coupon_id = made.get_json()["coupon"]["id"]
    assert stage.balance() == 200
    assert client.get(f"{API}/me/coupons", token=stage.token).get_json()["items"][0]["id"] == coupon_id
    shown = stage.code(coupon_id, "?qr=svg")
    assert shown.status_code == 201
    assert shown.get_json()["qr_svg"].startswith("<svg")
    code = shown.get_json()["code"]
    assert stage.verify(code).get_json()["verdict"] == "valid"
    key = uuid4()
    done = stage.admit(code, key)
    assert (done.status_code, done.get_json()["verdict"], done.get_json()["uses_left"]) == (201, "admitted", 0)
    assert stage.admit(code, key).get_json() == done.get_json()
    second = stage.admit(code)
    assert (second.status_code, slug(second)) == (409, "already-used")
    assert second.get_json()["used_at"] == done.get_json()["admitted_at"]
    assert second.get_json()["venue"]["name"] == "测试场所"
    again = stage.verify(code).get_json()
    assert (again["verdict"], again["reason"], again["used_at"]) == (
        "refused",
        "already-used",
        done.get_json()["admitted_at"],
    )
    assert client.get(f"{API}/me/coupons/{coupon_id}", token=stage.token).get_json()["status"] == "used"
    assert (stage.code(coupon_id).status_code, slug(stage.code(coupon_id))) == (409, "coupon-not-active")


def test_cancel_brings_the_points_back_and_kills_the_code(client: CheckedClient) -> None:
    stage = Stage(client, points=300, price_points=300)
    coupon_id = stage.coupon()
    code = stage.code(coupon_id).get_json()["code"]
    path, key = f"{API}/me/coupons/{coupon_id}/cancellation", uuid4()
    cancelled = client.post(path, token=stage.token, key=key)
    assert (cancelled.status_code, cancelled.get_json()["status"]) == (200, "cancelled")
    assert client.post(path, token=stage.token, key=key).get_json() == cancelled.get_json()
    assert stage.balance() == 300
    assert slug(stage.admit(code)) == "cancelled"
    once_more = client.post(path, token=stage.token, key=uuid4())
    assert (once_more.status_code, slug(once_more)) == (409, "not-cancellable")


@pytest.mark.parametrize(
    ("changes", "status", "problem"),
    [
        ({"price_points": 10}, 409, "not-enough-points"),
        ({"status": "closed"}, 409, "offer-closed"),
        ({"level_floor": "A", "consents": ["score"]}, 403, "not-entitled"),
        ({"per_person": {"limit": 1, "window": "month"}}, 409, "limit-reached"),
        ({"stock_total": 1}, 409, "sold-out"),
    ],
)
def test_each_refusal_to_redeem_has_its_problem(
    client: CheckedClient, changes: dict[str, Any], status: int, problem: str
) -> None:
    stage = Stage(client, **changes)
    if problem in ("limit-reached", "sold-out"):
        assert stage.redeem().status_code == 201
    answer = stage.redeem()
    assert (answer.status_code, slug(answer)) == (status, problem)
    if problem == "not-entitled":
        assert {reason["slug"] for reason in answer.get_json()["reasons"]} >= {"consent", "level"}


def test_redeem_needs_its_key_and_honours_it(client: CheckedClient) -> None:
    stage, key = Stage(client), uuid4()
    path = f"{API}/perks/offers/{stage.shop.offer_id}/redemptions"
    missing = client.post(path, token=stage.token)
    assert (missing.status_code, slug(missing)) == (400, "idempotency-key-missing")
    first, again = stage.redeem(key), stage.redeem(key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.get_json() == again.get_json()
    other = client.post(f"{API}/perks/offers/{uuid4()}/redemptions", token=stage.token, key=key)
    assert (other.status_code, slug(other)) == (409, "idempotency-conflict")
    unknown = client.post(f"{API}/perks/offers/{uuid4()}/redemptions", token=stage.token, key=uuid4())
    assert (unknown.status_code, slug(unknown)) == (404, "not-found")


def test_another_persons_coupon_is_not_found(client: CheckedClient) -> None:
    mine, theirs = Stage(client), Stage(client)
    coupon_id = theirs.coupon()
    for method, path, key in (
        ("GET", f"/me/coupons/{coupon_id}", None),
        ("POST", f"/me/coupons/{coupon_id}/codes", None),
        ("POST", f"/me/coupons/{coupon_id}/cancellation", uuid4()),
    ):
        answer = client.open(API + path, method=method, token=mine.token, key=key)
        assert (answer.status_code, slug(answer)) == (404, "not-found")


def test_a_device_of_another_venue_is_refused_and_learns_nothing(client: CheckedClient) -> None:
    mine, theirs = Stage(client), Stage(client)
    code = theirs.shown()
    answer = mine.admit(code)
    assert (answer.status_code, slug(answer)) == (403, "not-your-offer")
    seen = mine.verify(code).get_json()
    assert (seen["reason"], seen["offer"], seen["uses_left"]) == ("not-your-offer", None, None)
    assert theirs.admit(code).status_code == 201


def test_forged_and_expired_codes_have_their_problems(client: CheckedClient) -> None:
    stage = Stage(client)
    code = stage.shown()
    forged = stage.admit(code[:-6] + "AAAAAA")
    assert (forged.status_code, slug(forged)) == (422, "code-not-verified")
    with clock.shifted(timedelta(hours=2)):
        with db.transaction() as session:
            stage.device = stage.device_token(session, stage.shop)
        expired = stage.admit(code)
    assert (expired.status_code, slug(expired)) == (410, "code-expired")


def test_a_device_without_a_venue_cannot_admit(client: CheckedClient) -> None:
    stage = Stage(client)
    with db.transaction() as session:
        stage.device = people.device_token(session, people.device(session))
    for answer in (
        stage.admit("XY1:A"),
        stage.verify("XY1:A"),
        client.get(f"{API}/venue/offline-pack", token=stage.device),
    ):
        assert (answer.status_code, slug(answer)) == (409, "device-without-venue")


def test_each_route_is_for_its_own_kind_of_caller(client: CheckedClient) -> None:
    stage = Stage(client)
    with db.transaction() as session:
        staff = people.staff_token(session, people.staff(session))
    body = {"code": "XY1:A"}
    for path, json in (("/venue/verifications", body), ("/venue/admissions", body), ("/venue/admissions/batch", {})):
        for token in (stage.token, staff):
            assert client.post(API + path, token=token, key=uuid4(), json=json).status_code == 403
        assert client.post(API + path, key=uuid4(), json=json).status_code == 401
    for token in (stage.device, staff):
        assert client.get(f"{API}/me/coupons", token=token).status_code == 403
        assert client.post(f"{API}/me/presentation-codes", token=token, json={"purpose": "offer"}).status_code == 403


def test_a_presentation_code_is_answered_yes_or_no(client: CheckedClient) -> None:
    stage = Stage(client)
    made = client.post(f"{API}/me/presentation-codes?qr=svg", token=stage.token, json={"purpose": "offer"})
    assert made.status_code == 201
    code = made.get_json()["code"]
    assert slug(stage.verify(code)) == "invalid-request"
    yes = stage.verify(code, offer_id=str(stage.shop.offer_id)).get_json()
    assert (yes["verdict"], yes["reason"]) == ("valid", None)
    assert stage.admit(code, offer_id=str(stage.shop.offer_id)).status_code == 201
    assert slug(stage.admit(code, offer_id=str(stage.shop.offer_id))) == "already-used"
    assert (
        slug(client.post(f"{API}/me/presentation-codes", token=stage.token, json={"purpose": "x"})) == "invalid-request"
    )


def test_the_pack_judges_offline_and_its_scans_are_uploaded(client: CheckedClient) -> None:
    stage = Stage(client, uses=2)
    code = stage.shown()
    answer = client.get(f"{API}/venue/offline-pack", token=stage.device)
    pack = answer.get_json()
    device = OfflineVerifier(pack)
    assert device.judge(code, clock.now()).verdict == "valid"
    if (unchanged := client.get(
        f"{API}/venue/offline-pack", token=stage.device, headers={"If-None-Match": answer.headers["ETag"]}
    )).status_code != 304:  # fmt: skip
        assert unchanged.get_json()["status_list"] != pack["status_list"], "a new window of the list may have begun"
    at = clock.now().isoformat()
    rows = [{"id": str(uuid4()), "code": code, "at": at} for _ in range(3)]
    rows.append({"id": str(uuid4()), "code": "XY1:FORGED", "at": at})
    found = stage.upload(*rows).get_json()["items"]
    assert [item["verdict"] for item in found] == ["admitted", "admitted", "conflict", "refused"]
    assert [item["reason"] for item in found] == [None, None, "already-used", "code-not-verified"]
    assert [item["id"] for item in found] == [row["id"] for row in rows]
    assert stage.upload(*rows).get_json()["items"] == found
    assert OfflineVerifier(client.get(f"{API}/venue/offline-pack", token=stage.device).get_json()).judge(
        code, clock.now()
    ).reason == "already-used"  # fmt: skip


def test_a_bad_row_harms_none_of_its_neighbours(client: CheckedClient) -> None:
    stage = Stage(client)
    one, two = stage.shown(), stage.shown()
    at, key = clock.now().isoformat(), str(uuid4())
    found = stage.upload(
        {"id": key, "code": one, "at": at},
        {"id": key, "code": two, "at": at},
        {"id": str(uuid4()), "code": two, "at": at},
    ).get_json()["items"]
    assert [(item["verdict"], item["reason"]) for item in found] == [
        ("admitted", None), ("failed", "idempotency-conflict"), ("admitted", None),
    ]  # fmt: skip


def row(**changes: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "code": "XY1:A", "at": "2026-03-05T08:30:00Z", **changes}


@pytest.mark.parametrize(
    "body",
    [
        {}, {"admissions": []}, {"admissions": [row()] * 101}, {"admissions": "x"}, {"admissions": [row(id="x")]},
        {"admissions": [row(at="2026-03-05T08:30:00")]}, {"admissions": [row(at=5)]},
        {"admissions": [row(code="\x00")]},
        {"admissions": [row(code="x" * 401)]}, {"admissions": [row(more=1)]}, {"admissions": [row()], "more": 1},
    ],
)  # fmt: skip
def test_a_malformed_batch_is_refused_whole(client: CheckedClient, body: dict[str, Any]) -> None:
    stage = Stage(client)
    answer = client.post(f"{API}/venue/admissions/batch", token=stage.device, json=body)
    assert (answer.status_code, slug(answer)) == (422, "invalid-request")
    assert answer.get_json()["errors"]


@pytest.mark.parametrize("code", [5, None, "", "\x00", "x" * 401, ["a"]])
def test_a_malformed_scan_is_named(client: CheckedClient, code: Any) -> None:
    stage = Stage(client)
    for answer in (stage.verify(code), stage.admit(code)):
        assert (answer.status_code, slug(answer)) == (422, "invalid-request")


@pytest.mark.parametrize("code", ["🙂", "XY1:" + "😀" * 40, "xy1:%%%", "XY1: ", "eyJhbGciOiJub25lIn0.e30."])
def test_a_strange_code_is_not_verified(client: CheckedClient, code: str) -> None:
    stage = Stage(client)
    assert stage.verify(code).get_json()["reason"] == "code-not-verified"
    assert slug(stage.admit(code)) == "code-not-verified"


def test_the_daily_job_closes_what_has_ended_and_only_once(client: CheckedClient) -> None:
    stage = Stage(client, points=10, price_points=10, coupon_valid_days=0, offline={"mode": "none"})
    coupon_id = stage.coupon()
    with clock.shifted(timedelta(days=2)):
        jobs.expire_coupons(clock.today())
        assert stage.balance() == 10
        jobs.expire_coupons(clock.today())
        admissions_jobs.drop_old_uses(clock.today())
    assert stage.balance() == 10
    assert client.get(f"{API}/me/coupons/{coupon_id}", token=stage.token).get_json()["status"] == "expired"
