"""What must happen once happens once, though many ask at the same moment."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from backend.accounts import service
from backend.consents.models import ConsentEventRow
from backend.identity import service as identity
from backend.kit import db
from config.settings import Settings
from tests.checked_client import CheckedClient
from tests.factories import accounts as make
from tests.wechat_server import WechatServer, synthetic_phone

API = "/api/v1"
THREADS = 12


@pytest.fixture(autouse=True)
def loaded(city: dict[str, dict[str, Any]]) -> None:
    """江宁 is loaded."""


def at_once(app: Flask, act: Callable[[CheckedClient, int], Any], threads: int = THREADS) -> list[Any]:
    """Let ``threads`` clients meet at a barrier, then act."""
    barrier = threading.Barrier(threads)

    def run(number: int) -> Any:
        client = CheckedClient(app)
        barrier.wait(timeout=30)
        return act(client, number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


def statuses(answers: list[Any]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def test_one_nonce_signs_one_device_in(app: Flask, client: CheckedClient, settings: Settings) -> None:
    with db.transaction() as session:
        device = make.device(session)
    given = client.post(f"{API}/auth/device/nonces", json={"device_id": str(device.device_id)}).get_json()["nonce"]
    body = dict(device_id=str(device.device_id), nonce=given, signature=device.sign(settings.public_base_url, given))
    answers = at_once(app, lambda own, _: own.post(f"{API}/auth/device", json=body))
    assert statuses(answers) == {200: 1, 401: THREADS - 1}


def test_one_refresh_token_used_by_many_at_once_ends_the_session(
    app: Flask, client: CheckedClient, wechat: WechatServer
) -> None:
    code = wechat.world.make_code("login", make.openid())
    first = client.post(f"{API}/auth/wechat", json={"code": code}).get_json()
    body = {"refresh_token": first["refresh_token"]}
    answers = at_once(app, lambda own, _: own.post(f"{API}/auth/refresh", json=body))
    assert statuses(answers) == {200: 1, 401: THREADS - 1}
    [won] = [answer.get_json() for answer in answers if answer.status_code == 200]
    assert client.get(f"{API}/me", token=won["access_token"]).status_code == 401
    again = client.post(f"{API}/auth/refresh", json={"refresh_token": won["refresh_token"]})
    assert again.status_code == 401


def test_one_time_codes_sign_in_once(app: Flask) -> None:
    with db.transaction() as session:
        staff = make.staff(session)
    body = {"username": staff.username, "password": make.PASSWORD, "otp": staff.otp()}
    answers = at_once(app, lambda own, _: own.post(f"{API}/auth/staff", json=body), 5)
    assert statuses(answers) == {200: 1, 401: 4}


def test_many_guesses_at_once_do_not_slip_past_the_limit(app: Flask) -> None:
    with db.transaction() as session:
        staff = make.staff(session)
    body = {"username": staff.username, "password": "a wrong password", "otp": "000000"}
    answers = at_once(app, lambda own, _: own.post(f"{API}/auth/staff", json=body))
    assert statuses(answers) == {401: 5, 429: THREADS - 5}


def test_one_openid_signing_in_from_many_phones_is_one_account(app: Flask, wechat: WechatServer) -> None:
    openid = make.openid()
    codes = [wechat.world.make_code("login", openid) for _ in range(THREADS)]
    answers = at_once(app, lambda own, n: own.post(f"{API}/auth/wechat", json={"code": codes[n]}))
    assert statuses(answers) == {200: THREADS}
    assert len({answer.get_json()["account"]["id"] for answer in answers}) == 1


def test_a_person_is_bound_to_one_of_many_accounts(app: Flask, wechat: WechatServer) -> None:
    who = (make.name(), make.id_number())
    with db.transaction() as session:
        codes = [
            identity.issue_counter_code(session, *who, issued_by=make.staff(session).staff_id)[0] for _ in range(8)
        ]
        tokens = [make.unbound_token(session) for _ in range(8)]

    def bind(client: CheckedClient, number: int) -> Any:
        proof = {"kind": "counter_code", "value": codes[number]}
        body = {"name": who[0], "id_number": who[1], "proof": proof}
        return client.put(f"{API}/me/identity", json=body, token=tokens[number])

    assert statuses(at_once(app, bind, 8)) == {200: 1, 403: 7}


def test_two_bindings_of_one_account_make_it_one_persons(app: Flask, wechat: WechatServer) -> None:
    openid = make.openid()
    people = [(make.name(), make.id_number()) for _ in range(4)]
    with db.transaction() as session:
        entries = [identity.DirectoryEntry(*person, synthetic_phone(openid)) for person in people]
        identity.add_to_directory(session, entries)
    login = CheckedClient(app).post(f"{API}/auth/wechat", json={"code": wechat.world.make_code("login", openid)})
    token = login.get_json()["access_token"]

    def bind(client: CheckedClient, number: int) -> Any:
        proof = {"kind": "wechat_phone", "value": wechat.world.make_code("phone", openid)}
        body = {"name": people[number][0], "id_number": people[number][1], "proof": proof}
        return client.put(f"{API}/me/identity", json=body, token=token)

    assert statuses(at_once(app, bind, 4)) == {200: 1, 409: 3}


def test_a_person_seen_by_many_at_once_is_made_once(database: db.Database, app: Flask) -> None:
    rows = [(make.name(), make.id_number()) for _ in range(30)]

    def see(_client: CheckedClient, number: int) -> dict[Any, Any]:
        turned = rows[number:] + rows[:number]
        with db.transaction() as session:
            return dict(zip(turned, service.ensure_people(session, turned), strict=True))

    answers = at_once(app, see, 6)
    assert all(answer == answers[0] for answer in answers)


def test_a_consent_given_many_times_at_once_is_told_once(app: Flask) -> None:
    with db.transaction() as session:
        resident = make.resident(session)
        token = make.resident_token(session, resident)
    version = CheckedClient(app).get(f"{API}/me/consents", token=token).get_json()["items"][0]["text_version"]
    body = {"granted": True, "text_version": version}
    answers = at_once(app, lambda own, _: own.put(f"{API}/me/consents/score", json=body, token=token))
    assert statuses(answers) == {200: THREADS}
    with db.reading() as reader:
        mine = ConsentEventRow.resident_id == resident.resident_id
        assert reader.execute(select(func.count()).select_from(ConsentEventRow).where(mine)).scalar() == 1
