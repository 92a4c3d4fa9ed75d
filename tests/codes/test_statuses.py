"""The list of what was revoked: signed, renewed, full, and freed again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from sqlalchemy.orm import Session

from backend.codes import rules, statuses
from backend.codes import service as codes
from backend.kit import clock
from backend.kit.errors import NotFound
from tests.codes.conftest import BASE_URL

# the revocation list


def verified_list(session: Session, token: str) -> dict[str, object]:
    """As a verifier does it: the published key by its id, a fixed algorithm, every claim required."""
    header = jwt.get_unverified_header(token)
    assert header["typ"] == "statuslist+jwt" and header["alg"] == "EdDSA"
    (jwk,) = (k for k in codes.jwks(session)["keys"] if k["kid"] == header["kid"] and k["purpose"] == "status")
    claims: dict[str, object] = jwt.decode(
        token, jwt.PyJWK(jwk), algorithms=["EdDSA"], options={"require": ["sub", "iat", "exp", "ttl", "status_list"]}
    )
    return claims


def bits_of(claims: dict[str, object]) -> bytes:
    status_list = claims["status_list"]
    assert isinstance(status_list, dict) and status_list["bits"] == 1
    return rules.decode_status_bits(status_list["lst"])


def test_a_revoked_code_is_in_the_signed_list_and_others_are_not(keyed: Session) -> None:
    end = clock.now() + timedelta(days=30)
    places = [codes.allocate_status(keyed, end) for _ in range(40)]
    assert len(set(places)) == 40
    before = verified_list(keyed, codes.status_list_token(keyed))
    assert not any(bits_of(before))
    list_id, bit = places[7]
    assert codes.revoke_status(keyed, list_id, bit) and not codes.revoke_status(keyed, list_id, bit)
    after = verified_list(keyed, codes.status_list_token(keyed))
    assert [place for place in places if rules.revoked_in(bits_of(after), place.bit)] == [places[7]]
    assert sum(byte.bit_count() for byte in bits_of(after)) == 1
    assert codes.is_revoked(keyed, *places[7]) and not codes.is_revoked(keyed, *places[8])
    assert after["sub"] == f"{BASE_URL}/.well-known/code-status" and after["ttl"] == 300


def test_a_list_lives_a_day_and_is_signed_anew_every_five_minutes(keyed: Session) -> None:
    start = datetime.fromtimestamp(clock.now().timestamp() // 300 * 300 + 300, UTC)
    with clock.at(start):
        first = codes.status_list_token(keyed)
        assert codes.status_list_token(keyed) == first
        claims = jwt.decode(first, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 86_400 and claims["iat"] == start.timestamp()
    with clock.at(start + timedelta(seconds=301)):
        second = codes.status_list_token(keyed)
    assert jwt.decode(second, options={"verify_signature": False})["iat"] == claims["iat"] + 300


def test_every_process_signs_the_same_list(keyed: Session) -> None:
    with clock.at(datetime.fromtimestamp(clock.now().timestamp() // 300 * 300 + 300, UTC)):
        first = codes.status_list_token(keyed)
        statuses._cache.clear()
        assert codes.status_list_token(keyed) == first


def test_a_full_list_makes_room_for_the_next(keyed: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "STATUS_LIST_BITS", 8)
    statuses._open_list(keyed, 8)
    end = clock.now() + timedelta(days=1)
    places = [codes.allocate_status(keyed, end) for _ in range(10)]
    assert len(set(places)) == 10 and {place.list_id for place in places} >= {0, 1}
    last = next(place for place in places if place.list_id == 1)
    codes.revoke_status(keyed, *last)
    tokens = codes.status_list_tokens(keyed)
    assert len(tokens) == len(codes.status_list_uris(keyed)) >= 2
    assert rules.revoked_in(bits_of(verified_list(keyed, tokens[1])), last.bit)
    assert not any(bits_of(verified_list(keyed, tokens[0])))
    assert verified_list(keyed, tokens[1])["sub"] == codes.status_list_uris(keyed)[1]
    assert codes.list_states(keyed)[1]["revoked"] == 1
    with pytest.raises(NotFound):
        codes.status_list_token(keyed, 99)


def test_places_are_freed_a_week_after_their_codes_ended(keyed: Session) -> None:
    place = codes.allocate_status(keyed, clock.now() + timedelta(days=1))
    kept = codes.allocate_status(keyed, clock.now() + timedelta(days=60))
    codes.revoke_status(keyed, *place)
    codes.revoke_status(keyed, *kept)
    assert codes.purge_statuses(keyed) == 0
    with clock.shifted(timedelta(days=8, minutes=1)):
        assert codes.purge_statuses(keyed) == 1 and codes.purge_statuses(keyed) == 0
        assert not codes.is_revoked(keyed, *place) and codes.is_revoked(keyed, *kept)
        with pytest.raises(NotFound):
            codes.revoke_status(keyed, *place)
