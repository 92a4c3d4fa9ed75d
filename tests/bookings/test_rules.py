"""Waiting, strikes, words and calendars, as pure functions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.bookings import rules
from backend.bookings.rules import NoShow

NOW = datetime(2026, 5, 20, 4, 0, tzinfo=UTC)
moments = st.integers(-200 * 24, 24).map(lambda hours: NOW + timedelta(hours=hours))


@given(st.lists(moments, max_size=8), st.integers(1, 5), st.integers(1, 200), st.integers(1, 90))
def test_a_pause_comes_exactly_when_enough_strikes_count(
    missed: list[datetime], strikes: int, within: int, days: int
) -> None:
    until = rules.pause_until(missed, NoShow(strikes, within, days), NOW)
    count = len([one for one in missed if NOW - timedelta(days=within) < one <= NOW])
    assert until == (NOW + timedelta(days=days) if count >= strikes else None)
    assert rules.still_paused(missed, strikes, within, NOW) is (count >= strikes)


def test_places_are_given_until_the_city_s_minutes_before_the_slot() -> None:
    known = rules.Policy(30, 10)
    assert known.in_time(NOW + timedelta(minutes=30, seconds=1), NOW)
    assert not known.in_time(NOW + timedelta(minutes=30), NOW)
    assert rules.policy({}) == rules.Policy(30, 10) and rules.policy({"most_waiting": 3}).most_waiting == 3


@pytest.mark.parametrize(
    "said", [[], {"most_waiting": 0}, {"promote_before_minutes": 1441}, {"most_waiting": True}, {"most": 1}]
)
def test_the_linter_refuses_what_a_city_cannot_mean(said: Any) -> None:
    assert rules.lint(said)


def test_the_linter_lets_good_words_pass() -> None:
    assert rules.lint({}) == rules.lint({"promote_before_minutes": 0, "most_waiting": 1}) == []


def test_who_waits_when_her_slot_comes_waits_no_more() -> None:
    assert rules.state_at("waiting", NOW, NOW - timedelta(seconds=1)) == "waiting"
    assert rules.state_at("waiting", NOW, NOW) == "over"
    assert rules.state_at("promoted", NOW, NOW) == "promoted"


def test_joining_says_what_it_costs_and_whether_it_can_be_given_back() -> None:
    assert "冻结 12 积分" in rules.promise(12, "until_used") and "可以取消" in rules.promise(12, "until_used")
    assert "不需要积分" in rules.promise(0, "none") and "不能取消" in rules.promise(0, "none")


@given(st.text(max_size=300).filter(lambda text: "\x00" not in text))
def test_a_folded_line_has_lines_of_75_octets_and_unfolds_to_itself(text: str) -> None:
    line = f"SUMMARY:{rules.escaped(text)}".encode("utf-8", "replace").decode()
    parts = rules.folded(line)
    assert all(len(part.encode()) <= 75 for part in parts)
    assert "\r\n".join(parts).replace("\r\n ", "") == line and "\n" not in line


def test_a_calendar_file_holds_one_event_in_universal_time() -> None:
    made = rules.calendar(
        uid="one@test", starts_at=NOW, ends_at=NOW + timedelta(hours=1), stamp=NOW, title="演示馆;一,二",
        place="东路 1 号", cancelled=False,
    )  # fmt: skip
    lines = made.split("\r\n")
    assert lines[0] == "BEGIN:VCALENDAR" and lines[-2:] == ["END:VCALENDAR", ""]
    assert {
        "DTSTART:20260520T040000Z",
        "DTEND:20260520T050000Z",
        "SUMMARY:演示馆\\;一\\,二",
        "STATUS:CONFIRMED",
    } <= set(lines)
