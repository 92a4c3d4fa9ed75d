"""Access tokens, refresh tokens and nonces: what is genuine, and nothing that resembles it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.accounts import tokens
from backend.kit import clock
from backend.kit.ids import new_id

KEYS = tokens.Keys({"s1": b"1" * 32, "s0": b"0" * 32}, "s1", "https://xinyi.example.cn")
ACCOUNT, SESSION = new_id(), new_id()


@pytest.fixture(autouse=True)
def keys() -> Iterator[None]:
    before = tokens._bound
    tokens.bind(KEYS)
    yield
    tokens.bind(before)


def forged(
    key: bytes = KEYS.keys["s1"], alg: str = "HS256", header: dict[str, Any] | None = None, **changed: Any
) -> str:
    now = int(clock.now().timestamp())
    claims = {
        "iss": KEYS.issuer, "aud": tokens.AUDIENCE, "sub": str(ACCOUNT), "sid": str(SESSION), "knd": "staff",
        "iat": now, "exp": now + 60, **changed,
    }  # fmt: skip
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key, alg, headers={"kid": "s1", "typ": tokens.TYPE, **(header or {})})


def test_a_token_says_what_was_put_into_it() -> None:
    claims = tokens.read_access_token(tokens.new_access_token("staff", ACCOUNT, SESSION))
    assert claims == tokens.Claims("staff", ACCOUNT, SESSION)
    assert tokens.read_access_token(forged()) == claims


def test_a_token_of_a_key_that_is_being_replaced_is_still_good() -> None:
    assert tokens.read_access_token(forged(KEYS.keys["s0"], header={"kid": "s0"})) is not None


@pytest.mark.parametrize(
    "token",
    [
        lambda: forged(b"x" * 32),
        lambda: forged(KEYS.keys["s0"]),
        lambda: forged(header={"kid": "s9"}),
        lambda: forged(header={"typ": "JWT"}),
        lambda: forged(alg="HS512", key=b"1" * 64),
        lambda: forged(aud="another-api"),
        lambda: forged(aud=["xinyi-api", "another-api"]),
        lambda: forged(iss="https://elsewhere.example.cn"),
        lambda: forged(aud=None),
        lambda: forged(exp=None),
        lambda: forged(sid=None),
        lambda: forged(sub="nobody"),
        lambda: forged(knd="root"),
        lambda: forged(exp="9999999999"),
        lambda: forged(exp=True),
        lambda: forged(iat=int(clock.now().timestamp()) + 60),
        lambda: "",
        lambda: "a.b.c",
        lambda: "🂡.🂡.🂡",
    ],
)
def test_a_token_that_is_not_ours_is_refused(token: Any) -> None:
    assert tokens.read_access_token(token()) is None


def test_a_token_without_a_signature_is_refused() -> None:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = forged().split(".")[1]
    for alg in ("none", "None", "NONE"):
        header = part({"alg": alg, "typ": tokens.TYPE, "kid": "s1"})
        assert tokens.read_access_token(f"{header}.{claims}.") is None


def test_a_token_ends_after_fifteen_minutes_and_the_leeway() -> None:
    token = tokens.new_access_token("resident", ACCOUNT, SESSION)
    with clock.shifted(timedelta(seconds=tokens.LIFETIME_SECONDS + tokens.LEEWAY_SECONDS - 2)):
        assert tokens.read_access_token(token) is not None
    with clock.shifted(timedelta(seconds=tokens.LIFETIME_SECONDS + tokens.LEEWAY_SECONDS + 2)):
        assert tokens.read_access_token(token) is None


@given(st.integers(0, 400), st.integers(1, 255))
def test_a_token_with_any_byte_changed_is_refused(place: int, by: int) -> None:
    token = tokens.new_access_token("staff", ACCOUNT, SESSION)
    at = place % len(token)
    changed = token[:at] + chr((ord(token[at]) + by) % 256) + token[at + 1 :]
    claims = tokens.read_access_token(changed)
    if claims is not None:  # the last characters of base64 have several spellings of the same bytes
        assert claims == tokens.Claims("staff", ACCOUNT, SESSION)
        assert at in (token.index(".") - 1, token.rindex(".") - 1, len(token) - 1)


def test_a_refresh_token_names_its_account_and_keeps_its_secret() -> None:
    token, digest = tokens.new_refresh_token(ACCOUNT)
    assert tokens.read_refresh_token(token) == (ACCOUNT, digest)
    assert tokens.read_refresh_token(token[:-1]) is None
    assert tokens.read_refresh_token("xr1." + "0" * 32 + ".") is None


def test_a_nonce_is_good_for_its_device_for_a_minute() -> None:
    nonce, ends_at = tokens.new_device_nonce(ACCOUNT)
    assert tokens.read_device_nonce(ACCOUNT, nonce) == ends_at
    assert timedelta(seconds=58) < ends_at - clock.now() <= timedelta(seconds=60)
    assert tokens.read_device_nonce(SESSION, nonce) is None
    with clock.shifted(timedelta(seconds=61)):
        assert tokens.read_device_nonce(ACCOUNT, nonce) is None


def test_a_nonce_that_we_did_not_give_is_refused() -> None:
    nonce, _ = tokens.new_device_nonce(ACCOUNT)
    raw = bytearray(base64.urlsafe_b64decode(nonce))
    raw[7] ^= 0xFF  # a later end
    for wrong in (base64.urlsafe_b64encode(bytes(raw)).decode(), nonce + "=", nonce[:-4], "", "é", "AAAA"):
        assert tokens.read_device_nonce(ACCOUNT, wrong) is None


def test_short_or_missing_keys_are_not_accepted() -> None:
    with pytest.raises(ValueError):
        tokens.Keys({"s1": b"short"}, "s1", "https://a.example")
    with pytest.raises(ValueError):
        tokens.Keys({"s1": b"1" * 32}, "s2", "https://a.example")
