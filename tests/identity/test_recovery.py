"""Recovering an account on another WeChat: what follows, and all the ways in which it is refused."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from backend.accounts import service as accounts
from backend.accounts.models import PersonRow, SessionRow
from backend.codes import service as codes
from backend.identity import binding, recovery, rules
from backend.identity import service as identity
from backend.kit import clock, db, seal
from backend.kit.trail import TrailRow
from tests.accounts.test_routes import API, slug, wechat_sign_in
from tests.checked_client import CheckedClient
from tests.factories import accounts as make
from tests.factories import perks as shops
from tests.identity.test_binding import Someone, counter_code
from tests.wechat_server import WechatServer, synthetic_phone


class NewPhone:
    """Another WeChat of a person, with the phone that the directory knows as hers now."""

    def __init__(self, owner: Someone) -> None:
        self.owner, self.client, self.wechat = owner, owner.client, owner.wechat
        self.openid = make.openid()
        entry = identity.DirectoryEntry(owner.name, owner.id_number, synthetic_phone(self.openid))
        with db.transaction() as session:
            identity.add_to_directory(session, [entry])
        self.tokens = wechat_sign_in(self.client, self.wechat, self.openid)
        self.token = self.tokens["access_token"]

    def recover(self, kind: str = "wechat_phone", value: str | None = None, **changed: str) -> Any:
        value = value or str(self.wechat.world.make_code("phone", self.openid))
        proof = {"kind": kind, "value": value}
        body = {"name": self.owner.name, "id_number": self.owner.id_number, "proof": proof, **changed}
        return self.client.post(f"{API}/me/recovery", json=body, token=self.token)


@pytest.fixture
def someone(client: CheckedClient, wechat: WechatServer) -> Someone:
    """A person who is bound to the WeChat that she will lose."""
    who = Someone(client, wechat)
    assert who.bind().status_code == 200
    return who


@pytest.fixture
def stranger(client: CheckedClient, wechat: WechatServer) -> Someone:
    return Someone(client, wechat)


@pytest.fixture
def new_phone(someone: Someone) -> NewPhone:
    return NewPhone(someone)


def resident_of(someone: Someone) -> UUID:
    with db.reading() as reader:
        found = accounts.find_person(reader, someone.id_number)
    assert found is not None
    return found


def test_the_person_moves_to_the_new_wechat_and_the_old_one_is_out(
    client: CheckedClient, someone: Someone, new_phone: NewPhone
) -> None:
    answer = new_phone.recover()
    assert answer.status_code == 200, answer.get_json(force=True)
    told = answer.get_json()
    me = client.get(f"{API}/me", token=told["access_token"]).get_json()
    assert me["bound"] is True and me["id_number"].endswith(someone.id_number[-4:])
    assert me["spending_paused_until"] == told["spending_paused_until"] is not None
    home = client.get(f"{API}/home", token=told["access_token"]).get_json()
    assert home["spending_paused_until"] == told["spending_paused_until"]
    assert client.get(f"{API}/me", token=someone.token).status_code == 401
    old = wechat_sign_in(client, someone.wechat, someone.openid)
    assert client.get(f"{API}/me", token=old["access_token"]).get_json()["bound"] is False
    with db.reading() as reader:
        assert accounts.openid_of(reader, resident_of(someone)) == new_phone.openid
        noted = reader.execute(select(TrailRow.detail).where(TrailRow.subject_id == str(resident_of(someone)))).all()
    assert [tuple(row) for row in noted] == [({},)]


def test_no_session_from_before_outlives_the_recovery(
    client: CheckedClient, someone: Someone, new_phone: NewPhone
) -> None:
    other_session = wechat_sign_in(client, someone.wechat, someone.openid)
    planted = wechat_sign_in(client, someone.wechat, new_phone.openid)
    told = new_phone.recover().get_json()
    for tokens in (other_session, planted, new_phone.tokens):
        assert client.get(f"{API}/me", token=tokens["access_token"]).status_code == 401
        refreshed = client.post(f"{API}/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
        assert (refreshed.status_code, slug(refreshed)) == (401, "refresh-refused")
    assert client.post(f"{API}/auth/refresh", json={"refresh_token": told["refresh_token"]}).status_code == 200
    with db.reading() as reader:
        standing = select(SessionRow.account_id).where(
            SessionRow.ended_at.is_(None), SessionRow.account_id.in_([UUID(told["account"]["id"])])
        )
        assert len(reader.execute(standing).all()) == 1


def test_a_counters_code_recovers_too_and_works_once(
    client: CheckedClient, wechat: WechatServer, someone: Someone, stranger: Someone
) -> None:
    code = counter_code(client, someone).get_json()["code"]
    moved = NewPhone(someone)
    assert moved.recover("counter_code", code).status_code == 200
    again = NewPhone(someone)
    refused = again.recover("counter_code", code)
    assert (refused.status_code, slug(refused)) == (403, "identity-not-verified")
    with db.reading() as reader:
        assert accounts.openid_of(reader, resident_of(someone)) == moved.openid


def test_whatever_is_wrong_the_refusal_is_the_same_and_nothing_moves(
    client: CheckedClient, wechat: WechatServer, someone: Someone, stranger: Someone, new_phone: NewPhone
) -> None:
    unbound = Someone(client, wechat)
    with db.transaction() as session:
        accounts.ensure_person(session, unbound.name, unbound.id_number)
    elsewhere = NewPhone(stranger)
    hers = {"name": someone.name, "id_number": someone.id_number}
    code = counter_code(client, stranger).get_json()["code"]
    calls = [
        lambda: new_phone.recover(name=make.name()),
        lambda: new_phone.recover(id_number=make.id_number()),
        lambda: new_phone.recover(value="made-up"),
        lambda: elsewhere.recover(**hers),  # another's phone
        lambda: elsewhere.recover("counter_code", code, **hers),  # another's code
        lambda: elsewhere.recover(name="X"),
        lambda: elsewhere.recover(),  # all of it true, but nobody holds this person
        lambda: NewPhone(unbound).recover(),
    ]
    bodies = []
    for call in calls:
        answer = call()
        body = answer.get_json(force=True)
        body.pop("instance")
        bodies.append(body)
        assert (answer.status_code, slug(answer)) == (403, "identity-not-verified")
    assert all(body == bodies[0] for body in bodies)
    with db.reading() as reader:
        assert accounts.openid_of(reader, resident_of(someone)) == someone.openid
    assert client.get(f"{API}/me", token=someone.token).get_json()["bound"] is True


def test_a_refused_recovery_leaves_no_person_behind(stranger: Someone) -> None:
    assert NewPhone(stranger).recover().status_code == 403
    with db.reading() as reader:
        assert accounts.find_person(reader, stranger.id_number) is None


def test_the_erased_cannot_come_back_this_way(someone: Someone, new_phone: NewPhone) -> None:
    gone = update(PersonRow).where(PersonRow.resident_id == resident_of(someone))
    with db.transaction() as session:
        session.execute(gone.values(status="erased", data_key=None))
    assert (answer := new_phone.recover()).status_code == 403
    assert slug(answer) == "identity-not-verified"


def test_an_account_that_is_somebodys_recovers_nobody(
    client: CheckedClient, someone: Someone, new_phone: NewPhone
) -> None:
    assert new_phone.recover().status_code == 200
    new_phone.token = wechat_sign_in(client, someone.wechat, new_phone.openid)["access_token"]
    again = new_phone.recover()
    assert (again.status_code, slug(again)) == (409, "identity-already-bound")


def test_recoveries_and_bindings_share_their_limits(someone: Someone, stranger: Someone, new_phone: NewPhone) -> None:
    elsewhere = NewPhone(stranger)
    for _ in range(3):
        assert elsewhere.recover(name=someone.name, id_number=someone.id_number).status_code == 403
    stranger.token = elsewhere.token
    for _ in range(2):
        assert stranger.bind(name=someone.name, id_number=someone.id_number).status_code == 403
    locked = elsewhere.recover(name=someone.name, id_number=someone.id_number)
    assert (locked.status_code, slug(locked)) == (429, "too-many-attempts")
    for _ in range(5):
        new_phone.token = NewPhone(someone).token
        assert new_phone.recover(value="made-up").status_code == 403
    new_phone.token = wechat_sign_in(someone.client, someone.wechat)["access_token"]
    assert new_phone.recover().status_code == 429


class Work:
    """How often the expensive and the telling things are done."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.done: Counter[str] = Counter()
        for name in ("digest", "digests"):
            self._count(patch, seal, name)
        verifier = binding._verifier
        assert verifier is not None
        self._count(patch, verifier, "verify")
        self._count(patch, binding, "phone_of")
        self._count(patch, accounts, "find_person")
        self._count(patch, accounts, "holder_of")
        self._count(patch, accounts, "open_person")

    def _count(self, patch: pytest.MonkeyPatch, where: Any, name: str) -> None:
        real = getattr(where, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.done[name] += 1
            return real(*args, **kwargs)

        patch.setattr(where, name, counted)

    def of(self, act: Any) -> dict[str, int]:
        self.done.clear()
        assert act().status_code == 403
        return dict(self.done)


def test_the_same_work_is_done_whether_or_not_there_is_such_a_person(
    client: CheckedClient, wechat: WechatServer, someone: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbound, erased, unknown = (Someone(client, wechat) for _ in range(3))
    with db.transaction() as session:
        accounts.ensure_person(session, unbound.name, unbound.id_number)
        gone = accounts.ensure_person(session, erased.name, erased.id_number)
        session.execute(update(PersonRow).where(PersonRow.resident_id == gone).values(status="erased", data_key=None))
    thief = Someone(client, wechat)
    phones = [NewPhone(thief) for _ in range(4)]
    work = Work(monkeypatch)
    done = [
        work.of(lambda phone=phone, of=of: phone.recover(name=of.name, id_number=of.id_number))
        for phone, of in zip(phones, (someone, unbound, erased, unknown), strict=True)
    ]
    assert all(each == done[0] for each in done), done
    assert done[0]["verify"] == done[0]["find_person"] == done[0]["holder_of"] == 1
    assert "open_person" not in done[0]


# --- what follows ------------------------------------------------------------------------------------------------


@pytest.fixture
def shop(client: CheckedClient, someone: Someone) -> shops.Shop:
    with db.transaction() as session:
        codes.ensure_keys(session, "320115")
        made = shops.shop(session, price_points=5, uses=2)
        shops.give_points(session, resident_of(someone), 100)
    return made


def redeem(client: CheckedClient, shop: shops.Shop, token: str) -> Any:
    return client.post(f"{API}/perks/offers/{shop.offer_id}/redemptions", token=token, key=UUID(int=shop.offer_id.int))


def verdict(client: CheckedClient, shop: shops.Shop, code: str) -> tuple[str, str | None]:
    with db.transaction() as session:
        device = accounts.open_session(session, "device", shop.door.device_id).access_token
    body = {"code": code, "offer_id": str(shop.offer_id)}
    told = client.post(f"{API}/venue/verifications", json=body, token=device).get_json()
    return told["verdict"], told["reason"]


def test_spending_pauses_while_earlier_coupons_stay_good(
    client: CheckedClient, someone: Someone, new_phone: NewPhone, shop: shops.Shop
) -> None:
    coupon = redeem(client, shop, someone.token).get_json()["coupon"]["id"]
    told = new_phone.recover().get_json()
    token = told["access_token"]
    refused = client.post(f"{API}/perks/offers/{shop.offer_id}/redemptions", token=token, key=UUID(int=7))
    assert (refused.status_code, slug(refused)) == (409, "spending-paused")
    assert refused.get_json(force=True)["until"] == told["spending_paused_until"]
    fresh = client.post(f"{API}/me/coupons/{coupon}/codes", token=token).get_json()["code"]
    assert verdict(client, shop, fresh) == ("valid", None)
    with clock.shifted(timedelta(hours=rules.RECOVERY_PAUSE_HOURS, minutes=1)):
        token = wechat_sign_in(client, someone.wechat, new_phone.openid)["access_token"]
        assert client.get(f"{API}/me", token=token).get_json()["spending_paused_until"] is None
        again = client.post(f"{API}/perks/offers/{shop.offer_id}/redemptions", token=token, key=UUID(int=7))
        assert again.status_code == 201


def test_codes_that_the_old_phone_shows_die(
    client: CheckedClient, someone: Someone, new_phone: NewPhone, shop: shops.Shop
) -> None:
    coupon = redeem(client, shop, someone.token).get_json()["coupon"]["id"]
    with db.transaction() as session:
        free = shops.shop(session)
    old = client.post(f"{API}/me/coupons/{coupon}/codes", token=someone.token).get_json()["code"]
    presence = client.post(f"{API}/me/presentation-codes", json={"purpose": "offer"}, token=someone.token).get_json()
    assert verdict(client, shop, old) == ("valid", None)
    assert verdict(client, free, presence["code"]) == ("valid", None)
    token = new_phone.recover().get_json()["access_token"]
    assert verdict(client, shop, old) == ("refused", "code-expired")
    assert verdict(client, free, presence["code"]) == ("refused", "code-expired")
    with db.transaction() as session:
        device = accounts.open_session(session, "device", shop.door.device_id).access_token
    body = {"code": old, "offer_id": str(shop.offer_id)}
    refused = client.post(f"{API}/venue/admissions", json=body, token=device, key=UUID(int=9))
    assert (refused.status_code, slug(refused)) == (410, "code-expired")
    fresh = client.post(f"{API}/me/coupons/{coupon}/codes", token=token).get_json()["code"]
    admitted = client.post(f"{API}/venue/admissions", json={"code": fresh}, token=device, key=UUID(int=10))
    assert admitted.status_code == 201
    with clock.shifted(timedelta(seconds=2)):
        shown = client.post(f"{API}/me/presentation-codes", json={"purpose": "offer"}, token=token).get_json()
        assert verdict(client, free, shown["code"]) == ("valid", None)


def test_an_offline_admission_from_before_counts_and_one_from_after_is_a_conflict(
    client: CheckedClient, someone: Someone, new_phone: NewPhone, shop: shops.Shop
) -> None:
    coupon = redeem(client, shop, someone.token).get_json()["coupon"]["id"]
    old = client.post(f"{API}/me/coupons/{coupon}/codes", token=someone.token).get_json()["code"]
    before = clock.now() + timedelta(seconds=1)
    with clock.shifted(timedelta(seconds=60)):
        assert new_phone.recover().status_code == 200
    with clock.shifted(timedelta(seconds=120)), db.transaction() as session:
        device = accounts.open_session(session, "device", shop.door.device_id).access_token
    rows = [
        {"id": str(UUID(int=shop.offer_id.int ^ 1)), "code": old, "at": before.isoformat()},
        {"id": str(UUID(int=shop.offer_id.int ^ 2)), "code": old, "at": (before + timedelta(seconds=90)).isoformat()},
    ]
    with clock.shifted(timedelta(seconds=120)):
        told = client.post(f"{API}/venue/admissions/batch", json={"admissions": rows}, token=device).get_json()
    assert [(row["verdict"], row["reason"]) for row in told["items"]] == [
        ("admitted", None), ("conflict", "code-expired"),
    ]  # fmt: skip


def test_a_devices_pack_refuses_the_old_place_and_remembers_the_uses(
    client: CheckedClient, someone: Someone, new_phone: NewPhone, shop: shops.Shop
) -> None:
    coupon = redeem(client, shop, someone.token).get_json()["coupon"]["id"]
    with db.transaction() as session:
        device = accounts.open_session(session, "device", shop.door.device_id).access_token
    old = client.post(f"{API}/me/coupons/{coupon}/codes", token=someone.token).get_json()["code"]
    assert client.post(f"{API}/venue/admissions", json={"code": old}, token=device, key=UUID(int=11)).status_code == 201
    before = client.get(f"{API}/venue/offline-pack", token=device).get_json()
    assert new_phone.recover().status_code == 200
    after = client.get(f"{API}/venue/offline-pack", token=device).get_json()
    assert after["status_list"] != before["status_list"]
    assert [row["used"] for row in after["used"]] == [row["used"] for row in before["used"]] == [1]
    assert after["used"][0]["status"] != before["used"][0]["status"]


def test_the_city_may_do_without_a_pause(
    someone: Someone, new_phone: NewPhone, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr(recovery, "_pause", lambda _reader: timedelta(0))
    assert new_phone.recover().get_json()["spending_paused_until"] is None


@pytest.mark.parametrize(
    ("hours", "right"), [(0, True), (720, True), (721, False), (-1, False), (True, False), ("3", False)]
)
def test_the_pause_is_0_to_720_hours(hours: Any, right: bool) -> None:
    assert (rules.lint_limits({"recovery_pause_hours": hours}) == []) is right


# --- at the counter ----------------------------------------------------------------------------------------------


def lift(client: CheckedClient, someone: Someone, role: str = "counter-clerk", **changed: str) -> Any:
    with db.transaction() as session:
        token = make.staff_token(session, make.staff(session, role))
    body = {"name": someone.name, "id_number": someone.id_number, **changed}
    return client.post(f"{API}/identity/pauses/lift", json=body, token=token)


def test_a_clerk_with_the_card_in_hand_ends_the_pause_and_it_is_logged(
    client: CheckedClient, someone: Someone, new_phone: NewPhone
) -> None:
    token = new_phone.recover().get_json()["access_token"]
    assert lift(client, someone).status_code == 204
    assert client.get(f"{API}/me", token=token).get_json()["spending_paused_until"] is None
    (look,) = client.get(f"{API}/me/access-log", token=token).get_json()["items"]
    assert (look["role"], look["fields"]) == ("窗口工作人员", ["冷静期"])
    assert lift(client, someone).status_code == 404  # nothing left to lift
    assert len(client.get(f"{API}/me/access-log", token=token).get_json()["items"]) == 1


def test_a_clerk_learns_nothing_of_whom_he_guesses(
    client: CheckedClient, someone: Someone, stranger: Someone, new_phone: NewPhone
) -> None:
    new_phone.recover()
    answers = [
        lift(client, stranger),
        lift(client, someone, name=make.name()),
        lift(client, someone, id_number=make.id_number()),
    ]
    bodies = [{k: v for k, v in a.get_json(force=True).items() if k != "instance"} for a in answers]
    assert {a.status_code for a in answers} == {404} and all(body == bodies[0] for body in bodies)
    assert lift(client, someone, id_number="1").status_code == 422
    for role in ("account-admin", "office", "auditor"):
        assert lift(client, someone, role).status_code == 403
