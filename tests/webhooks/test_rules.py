"""What is signed, what may be told, and when it is tried again."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.webhooks import rules
from tests.webhooks.conftest import GUIDE, VERIFY

pytestmark = pytest.mark.once
AT = datetime(2026, 3, 5, 8, 50, tzinfo=UTC)
NOW = AT.timestamp()


def test_the_specifications_own_vector_is_signed_as_it_says() -> None:
    """Out of the test suite of the Standard Webhooks libraries."""
    told = rules.signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert told == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(max_size=300), st.lists(st.binary(min_size=24, max_size=64), min_size=1, max_size=4, unique=True))
def test_every_secret_signs_and_the_guides_recipe_takes_any_of_them(payload: bytes, raws: list[bytes]) -> None:
    secrets = [rules.secret_text(raw) for raw in raws]
    headers = rules.headers(secrets, "id-1", AT, payload)
    assert all(VERIFY(secret, headers, payload, now=NOW) for secret in secrets)
    assert not VERIFY(rules.secret_text(b"another" * 5), headers, payload, now=NOW)
    assert not VERIFY(secrets[0], headers, payload + b" ", now=NOW)
    assert not VERIFY(secrets[0], {**headers, "webhook-id": "id-2"}, payload, now=NOW)


@pytest.mark.parametrize(("off_seconds", "taken"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)])
def test_five_minutes_are_tolerated_and_no_more(off_seconds: int, taken: bool) -> None:
    secret = rules.secret_text(b"s" * 32)
    headers = rules.headers([secret], "id-1", AT, b"{}")
    assert VERIFY(secret, headers, b"{}", now=NOW + off_seconds) is taken


def test_the_libraries_own_verifier_takes_what_we_sign() -> None:
    """Where it is installed: the independent implementation, with its own clock."""
    library = pytest.importorskip("standardwebhooks.webhooks")
    secret, instant = rules.secret_text(b"s" * 32), datetime.now(UTC)
    payload = rules.body("admission.created", instant, {"title": "演示"}).encode()
    headers = rules.headers([rules.secret_text(b"old" * 11), secret], "id-1", instant, payload)
    assert library.Webhook(secret).verify(payload, headers)["data"] == {"title": "演示"}


def test_the_example_of_the_guide_is_signed_by_its_own_rules() -> None:
    key = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
    signed = hmac.digest(base64.b64decode(key), b"id.1772700600.{}", "sha256")
    headers = {"webhook-id": "id", "webhook-timestamp": "1772700600",
               "webhook-signature": "v1a,x v1," + base64.b64encode(signed).decode()}  # fmt: skip
    assert VERIFY(f"whsec_{key}", headers, b"{}", now=1772700600)


def test_a_body_is_compact_dated_in_utc_and_at_most_20_kib() -> None:
    instant = AT.astimezone(tz=None)
    assert rules.body("admission.created", instant, {"title": "演示"}) == (
        '{"type":"admission.created","timestamp":"2026-03-05T08:50:00Z","data":{"title":"演示"}}'
    )
    room = rules.MOST_BODY_BYTES - len(rules.body("admission.created", AT, {"x": ""}))
    assert len(rules.body("admission.created", AT, {"x": "a" * room}).encode()) == 20 * 1024
    with pytest.raises(ValueError):
        rules.body("admission.created", AT, {"x": "a" * (room + 1)})


@pytest.mark.parametrize("name", sorted(rules.FORBIDDEN))
@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: {"deep": [{"er": one}]}], ids=["plain", "deep"])
def test_what_names_a_person_is_never_told(name: str, wrap: Any) -> None:
    with pytest.raises(ValueError, match=name):
        rules.body("admission.created", AT, wrap({name: "x"}))


def test_no_news_is_told_with_a_field_that_names_a_person() -> None:
    for said in rules.NEWS.values():
        assert not set(said.fields) & rules.FORBIDDEN
        assert said.event in rules.EVENTS
    assert {said.event for said in rules.NEWS.values()} == set(rules.EVENTS)


@given(st.floats(0, 1), st.floats(0, 1))
def test_twelve_tries_within_some_three_days_with_growing_pauses(chance: float, other: float) -> None:
    pauses = [rules.pause(tries, chance) for tries in range(1, rules.MOST_TRIES)]
    assert rules.pause(rules.MOST_TRIES, chance) is None
    told = [pause for pause in pauses if pause is not None]
    assert len(told) == 11 and told == sorted(told)
    assert timedelta(days=2.5) < sum(told, timedelta()) < timedelta(days=3.3)
    for tries, pause in enumerate(told, start=1):
        again = rules.pause(tries, other)
        assert again is not None and again / pause == pytest.approx(1, abs=0.25)


def test_who_asks_for_a_later_try_gets_it_up_to_the_longest_pause() -> None:
    assert rules.pause(1, 0.5, asked_seconds=600) == timedelta(seconds=600)
    assert rules.pause(1, 0.5, asked_seconds=999_999) == timedelta(seconds=rules.LONGEST_PAUSE_SECONDS)
    assert rules.pause(1, 0.5, asked_seconds=1) == timedelta(seconds=rules.FIRST_PAUSE_SECONDS)


def test_the_guide_names_every_event_with_its_fields() -> None:
    by_event = {said.event: said.fields for said in rules.NEWS.values()}
    for event in rules.EVENTS:
        (row,) = [line for line in GUIDE.splitlines() if line.startswith(f"| `{event}` |")]
        assert row.rpartition(" | ")[2] == ", ".join(f"`{name}`" for name in by_event[event]) + " |"
