"""Notices to the day, months without gap or overlap: no database."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.ledger.rules import TRANSFER_KINDS
from backend.statements import rules
from backend.statements.rules import Stretch

DAYS = st.dates(date(2026, 1, 1), date(2033, 12, 31))
RULES = st.lists(st.integers(1, 366), min_size=1, max_size=5, unique=True)
EDGES = [date(2028, 2, 28), date(2028, 2, 29), date(2028, 3, 1), date(2027, 2, 28), date(2026, 12, 31),
         date(2027, 1, 1), date(2100, 2, 28), date(2100, 3, 1)]  # fmt: skip


@given(ends=st.one_of(st.sampled_from(EDGES), DAYS), days=RULES)
def test_each_notice_is_first_due_exactly_so_many_days_before(ends: date, days: list[int]) -> None:
    said = {left: rules.notice_due(days, ends - timedelta(days=left), ends) for left in range(-3, 370)}
    for before in days:
        assert said[before] == before and said[before + 1] != before
    assert said[-1] is said[-2] is said[max(days) + 1] is None
    assert all(said[left] == min(one for one in days if one >= left) for left in range(max(days) + 1))


@pytest.mark.parametrize(
    ("ends", "thirty", "seven"),
    [
        (date(2028, 2, 29), date(2028, 1, 30), date(2028, 2, 22)),
        (date(2028, 3, 1), date(2028, 1, 31), date(2028, 2, 23)),
        (date(2027, 3, 1), date(2027, 1, 30), date(2027, 2, 22)),
        (date(2026, 12, 31), date(2026, 12, 1), date(2026, 12, 24)),
        (date(2027, 1, 5), date(2026, 12, 6), date(2026, 12, 29)),
    ],
)
def test_thirty_and_seven_days_are_counted_over_leap_days_and_years_ends(ends: date, thirty: date, seven: date) -> None:
    due = [day for day in (ends - timedelta(days=n) for n in range(60, -5, -1))
           if rules.notice_due((30, 7), day, ends)]  # fmt: skip
    assert due[0] == thirty and due[-1] == ends
    assert min(day for day in due if rules.notice_due((30, 7), day, ends) == 7) == seven


def test_points_that_came_late_are_told_by_the_nearest_rule() -> None:
    today = date(2026, 3, 5)
    told = [rules.notice_due((30, 7), today, today + timedelta(days=left)) for left in (0, 6, 7, 8, 29, 30, 31)]
    assert told == [7, 7, 7, 30, 30, 30, None]


@given(st.lists(DAYS, max_size=30), st.integers(0, 50), st.one_of(st.none(), DAYS.map(rules.month_of)))
def test_whatever_the_clock_did_months_are_stretches_without_gap_or_overlap(
    days: list[date], after: int, earliest: date | None
) -> None:
    found = rules.stretches(days, after, earliest)
    assert sum(one.entries for one in found) == len(days) and all(one.entries > 0 for one in found)
    assert not found or (found[0].after, found[-1].last) == (after, after + len(days))
    for one, following in pairwise(found):
        assert one.last == following.after and one.month < following.month
    assert all(one.month.day == 1 and (earliest is None or one.month >= earliest) for one in found)
    if days == sorted(days) and (earliest is None or not days or days[0] >= earliest):
        months = [rules.month_of(day) for day in days]
        assert [(one.month, one.entries) for one in found] == [(m, months.count(m)) for m in dict.fromkeys(months)]


def test_an_entry_written_after_its_month_was_closed_goes_to_the_next_one() -> None:
    late = [date(2026, 3, 31), date(2026, 4, 2)]
    assert rules.stretches(late, 9, date(2026, 4, 1)) == [Stretch(date(2026, 4, 1), 9, 11)]


@given(DAYS)
def test_a_month_is_closed_from_the_second_day_of_the_next(day: date) -> None:
    ended = rules.ended_month(day)
    assert (
        rules.next_month(ended) + timedelta(days=1)
        <= day
        < rules.next_month(rules.next_month(ended)) + timedelta(days=1)
    )


NO_MONTHS = ("2026-13", "2026-00", "2026-3", "202603", "1999-12", "2026-03\n", " 2026-03", "２０２６-03", "",
             "2026-03-01",
             "..", "2026-03.pdf")  # fmt: skip


@pytest.mark.parametrize(
    ("text", "month"),
    [("2026-03", date(2026, 3, 1)), ("2199-12", date(2199, 12, 1)), *((bad, None) for bad in NO_MONTHS)],
)
def test_a_month_is_called_by_year_and_month_and_nothing_else(text: str, month: date | None) -> None:
    assert rules.month_called(text) == month


@pytest.mark.parametrize(
    ("points", "problems"),
    [
        ({}, 0),
        ({"announce_days_before": [30, 7]}, 0),
        ({"announce_days_before": [366]}, 0),
        ({"announce_days_before": []}, 1),
        ({"announce_days_before": [30, 30]}, 1),
        ({"announce_days_before": [0]}, 1),
        ({"announce_days_before": [367]}, 1),
        ({"announce_days_before": [True]}, 1),
        ({"announce_days_before": ["7"]}, 1),
        ({"announce_days_before": [1, 2, 3, 4, 5, 6]}, 1),
        ({"announce_days_before": 30}, 1),
        ("30", 1),
    ],
)
def test_a_citys_days_before_the_end_are_checked(points: Any, problems: int) -> None:
    assert len(rules.lint_points(points)) == problems


def test_every_kind_that_moves_a_wallet_has_a_word() -> None:
    assert set(TRANSFER_KINDS) - {"grant", "settlement"} == set(rules.KIND_WORDS)
