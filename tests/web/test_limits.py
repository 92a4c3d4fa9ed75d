"""Rate limits: who is counted how, what a refusal says, and whom it must never lock out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from prometheus_client import CollectorRegistry
from redis.exceptions import ConnectionError as RedisAway
from sqlalchemy import event
from werkzeug.middleware.proxy_fix import ProxyFix

from backend.kit import city as cities
from backend.kit import clock, db
from backend.kit.rates import Guarded, Memory, Rate
from backend.staff import signing_in
from backend.staff.guard import PER_NAME, PER_PAIR
from backend.web import limits
from backend.web.limits import DOORS, LIMITS, OF_OPERATION, Meter, network
from config.settings import ROOT, Settings, SettingsError, new_secrets
from tests.checked_client import CheckedClient
from tests.factories import accounts as make
from tests.factories import perks as shops
from tests.factories.world import OPERATIONS

V1 = "/api/v1"
FORM = re.compile(r'"([a-z-]+)";r=(\d+);t=(\d+)')


class Hand:
    """A clock that the test moves."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def limited(app: Flask, hand: Hand, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Meter]:
    """Limit the application in a mode, with chosen rates in place of the table's."""

    def limit(mode: str = "on", store: Any = None, **rates: Rate) -> Meter:
        meter = Meter(store or Memory(hand), b"s" * 32, mode, CollectorRegistry())
        own = {name.replace("_", "-"): rate for name, rate in rates.items()}
        meter.limits = {
            kind: limits.Limit(limit.by, own.get(kind, limit.rate), limit.why) for kind, limit in LIMITS.items()
        }
        monkeypatch.setitem(app.extensions, "limits", meter)
        return meter

    return limit


@pytest.fixture
def behind_a_proxy(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "wsgi_app", ProxyFix(app.wsgi_app, x_for=1, x_proto=1))


@pytest.fixture
def token(client: CheckedClient) -> str:
    with db.transaction() as session:
        return make.resident_token(session, make.resident(session))


def counted(answer: Any) -> tuple[str, int]:
    found = FORM.fullmatch(answer.headers["RateLimit"])
    assert found, answer.headers["RateLimit"]
    return found[1], int(found[2])


def staff_guess(client: CheckedClient, username: str, address: str = "198.51.100.1") -> Any:
    body = {"username": username, "password": "wrong-password-here", "otp": "000000"}
    return client.post(f"{V1}/auth/staff", json=body, headers={"X-Forwarded-For": address})


def test_a_refusal_says_which_limit_and_when(
    client: CheckedClient, token: str, limited: Callable[..., Meter], hand: Hand
) -> None:
    limited(read=Rate(3, 60))
    told = [counted(client.get(f"{V1}/me", token=token)) for _ in range(3)]
    assert told == [("read", 2), ("read", 1), ("read", 0)]
    answer = client.get(f"{V1}/me", token=token)
    problem = answer.get_json()
    assert (answer.status_code, problem["type"], problem["limit"]) == (429, "/problems/rate-limited", "read")
    assert answer.headers["Retry-After"] == "20" and problem["retry_after_seconds"] == 20
    seconds = (problem["retry_at"], clock.now().isoformat())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", problem["retry_at"]) and seconds[0] > seconds[1][:19]
    assert answer.headers["RateLimit"] == '"read";r=0;t=20' and answer.headers["RateLimit-Policy"] == '"read";q=3;w=60'
    assert not [kind for kind in LIMITS if kind != "read" and kind in answer.get_data(as_text=True)]
    hand.seconds += 20
    assert client.get(f"{V1}/me", token=token).status_code == 200


def test_kinds_of_acts_are_counted_apart(client: CheckedClient, token: str, limited: Callable[..., Meter]) -> None:
    limited(act=Rate(1, 60))
    signature = f"{V1}/communities/{uuid4()}/covenant/signatures"
    body = {"json": {"version": "2026.1"}, "token": token}
    assert client.post(signature, **body, key=uuid4()).status_code == 403
    assert client.post(signature, **body, key=uuid4()).status_code == 429
    assert counted(client.get(f"{V1}/me", token=token))[0] == "read"
    assert counted(client.post(f"{V1}/me/presentation-codes", json={"purpose": "offer"}, token=token))[0] == "show-code"
    assert counted(client.get(f"{V1}/communities"))[0] == "browse"
    assert counted(client.get(f"{V1}/communities", token=token))[0] == "read"


