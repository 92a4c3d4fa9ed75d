"""How codes are spelt and what they may say, without a database."""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import NamedTuple
from uuid import UUID, uuid4

import base45
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.codes import rules
from backend.codes.rules import Body, Claims, Malformed, Purpose, StatusRef

NOW = datetime(2026, 5, 1, 4, tzinfo=UTC)
signs = st.sampled_from(rules.PRINTED_SIGNS)
uuids = st.uuids()
seconds = st.integers(0, 2**32 - 1)


# printed codes


@st.composite
def printed(draw: st.DrawFn) -> str:
    nine = "".join(draw(signs) for _ in range(9))
    return nine + rules._printed_check(nine)


def test_a_new_printed_code_has_ten_signs_and_passes_its_own_check() -> None:
    codes = {rules.new_printed_code() for _ in range(500)}
    assert len(codes) == 500
    assert all(len(code) == 10 and rules.normal_printed_code(code) == code for code in codes)


def test_no_sign_of_a_printed_code_looks_like_another() -> None:
    for group in ("0OQD", "1IL", "2Z", "5S", "8B", "UV"):
        assert sum(sign in rules.PRINTED_SIGNS for sign in group) <= 2
    for group in ("0O", "1IL", "2Z", "5S", "8B", "UV"):
        assert not set(group) & set(rules.PRINTED_SIGNS)
    assert len(set(rules.PRINTED_SIGNS)) == 23


@given(printed(), st.integers(0, 9), signs)
def test_one_wrong_sign_is_always_found(code: str, place: int, sign: str) -> None:
    wrong = code[:place] + sign + code[place + 1 :]
    assert (rules.normal_printed_code(wrong) == wrong) == (wrong == code)


@given(printed())
def test_two_signs_exchanged_are_always_found(code: str) -> None:
    for one, two in combinations(range(10), 2):
        signs_ = list(code)
        signs_[one], signs_[two] = signs_[two], signs_[one]
        if (wrong := "".join(signs_)) != code:
            assert rules.normal_printed_code(wrong) is None


@given(printed())
def test_a_printed_code_is_read_as_people_type_it(code: str) -> None:
    assert rules.normal_printed_code(f"  {code.lower()} ") == code
    assert rules.normal_printed_code(rules.grouped_printed_code(code)) == code
    assert rules.normal_printed_code(" ".join(code)) == code


@given(st.text(max_size=60))
def test_any_text_is_a_printed_code_or_none(text: str) -> None:
    found = rules.normal_printed_code(text)
    assert found is None or rules.normal_printed_code(found) == found


def test_a_printed_url_is_short() -> None:
    assert rules.printed_url("https://xinyi.example.cn/", "A" * 10) == "https://xinyi.example.cn/m/AAAAAAAAAA"


# spelling


@given(st.text())
def test_any_text_is_stripped_or_malformed(text: str) -> None:
    try:
        assert len(rules.stripped(text)) < rules.LONGEST_TEXT
    except Malformed:
        pass


@pytest.mark.parametrize("thing", [None, 5, b"XY1:ABC", ["XY1:"], "", "XY1", "XY2:ABC", "XY1:" + "A" * 259, "XY1:ß"])
def test_what_is_not_our_text_is_malformed(thing: object) -> None:
    with pytest.raises(Malformed):
        rules.stripped(thing)


def test_blanks_around_and_lower_case_do_not_matter_but_blanks_inside_do() -> None:
    assert rules.stripped(" \r\nxy1:ab c \n") == "AB C"


@given(st.binary(max_size=200))
def test_base45_never_ends_with_a_blank_so_that_stripping_is_safe(raw: bytes) -> None:
    assert not base45.b45encode(raw).decode().endswith(" ")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_frame_or_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        rules.framed(raw)


HEAD = b"\xd2\x84\x48\xa2\x01\x27\x04\x43"


