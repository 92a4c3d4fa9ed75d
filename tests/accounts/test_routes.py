"""Signing in and staying signed in, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyotp
import pytest

from backend.accounts import service
from backend.kit import clock, db
from backend.kit.ids import new_id
from backend.staff.otp import OTP_SECONDS
from config.settings import Settings
from tests.checked_client import CheckedClient
from tests.factories import accounts as make
from tests.wechat_server import WechatServer

API = "/api/v1"


def slug(response: Any) -> str:
    return str(response.get_json(force=True)["type"]).removeprefix("/problems/")


def wechat_sign_in(client: CheckedClient, wechat: WechatServer, openid: str | None = None) -> dict[str, Any]:
    code = wechat.world.make_code("login", openid or make.openid())
    response = client.post(f"{API}/auth/wechat", json={"code": code})
    assert response.status_code == 200, response.get_json()
    return dict(response.get_json())


@pytest.fixture
def staff(app: Any) -> make.Staff:
    with db.transaction() as session:
        return make.staff(session, "account-admin")


@pytest.fixture
def device(app: Any) -> make.Device:
    with db.transaction() as session:
        return make.device(session)


def staff_sign_in(client: CheckedClient, who: make.Staff, **changed: str) -> Any:
    body = {"username": who.username, "password": make.PASSWORD, "otp": who.otp(), **changed}
    return client.post(f"{API}/auth/staff", json=body)


def test_a_resident_signs_in_and_is_nobody_yet(client: CheckedClient, wechat: WechatServer) -> None:
    tokens = wechat_sign_in(client, wechat)
    assert set(tokens) == {"access_token", "token_type", "expires_in", "refresh_token", "account"}
    assert tokens["token_type"] == "Bearer" and tokens["expires_in"] == 900
    assert tokens["account"]["kind"] == "resident" and tokens["account"]["roles"] == []
    me = client.get(f"{API}/me", token=tokens["access_token"]).get_json()
    assert me["bound"] is False and me["name"] is None
    assert me["account"] == tokens["account"]


def test_the_same_openid_is_the_same_account(client: CheckedClient, wechat: WechatServer) -> None:
    openid = make.openid()
    first, second = (wechat_sign_in(client, wechat, openid) for _ in range(2))
    assert first["account"]["id"] == second["account"]["id"]
    assert first["access_token"] != second["access_token"]


def test_a_login_code_works_once(client: CheckedClient, wechat: WechatServer) -> None:
    code = wechat.world.make_code("login", make.openid())
    assert client.post(f"{API}/auth/wechat", json={"code": code}).status_code == 200
    assert 400 <= client.post(f"{API}/auth/wechat", json={"code": code}).status_code < 500


def test_a_made_up_login_code_is_refused(client: CheckedClient) -> None:
    assert client.post(f"{API}/auth/wechat", json={"code": "made-up"}).status_code == 422


def test_staff_sign_in_with_password_and_one_time_code(client: CheckedClient, staff: make.Staff) -> None:
    response = staff_sign_in(client, staff)
    assert response.status_code == 200
    account = response.get_json()["account"]
    assert account["roles"] == ["account-admin"]
    assert account["memberships"][0]["organisation_id"] == str(staff.organisation_id)
    me = client.get(f"{API}/me", token=response.get_json()["access_token"]).get_json()
    assert me["account"] == account


def test_a_one_time_code_works_once(client: CheckedClient, staff: make.Staff) -> None:
    otp = staff.otp()
    assert staff_sign_in(client, staff, otp=otp).status_code == 200
    for _ in range(7):  # a true code that comes again is no guess, and locks nobody out
        again = staff_sign_in(client, staff, otp=otp)
        assert (again.status_code, slug(again)) == (401, "sign-in-refused")
    later = pyotp.TOTP(staff.totp_secret).at(clock.now() + timedelta(seconds=OTP_SECONDS))
    assert staff_sign_in(client, staff, otp=str(later)).status_code == 200


def test_an_earlier_code_is_refused_after_a_later_one(client: CheckedClient, staff: make.Staff) -> None:
    totp, now = pyotp.TOTP(staff.totp_secret), clock.now()
    assert staff_sign_in(client, staff, otp=str(totp.at(now))).status_code == 200
    earlier = str(totp.at(now - timedelta(seconds=OTP_SECONDS)))
    assert staff_sign_in(client, staff, otp=earlier).status_code == 401


def test_whatever_is_wrong_the_refusal_is_the_same(client: CheckedClient, staff: make.Staff) -> None:
    with db.transaction() as session:
        suspended = make.staff(session)
        service.set_staff_status(session, suspended.staff_id, "suspended")
    answers = [
        staff_sign_in(client, staff, username="nobody-here"),
        staff_sign_in(client, staff, username="无此人"),
        staff_sign_in(client, staff, password="wrong password"),
        staff_sign_in(client, staff, otp="000000"),
        staff_sign_in(client, suspended),
    ]
    bodies = [answer.get_json(force=True) for answer in answers]
    for answer, body in zip(answers, bodies, strict=True):
        body.pop("instance")
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert body == bodies[0]


def test_failures_lock_the_name_although_each_was_refused(client: CheckedClient, staff: make.Staff) -> None:
    for _ in range(5):
        assert staff_sign_in(client, staff, password="wrong password").status_code == 401
    locked = staff_sign_in(client, staff)
    assert (locked.status_code, slug(locked)) == (429, "too-many-attempts")
    assert 0 < int(locked.headers["Retry-After"]) <= 901
    assert staff_sign_in(client, staff, username=staff.username.upper()).status_code == 429


def test_the_lock_ends_with_its_window(client: CheckedClient, staff: make.Staff) -> None:
    for _ in range(6):
        staff_sign_in(client, staff, password="wrong password")
    with clock.shifted(timedelta(minutes=16)):
        assert staff_sign_in(client, staff).status_code == 200


def test_an_unknown_name_is_locked_just_the_same(client: CheckedClient, staff: make.Staff) -> None:
    name = f"n{make.openid()[:10]}"
    statuses = [staff_sign_in(client, staff, username=name).status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]


def test_a_success_forgets_the_failures_before_it(client: CheckedClient, staff: make.Staff) -> None:
    for _ in range(4):
        staff_sign_in(client, staff, password="wrong password")
    assert staff_sign_in(client, staff).status_code == 200
    assert [staff_sign_in(client, staff, password="wrong password").status_code for _ in range(5)] == [401] * 5


def nonce(client: CheckedClient, device_id: object) -> str:
    response = client.post(f"{API}/auth/device/nonces", json={"device_id": str(device_id)})
    assert response.status_code == 200
    return str(response.get_json()["nonce"])


def device_body(client: CheckedClient, settings: Settings, device: make.Device) -> dict[str, str]:
    given = nonce(client, device.device_id)
    return dict(device_id=str(device.device_id), nonce=given, signature=device.sign(settings.public_base_url, given))


def test_a_device_signs_in_by_its_key(client: CheckedClient, settings: Settings, device: make.Device) -> None:
    response = client.post(f"{API}/auth/device", json=device_body(client, settings, device))
    assert response.status_code == 200
    account = response.get_json()["account"]
    assert account["kind"] == "device" and account["id"] == str(device.device_id)
    assert client.get(f"{API}/me", token=response.get_json()["access_token"]).status_code == 200


def test_a_nonce_works_once(client: CheckedClient, settings: Settings, device: make.Device) -> None:
    body = device_body(client, settings, device)
    assert client.post(f"{API}/auth/device", json=body).status_code == 200
    again = client.post(f"{API}/auth/device", json=body)
    assert (again.status_code, slug(again)) == (401, "sign-in-refused")


def test_a_nonce_ends_after_a_minute(client: CheckedClient, settings: Settings, device: make.Device) -> None:
    body = device_body(client, settings, device)
    with clock.shifted(timedelta(seconds=61)):
        assert client.post(f"{API}/auth/device", json=body).status_code == 401


def test_unknown_devices_get_nonces_and_nothing_else(
    client: CheckedClient, settings: Settings, device: make.Device
) -> None:
    stranger = make.Device(new_id(), device.organisation_id, device.private_key)
    assert client.post(f"{API}/auth/device", json=device_body(client, settings, stranger)).status_code == 401


def test_a_signature_for_another_installation_is_refused(
    client: CheckedClient, settings: Settings, device: make.Device
) -> None:
    body = device_body(client, settings, device)
    body["signature"] = device.sign("https://elsewhere.example.cn", body["nonce"])
    assert client.post(f"{API}/auth/device", json=body).status_code == 401
    body["signature"] = "é not base64"
    assert client.post(f"{API}/auth/device", json=body).status_code == 401


def test_refreshing_gives_a_new_pair_and_the_reuse_ends_the_session(
    client: CheckedClient, wechat: WechatServer
) -> None:
    first = wechat_sign_in(client, wechat)
    refreshed = client.post(f"{API}/auth/refresh", json={"refresh_token": first["refresh_token"]})
    second = refreshed.get_json()
    assert refreshed.status_code == 200 and second["refresh_token"] != first["refresh_token"]
    assert client.get(f"{API}/me", token=second["access_token"]).status_code == 200
    reused = client.post(f"{API}/auth/refresh", json={"refresh_token": first["refresh_token"]})
    assert (reused.status_code, slug(reused)) == (401, "refresh-refused")
    ended = client.get(f"{API}/me", token=second["access_token"])
    assert (ended.status_code, slug(ended)) == (401, "not-signed-in")
    assert ended.headers["WWW-Authenticate"] == "Bearer"


def test_refreshing_takes_no_notice_of_an_ended_access_token(client: CheckedClient, wechat: WechatServer) -> None:
    tokens = wechat_sign_in(client, wechat)
    with clock.shifted(timedelta(hours=1)):
        assert client.get(f"{API}/me", token=tokens["access_token"]).status_code == 401
        body = {"refresh_token": tokens["refresh_token"]}
        assert client.post(f"{API}/auth/refresh", json=body, token=tokens["access_token"]).status_code == 200


@pytest.mark.parametrize("token", ["nonsense", "xr1." + "0" * 32 + "." + "A" * 43])
def test_a_made_up_refresh_token_is_refused(client: CheckedClient, token: str) -> None:
    assert client.post(f"{API}/auth/refresh", json={"refresh_token": token}).status_code == 401


def test_signing_out_ends_both_tokens_at_once(client: CheckedClient, wechat: WechatServer) -> None:
    tokens = wechat_sign_in(client, wechat)
    assert client.post(f"{API}/auth/logout", token=tokens["access_token"]).status_code == 204
    assert client.get(f"{API}/me", token=tokens["access_token"]).status_code == 401
    body = {"refresh_token": tokens["refresh_token"]}
    assert client.post(f"{API}/auth/refresh", json=body).status_code == 401


def test_whoever_is_not_signed_in_has_no_me(client: CheckedClient) -> None:
    response = client.get(f"{API}/me")
    assert (response.status_code, slug(response)) == (401, "not-signed-in")


def test_an_unknown_field_is_named(client: CheckedClient) -> None:
    response = client.post(f"{API}/auth/wechat", json={"code": "x", "session_key": "y"})
    assert response.status_code == 422
    assert response.get_json(force=True)["errors"][0]["pointer"] == "/session_key"