def test_what_is_refused_for_its_number_has_changed_nothing(
    client: CheckedClient, token: str, limited: Callable[..., Meter]
) -> None:
    limited(show_code=Rate(1, 60))
    sent = [client.post(f"{V1}/me/presentation-codes", json={"purpose": "offer"}, token=token) for _ in range(2)]
    assert sent[1].status_code == 429 and "code" not in sent[1].get_json()


# --- by whom -----------------------------------------------------------------------------------------------------


def test_neighbours_behind_one_carriers_address_do_not_lock_each_other_out(
    client: CheckedClient, limited: Callable[..., Meter], behind_a_proxy: None
) -> None:
    limited(read=Rate(2, 60))
    with db.transaction() as session:
        tokens = [make.resident_token(session, make.resident(session)) for _ in range(3)]
    carrier = {"X-Forwarded-For": "100.64.0.9"}
    for token in tokens:
        assert [client.get(f"{V1}/me", token=token, headers=carrier).status_code for _ in range(3)] == [200, 200, 429]


def test_one_account_is_one_account_from_wherever_it_asks(
    client: CheckedClient, token: str, limited: Callable[..., Meter], behind_a_proxy: None
) -> None:
    limited(read=Rate(3, 60))
    told = [
        client.get(f"{V1}/me", token=token, headers={"X-Forwarded-For": f"203.0.113.{n}"}).status_code for n in range(5)
    ]
    assert told == [200, 200, 200, 429, 429]


def test_a_gate_that_scans_ten_people_a_second_passes(
    client: CheckedClient, city: Any, limited: Callable[..., Meter], hand: Hand
) -> None:
    limited()
    with db.transaction() as session:
        door = shops.shop(session).door
        token = make.device_token(session, door)
    body = {"code": "XY1:NOT-A-CODE", "offer_id": str(uuid4())}
    for _ in range(300):
        hand.seconds += 0.1
        answer = client.post(f"{V1}/venue/verifications", json=body, token=token)
        assert answer.status_code == 200 and counted(answer)[0] == "gate"
    assert counted(answer)[1] > 1000


def test_a_city_signs_in_through_one_address_within_a_minute(
    client: CheckedClient, limited: Callable[..., Meter], hand: Hand
) -> None:
    meter = limited()
    with client.application.test_request_context("/"):
        for _ in range(1200):
            hand.seconds += 0.05
            meter.spend("sign-in", network("100.64.0.9"))


def test_one_address_against_many_accounts_is_stopped(
    client: CheckedClient, limited: Callable[..., Meter], behind_a_proxy: None
) -> None:
    limited(staff_sign_in=Rate(5, 60))
    told = [staff_guess(client, f"guessed-{n}") for n in range(8)]
    assert [answer.status_code for answer in told] == [401] * 5 + [429] * 3
    assert told[-1].get_json()["limit"] == "staff-sign-in"
    assert staff_guess(client, "guessed-9", "198.51.100.2").status_code == 401


def test_many_addresses_against_one_account_are_stopped_by_the_database(
    client: CheckedClient, limited: Callable[..., Meter], behind_a_proxy: None
) -> None:
    limited()
    name = f"victim-{uuid4().hex[:8]}"
    told = [staff_guess(client, name, f"203.0.113.{n}") for n in range(23)]
    assert [answer.status_code for answer in told] == [401] * PER_NAME.most + [429] * 3
    assert told[-1].get_json()["type"] == "/problems/too-many-attempts"


