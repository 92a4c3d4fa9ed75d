"""Plates, tickets, times, and what is signed: without any I/O."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.parking import rules

PROVINCE = st.sampled_from(rules.PROVINCES)
LETTER = st.sampled_from(rules.LETTERS)
ANY = st.sampled_from(rules.LETTERS + rules.DIGITS)
DIGIT = st.sampled_from(rules.DIGITS)
ENERGY = st.sampled_from(rules.NEW_ENERGY)


def joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map("".join)


ORDINARY = joined(PROVINCE, LETTER, *[ANY] * 5)
SMALL = joined(PROVINCE, LETTER, ENERGY, ANY, *[DIGIT] * 4)
LARGE = joined(PROVINCE, LETTER, *[DIGIT] * 5, ENERGY)
PLATES = st.one_of(ORDINARY, SMALL, LARGE)
NOW = datetime(2026, 3, 5, 4, 0, tzinfo=UTC)


@given(PLATES)
def test_every_civil_plate_is_taken_as_it_is(plate: str) -> None:
    assert rules.normal_plate(plate) == plate


@given(PLATES, st.sampled_from([" ", "·", "•", "-", ".", "　"]))
def test_how_it_is_written_makes_no_difference(plate: str, between: str) -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) if c.isascii() else c for c in plate)
    for written in (plate.lower(), plate[:2] + between + plate[2:], f" {plate} ", wide):
        assert rules.normal_plate(written) == plate


@given(PLATES, st.integers(0, 7), st.characters())
def test_one_character_from_outside_the_alphabet_makes_it_none(plate: str, at: int, other: str) -> None:
    at = min(at, len(plate) - 1)
    spoiled = plate[:at] + other + plate[at + 1 :]
    found = rules.normal_plate(spoiled)
    assert found is None or set(found[1:]) <= set(rules.LETTERS + rules.DIGITS)
    assert found is None or found[0] in rules.PROVINCES


@given(st.text(max_size=12))
def test_whatever_is_taken_is_a_plate_and_stays_one(text: str) -> None:
    plate = rules.normal_plate(text)
    assert plate is None or (len(plate) in (7, 8) and rules.normal_plate(plate) == plate)


@pytest.mark.parametrize("at", range(1, 7))
@pytest.mark.parametrize("letter", "IO")
def test_i_and_o_are_used_nowhere(at: int, letter: str) -> None:
    plate = "苏A12345"
    assert rules.normal_plate(plate[:at] + letter + plate[at + 1 :]) is None


@pytest.mark.parametrize(
    "text",
    ["", "同", "同A12345", "A12345", "苏112345", "苏A1234", "苏A123456", "苏AL12345", "苏A12345L", "苏A1234学",
     "苏A1234警", "WJ苏12345", "使123456", "苏A12345DD", "苏AD1234A", "苏A12345\x00"],
)  # fmt: skip
def test_what_is_no_civil_plate_is_none(text: str) -> None:
    assert rules.normal_plate(text) is None


@given(PLATES, st.sampled_from(["", "T-", "2026."]), st.sampled_from(["", "-01", "_x"]))
def test_a_ticket_that_holds_the_plate_is_seen(plate: str, before: str, after: str) -> None:
    assert rules.names_plate(f"{before}{plate[1:].lower()}{after}", plate)
    assert not rules.names_plate("T00", plate)


@pytest.mark.parametrize(
    ("ago", "believed"),
    [(timedelta(0), True), (-timedelta(minutes=2), True), (-timedelta(minutes=2, seconds=1), False),
     (timedelta(days=7), True), (timedelta(days=7, seconds=1), False)],
)  # fmt: skip
def test_times_are_believed_from_a_week_ago_to_two_minutes_ahead(ago: timedelta, believed: bool) -> None:
    assert (rules.judge_time(NOW - ago, NOW) == "") is believed


@pytest.mark.parametrize(
    ("off", "near"), [(0, True), (60, True), (-60, True), (61, False), (-61, False), (10**9, False)]
)
def test_a_signed_request_is_good_for_a_minute(off: int, near: bool) -> None:
    assert rules.near(str(int(NOW.timestamp()) + off), NOW) is near


@pytest.mark.parametrize("text", ["", "x", "-1", "+1", "1.5", "１７７", "1" * 400, " 1"])
def test_what_is_no_time_is_not_near(text: str) -> None:
    assert not rules.near(text, NOW)


@pytest.mark.parametrize("days", [0, 367, -1, "90", True, 1.5])
def test_a_wrong_period_is_told(days: object) -> None:
    assert rules.lint({"parking": {"kept_days": days}}) and not rules.lint({"parking": {"kept_days": 90}})
    assert rules.lint({"parking": 3}) and not rules.lint({})