@given(st.binary(max_size=255))
def test_our_own_frame_is_taken_apart(payload: bytes) -> None:
    size = bytes([0x40 + len(payload)]) if len(payload) < 24 else bytes([0x58, len(payload)])
    message = HEAD + b"cA9" + b"\xa0" + size + payload + b"\x58\x40" + bytes(64)
    assert rules.framed(message) == ("cA9", payload)
    with pytest.raises(Malformed):
        rules.framed(message + b"\x00")
    with pytest.raises(Malformed):
        rules.framed(message[:-1])
    with pytest.raises(Malformed):
        rules.framed(b"\xd8\x3d" + message)  # a CWT tag around it: well-formed elsewhere, never written by us


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("an unsigned map", b"\xa1\x01\x61x"),
        ("a MAC", b"\xd1" + HEAD[1:] + b"cA9\xa0\x40\x58\x40" + bytes(64)),
        ("another algorithm", HEAD.replace(b"\x01\x27", b"\x01\x26") + b"cA9\xa0\x40\x58\x40" + bytes(64)),
        ("no algorithm", b"\xd2\x84\x46\xa1\x04\x43cA9\xa0\x40\x58\x40" + bytes(64)),
        ("unprotected headers", HEAD + b"cA9\xa1\x01\x26\x40\x58\x40" + bytes(64)),
        ("a status list's key", HEAD + b"sA9\xa0\x40\x58\x40" + bytes(64)),
        ("a short signature", HEAD + b"cA9\xa0\x40\x58\x3f" + bytes(63)),
        ("a wrong length", HEAD + b"cA9\xa0\x41\x58\x40" + bytes(64)),
        ("a longer way to say the length", HEAD + b"cA9\xa0\x58\x00\x58\x40" + bytes(64)),
    ],
)
def test_other_messages_are_malformed_before_any_key_is_asked(what: str, message: bytes) -> None:
    with pytest.raises(Malformed):
        rules.framed(message)


# claims

scopes = st.none() | st.binary(min_size=16, max_size=16) | st.from_regex(rules.USE, fullmatch=True)
bodies = st.builds(
    Body,
    st.text(string.digits, min_size=6, max_size=6),
    uuids,
    seconds,
    seconds,
    scopes,
    st.binary(min_size=1, max_size=24),
    st.none() | seconds,
)


@given(bodies)
def test_claims_survive_the_way_through_a_map(body: Body) -> None:
    assert Body.of_map(body.to_map()) == body


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.integers() | st.text(), inner),
    max_leaves=10,
)


@given(json_like | bodies.flatmap(lambda b: st.tuples(st.sampled_from(list(b.to_map())), json_like).map(
    lambda change: {**b.to_map(), change[0]: change[1]})))  # fmt: skip
def test_any_other_map_is_malformed_or_means_something(thing: object) -> None:
    try:
        Body.of_map(thing)
    except Malformed:
        pass


def test_everything_a_code_says_is_bound_to_its_pointer() -> None:
    body = Body("320115", uuid4(), 5, 9, uuid4().bytes, b"p", 7)
    for change in ({"issuer": "320116"}, {"subject_id": uuid4()}, {"issued": 6}, {"expires": 10}, {"scope": None}):
        assert body._replace(**change).bound() != body.bound()  # type: ignore[arg-type]


@given(st.integers(0, rules.MOST_LISTS - 1), st.integers(0, rules.STATUS_LIST_BITS - 1))
def test_a_status_is_one_number_below_two_to_the_32(list_id: int, bit: int) -> None:
    ref = StatusRef(list_id, bit)
    assert StatusRef.of(ref.number) == ref and ref.number < 2**32


ONE = uuid4()
COUPON = Claims(subject_id=ONE, resident_id=ONE, offer_id=ONE, status=StatusRef(0, 0))