def test_who_tries_tokens_is_counted_by_address(client: CheckedClient, limited: Callable[..., Meter]) -> None:
    limited(refused=Rate(3, 60))
    told = [client.get(f"{V1}/me", token=f"x{n}").status_code for n in range(3)] + [client.get(f"{V1}/me").status_code]
    assert told == [401, 401, 401, 429]
    assert client.get(f"{V1}/perks/scenes", token="x").status_code == 429
    assert client.get(f"{V1}/perks/scenes").status_code == 200


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True), ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::9", True), ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True), ("fe80::1%eth0", "fe80::1", True), ("", "unknown", False),
        ("unknown", "unknown", True), ("192.0.2.1:8080", "192.0.2.1", False), ("\ud800", "\ud801", True),
    ],
)  # fmt: skip
def test_whom_an_address_stands_for(one: str, other: str, same: bool) -> None:
    assert (network(one) == network(other)) is same


def test_meters_know_nobody_by_name(client: CheckedClient, token: str, limited: Callable[..., Meter]) -> None:
    kept: list[str] = []

    class Listening(Memory):
        def spend(self, key: str, rate: Rate) -> int:
            kept.append(key)
            return super().spend(key, rate)

    limited(store=Listening())
    account = client.get(f"{V1}/me", token=token).get_json()["account"]["id"]
    client.get(f"{V1}/communities")
    assert len(kept) == 2 and not [key for key in kept if "127.0.0.1" in key or account[:8] in key]
    assert all(re.fullmatch(r"xinyi:rate:[a-z-]+:[0-9a-f]{24}", key) for key in kept)


# --- modes and failures ------------------------------------------------------------------------------------------


def test_counting_tells_and_refuses_nobody(client: CheckedClient, token: str, limited: Callable[..., Meter]) -> None:
    limited("count", read=Rate(1, 60))
    told = [client.get(f"{V1}/me", token=token) for _ in range(3)]
    assert [answer.status_code for answer in told] == [200] * 3 and counted(told[-1]) == ("read", 0)


def test_at_the_doors_alone(
    client: CheckedClient, token: str, limited: Callable[..., Meter], behind_a_proxy: None
) -> None:
    limited("sign-in", read=Rate(1, 60), staff_sign_in=Rate(1, 60))
    assert [client.get(f"{V1}/me", token=token).status_code for _ in range(3)] == [200] * 3
    assert [staff_guess(client, f"name-{n}").status_code for n in range(2)] == [401, 429]


def test_a_redis_that_goes_away_turns_nobody_away_and_is_told(
    client: CheckedClient, token: str, limited: Callable[..., Meter], hand: Hand
) -> None:
    class Away:
        def spend(self, key: str, rate: Rate) -> int:
            raise RedisAway("gone")

    failures: list[Exception] = []
    limited(store=Guarded(Away(), failures.append, hand), read=Rate(2, 60))
    assert [client.get(f"{V1}/me", token=token).status_code for _ in range(3)] == [200, 200, 429]
    assert len(failures) == 1


def test_guesses_are_counted_even_when_every_meter_is_new(
    client: CheckedClient, limited: Callable[..., Meter], behind_a_proxy: None
) -> None:
    name, told = f"victim-{uuid4().hex[:8]}", []
    for _ in range(7):
        limited()  # as after a restart, or a flushed Redis
        told.append(staff_guess(client, name).status_code)
    assert told == [401] * PER_PAIR.most + [429] * 2


def test_a_jump_of_the_clock_neither_opens_nor_shuts(
    client: CheckedClient, token: str, limited: Callable[..., Meter]
) -> None:
    from datetime import timedelta

    limited(browse=Rate(2, 600))
    assert [client.get(f"{V1}/communities").status_code for _ in range(3)] == [200, 200, 429]
    for jump in (timedelta(days=2), timedelta(days=-2)):
        with clock.shifted(jump):
            assert client.get(f"{V1}/communities").status_code == 429


def test_a_limit_asks_the_database_nothing(
    client: CheckedClient, token: str, limited: Callable[..., Meter], database: db.Database, app: Flask
) -> None:
    asked: list[str] = []

    def note(*args: Any) -> None:
        asked.append(args[2])

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        limited()
        for _ in range(2):
            asked.clear()
            client.post(f"{V1}/auth/logout", token="x")
            with_limits = list(asked)
        app.extensions.pop("limits")
        asked.clear()
        client.post(f"{V1}/auth/logout", token="x")
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    assert with_limits == asked


