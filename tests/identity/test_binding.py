"""Becoming somebody, over HTTP: with WeChat's phone, with a counter's code, and all the ways in which it fails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from backend.accounts import service
from backend.identity import binding, jobs
from backend.identity import service as identity
from backend.identity.models import CounterCodeRow
from backend.kit import clock, db
from tests.accounts.test_routes import API, slug, wechat_sign_in
from tests.checked_client import CheckedClient
from tests.factories import accounts as make
from tests.wechat_server import WechatServer, synthetic_phone
from tests.wechat_server.world import Fault


class Someone:
    """A person whom the directory knows, with a WeChat account that is not bound."""

    def __init__(self, client: CheckedClient, wechat: WechatServer) -> None:
        self.client, self.wechat = client, wechat
        self.openid, self.name, self.id_number = make.openid(), make.name(), make.id_number()
        entry = identity.DirectoryEntry(self.name, self.id_number, synthetic_phone(self.openid))
        with db.transaction() as session:
            identity.add_to_directory(session, [entry])
        self.token = wechat_sign_in(client, wechat, self.openid)["access_token"]

    def phone_code(self) -> str:
        return str(self.wechat.world.make_code("phone", self.openid))

    def bind(self, kind: str = "wechat_phone", value: str | None = None, **changed: str) -> Any:
        proof = {"kind": kind, "value": value or self.phone_code()}
        body = {"name": self.name, "id_number": self.id_number, "proof": proof, **changed}
        return self.client.put(f"{API}/me/identity", json=body, token=self.token)


@pytest.fixture
def someone(client: CheckedClient, wechat: WechatServer) -> Someone:
    return Someone(client, wechat)


@pytest.fixture
def another(client: CheckedClient, wechat: WechatServer) -> Someone:
    return Someone(client, wechat)


@pytest.fixture
def no_verifier() -> Iterator[None]:
    before = binding._verifier
    binding.bind_verifier(None)
    yield
    binding.bind_verifier(before)


def test_the_same_token_is_the_persons_at_once(client: CheckedClient, someone: Someone) -> None:
    answer = someone.bind()
    assert answer.status_code == 200, answer.get_json(force=True)
    me = client.get(f"{API}/me", token=someone.token).get_json()
    assert me == answer.get_json()
    assert me["bound"] is True and me["adult"] is True
    assert me["name"] == someone.name[0] + "***"
    assert me["id_number"] == someone.id_number[:3] + "*" * 11 + someone.id_number[-4:]
    assert me["phone"].startswith("199****")


def test_binding_adopts_the_person_whom_a_department_made(someone: Someone) -> None:
    with db.transaction() as session:
        known = service.ensure_person(session, someone.name, someone.id_number)
    assert someone.bind().status_code == 200
    with db.reading() as reader:
        assert service.find_person(reader, someone.id_number) == known
        assert service.openid_of(reader, known) == someone.openid


def test_whatever_is_wrong_the_refusal_is_the_same(
    client: CheckedClient, wechat: WechatServer, someone: Someone, another: Someone
) -> None:
    renamed, taken = Someone(client, wechat), Someone(client, wechat)
    with db.transaction() as session:
        service.ensure_person(session, make.name(), renamed.id_number)
        make_bound = identity.DirectoryEntry(taken.name, taken.id_number, synthetic_phone(another.openid))
    assert taken.bind().status_code == 200
    with db.transaction() as session:
        identity.add_to_directory(session, [make_bound])
    used = someone.phone_code()
    answers = [
        someone.bind(name=make.name()),
        someone.bind(id_number=make.id_number()),
        someone.bind(id_number="110105194912310021"),
        someone.bind(value="made-up"),
        another.bind(name=someone.name, id_number=someone.id_number),  # another's phone
        another.bind(value=used),  # a code that another made
        another.bind(name="X"),
        another.bind("counter_code", "ABCD-EFGH"),
        renamed.bind(),  # known to a department by another name
        another.bind(name=taken.name, id_number=taken.id_number),  # somebody's already, though all of it is true
    ]
    bodies = [answer.get_json(force=True) for answer in answers]
    for answer, body in zip(answers, bodies, strict=True):
        body.pop("instance")
        assert (answer.status_code, slug(answer)) == (403, "identity-not-verified")
        assert body == bodies[0]


def test_a_refused_binding_leaves_no_person_behind(someone: Someone) -> None:
    someone.bind(name=make.name())
    with db.reading() as reader:
        assert service.find_person(reader, someone.id_number) is None


def test_an_account_may_try_five_times_a_day(someone: Someone) -> None:
    answers = [someone.bind(name=make.name()) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {403}
    locked = someone.bind()
    assert (locked.status_code, slug(locked)) == (429, "too-many-attempts")
    assert int(locked.headers["Retry-After"]) > 3600
    with clock.shifted(timedelta(hours=25)):
        fresh = wechat_sign_in(someone.client, someone.wechat, someone.openid)["access_token"]
        someone.token = fresh
        assert someone.bind().status_code == 200


def test_an_id_number_may_be_tried_ten_times_a_day_by_all_together(
    client: CheckedClient, wechat: WechatServer, someone: Someone
) -> None:
    for _ in range(5):
        stranger = Someone(client, wechat)
        for _ in range(2):
            assert stranger.bind(name=someone.name, id_number=someone.id_number).status_code == 403
    assert someone.bind().status_code == 429


def test_an_outage_of_wechat_costs_no_attempt(someone: Someone) -> None:
    faults = someone.wechat.world.faults
    try:
        for _ in range(6):
            faults[:] = [Fault("/wxa/business/getuserphonenumber", times=5, http_status=500)]
            assert someone.bind().status_code == 503
    finally:
        faults.clear()
    assert someone.bind().status_code == 200


def test_binding_again_as_oneself_changes_nothing(someone: Someone) -> None:
    assert someone.bind().status_code == 200
    for _ in range(7):
        assert someone.bind().status_code == 200


def test_an_account_is_one_persons(someone: Someone, another: Someone) -> None:
    assert someone.bind().status_code == 200
    refused = someone.bind(name=another.name, id_number=another.id_number)
    assert (refused.status_code, slug(refused)) == (409, "identity-already-bound")


def counter_code(client: CheckedClient, someone: Someone, role: str = "counter-clerk") -> Any:
    with db.transaction() as session:
        token = make.staff_token(session, make.staff(session, role))
    body = {"name": someone.name, "id_number": someone.id_number}
    return client.post(f"{API}/identity/counter-codes", json=body, token=token)


def test_a_counters_code_binds_whom_it_was_given_to_and_once(
    client: CheckedClient, someone: Someone, another: Someone
) -> None:
    given = counter_code(client, someone)
    assert given.status_code == 201
    code = given.get_json()["code"]
    assert another.bind("counter_code", code).status_code == 403
    assert someone.bind("counter_code", code.lower()).status_code == 200
    assert another.bind("counter_code", code, name=someone.name, id_number=someone.id_number).status_code == 403


def test_a_counters_code_ends_after_fifteen_minutes(client: CheckedClient, someone: Someone) -> None:
    code = counter_code(client, someone).get_json()["code"]
    with clock.shifted(timedelta(minutes=16)):
        someone.token = wechat_sign_in(client, someone.wechat, someone.openid)["access_token"]
        assert someone.bind("counter_code", code).status_code == 403


def test_only_those_who_may_vouch_give_counter_codes(client: CheckedClient, someone: Someone) -> None:
    for role in ("auditor", "office", "account-admin"):
        assert counter_code(client, someone, role).status_code == 403
    someone.id_number = "110105194912310021"
    refused = counter_code(client, someone)
    assert refused.status_code == 422
    assert refused.get_json(force=True)["errors"][0]["pointer"] == "/id_number"


def test_a_proof_that_is_not_available_here_says_so_and_costs_nothing(someone: Someone) -> None:
    for _ in range(6):
        refused = someone.bind("government", "token")
        assert (refused.status_code, slug(refused)) == (422, "proof-kind-unavailable")
        assert refused.get_json(force=True)["available"] == ["wechat_phone", "counter_code"]
    assert someone.bind().status_code == 200


def test_without_an_authority_only_the_counter_can_vouch(
    client: CheckedClient, someone: Someone, no_verifier: None
) -> None:
    assert someone.bind().status_code == 422
    code = counter_code(client, someone).get_json()["code"]
    assert someone.bind("counter_code", code).status_code == 200


def test_staff_and_devices_have_no_identity_to_bind(client: CheckedClient, someone: Someone) -> None:
    with db.transaction() as session:
        someone.token = make.staff_token(session, make.staff(session))
    assert someone.bind().status_code == 403


def test_old_counter_codes_are_forgotten(client: CheckedClient, someone: Someone) -> None:
    def kept() -> int:
        with db.reading() as reader:
            return int(reader.execute(select(func.count()).select_from(CounterCodeRow)).scalar_one())

    jobs.forget_counter_codes(clock.today())
    before = kept()
    with clock.shifted(timedelta(days=-2)), db.transaction() as session:
        identity.issue_counter_code(session, someone.name, someone.id_number, make.staff(session).staff_id)
    assert kept() == before + 1
    jobs.forget_counter_codes(clock.today())
    assert kept() == before