@pytest.mark.parametrize(
    ("purpose", "claims"),
    [
        (Purpose.COUPON, replace(COUPON, resident_id=None)),
        (Purpose.COUPON, replace(COUPON, offer_id=None)),
        (Purpose.COUPON, replace(COUPON, subject_id=None)),
        (Purpose.COUPON, replace(COUPON, use="perks")),
        (Purpose.COUPON, replace(COUPON, status=StatusRef(0, rules.STATUS_LIST_BITS))),
        (Purpose.COUPON, replace(COUPON, status=StatusRef(rules.MOST_LISTS, 0))),
        (Purpose.PRESENTATION, Claims(use="perks")),
        (Purpose.PRESENTATION, Claims(resident_id=ONE)),
        (Purpose.PRESENTATION, Claims(resident_id=ONE, use="No spaces")),
        (Purpose.PRESENTATION, Claims(resident_id=ONE, use="perks", subject_id=ONE)),
        (Purpose.PRESENTATION, Claims(resident_id=ONE, use="perks", status=StatusRef(0, 0))),
        (Purpose.CHECK_IN, Claims(subject_id=ONE, resident_id=ONE)),
        (Purpose.CHECK_IN, Claims()),
        (Purpose.STATUS, COUPON),
    ],
)
def test_a_purpose_allows_only_its_own_claims(purpose: Purpose, claims: Claims) -> None:
    with pytest.raises(ValueError):
        rules.check(purpose, claims)


def test_each_purpose_allows_what_it_is_for() -> None:
    rules.check(Purpose.COUPON, COUPON)
    rules.check(Purpose.COUPON, replace(COUPON, status=None))
    rules.check(Purpose.PRESENTATION, Claims(resident_id=ONE, use="perks"))
    rules.check(Purpose.CHECK_IN, Claims(subject_id=ONE))


# keys in time


class Times(NamedTuple):
    kid: str = "c00"
    active_from: datetime = NOW
    retires_at: datetime | None = None
    verifies_until: datetime | None = None
    withdrawn_at: datetime | None = None


def test_a_key_signs_from_its_start_to_its_retirement_and_verifies_longer() -> None:
    hour = timedelta(hours=1)
    key = Times(retires_at=NOW + hour, verifies_until=NOW + 2 * hour)
    assert [rules.signs(key, NOW + n * hour) for n in (-1, 0, 1, 2)] == [False, True, False, False]
    assert [rules.verifies(key, NOW + n * hour) for n in (-1, 0, 1, 2)] == [True, True, True, False]
    withdrawn = key._replace(withdrawn_at=NOW)
    assert not rules.signs(withdrawn, NOW) and not rules.verifies(withdrawn, NOW - hour)


def test_key_ids_say_their_purpose() -> None:
    assert {purpose: rules.new_kid(purpose)[0] for purpose in Purpose} == rules.LETTERS
    assert len(set(rules.LETTERS.values())) == len(Purpose)


# revocation bits


@given(st.integers(1, 64).map(lambda n: n * 8).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1)))))
def test_exactly_the_revoked_bits_are_set(drawn: tuple[int, set[int]]) -> None:
    size, revoked = drawn
    bits = rules.decode_status_bits(rules.encode_status_bits(rules.status_bits(size, revoked)))
    assert len(bits) * 8 == size
    assert {index for index in range(size) if rules.revoked_in(bits, index)} == revoked


def test_the_bits_are_those_of_the_specifications_example() -> None:
    """Token Status List, "Status List in JSON Format": sixteen tokens, one bit each."""
    statuses = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]
    bits = rules.status_bits(16, [index for index, status in enumerate(statuses) if status])
    assert bits == b"\xb9\xa3"
    assert rules.encode_status_bits(bits) == "eNrbuRgAAhcBXQ"


@pytest.mark.parametrize("index", [-1, 16, 2**40])
def test_a_place_outside_the_list_is_an_error_not_valid(index: int) -> None:
    with pytest.raises(IndexError):
        rules.revoked_in(b"\x00\x00", index)


def test_ids_stay_ids() -> None:
    claims = rules.claims_of(Body("320115", ONE, 1, 2, ONE.bytes, None, 5), Purpose.COUPON, "c00", ONE)
    assert claims.offer_id == ONE and isinstance(claims.subject_id, UUID) and claims.status == StatusRef(0, 5)