def test_a_refusal_for_sign_ins_comes_before_the_password_is_read(
    client: CheckedClient, limited: Callable[..., Meter], monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(staff_sign_in=Rate(1, 60))
    staff_guess(client, "somebody")
    monkeypatch.setattr(signing_in, "check_staff", lambda *_: pytest.fail("the password was read"))
    assert staff_guess(client, "somebody").status_code == 429


# --- the table ---------------------------------------------------------------------------------------------------


def test_every_operation_named_in_the_table_exists() -> None:
    assert set(OF_OPERATION) <= set(OPERATIONS) and set(OF_OPERATION.values()) <= set(LIMITS) and set(LIMITS) >= DOORS
    for limit in LIMITS.values():
        assert limit.by in ("address", "account", "device") and limit.why


def linted(**rates: Any) -> list[str]:
    return limits.lint_policy({"limits": {"rates": rates}}, {})


def test_a_citys_rates_are_linted() -> None:
    assert linted() == [] == limits.lint_policy({}, {}) == linted(read={"most": 900, "seconds": 60})
    assert "没有这一种" in linted(raed={"most": 1, "seconds": 1})[0]
    for most, seconds in ((0, 1), (True, 1), (1.5, 1), (1, 0), (10**9, 1), (1, None)):
        assert len(linted(read={"most": most, "seconds": seconds})) == 1, (most, seconds)
    for wrong in (7, {}, {"most": 1, "seconds": 1, "x": 1}):
        assert len(linted(read=wrong)) == 1, wrong
    assert "每秒至少要能扫 10 次" in linted(gate={"most": 500, "seconds": 60})[0]
    assert limits.lint_policy({"limits": {"rates": [1]}}, {}) != []


def test_the_citys_file_is_linted_when_it_is_loaded(app: Flask, city_contents: dict[str, Any]) -> None:
    spoiled = {**city_contents, "city": {**city_contents["city"], "limits": {"rates": {"x": 1}}}}
    assert any("limits.rates.x" in problem for problem in cities.lint(spoiled))


def test_a_city_changes_amounts_without_a_restart(
    client: CheckedClient, token: str, city_contents: dict[str, Any], monkeypatch: pytest.MonkeyPatch, app: Flask,
    limited: Callable[..., Meter],
) -> None:  # fmt: skip
    meter = limited()
    content = {**city_contents["city"], "limits": {"rates": {"read": {"most": 1, "seconds": 90}}}}
    monkeypatch.setattr(limits.city, "get", lambda *_: cities.Policy("city", "x", clock.today(), content))
    meter.read_city()
    told = [client.get(f"{V1}/me", token=token) for _ in range(2)]
    assert [answer.status_code for answer in told] == [200, 429]
    assert told[0].headers["RateLimit-Policy"] == '"read";q=1;w=90' and meter.limits["gate"] == LIMITS["gate"]
    monkeypatch.setattr(limits.city, "get", lambda *_: (_ for _ in ()).throw(cities.CityMissing()))
    meter.read_city()
    assert meter.limits["read"].rate == Rate(1, 90)


@pytest.fixture
def production() -> dict[str, str]:
    return {
        **new_secrets(), "XINYI_ENVIRONMENT": "production", "XINYI_PUBLIC_BASE_URL": "https://xinyi.example.cn",
        "DATABASE_URL": f"sqlite:///{ROOT}/x.db", "XINYI_WECHAT_APP_ID": "x", "XINYI_WECHAT_APP_SECRET": "x",
    }  # fmt: skip


def test_production_with_several_workers_needs_redis(production: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="XINYI_REDIS_URL is needed"):
        Settings.from_env(production)
    for enough in (
        {"XINYI_REDIS_URL": "redis://127.0.0.1/0"},
        {"XINYI_WORKERS": "1"},
        {"XINYI_LIMITS": "off"},
        {"XINYI_ENVIRONMENT": "demo"},
    ):
        Settings.from_env(production | enough)
