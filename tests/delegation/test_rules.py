"""Who may be registered as a guardian, and until when."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from backend.delegation import rules

TODAY = date(2026, 3, 5)
ADULT, CHILD = date(1990, 1, 2), date(2016, 5, 4)


@pytest.mark.parametrize(
    ("kind", "sides", "why"),
    [
        ("guardian", rules.Sides(False, ADULT, CHILD), ""),
        ("guardian", rules.Sides(True, CHILD, CHILD), "same-person"),
        ("guardian", rules.Sides(False, CHILD, CHILD), "guardian-not-adult"),
        ("guardian", rules.Sides(False, ADULT, date(2008, 3, 5)), "not-a-child"),
        ("guardian", rules.Sides(False, ADULT, date(2008, 3, 6)), ""),
        ("ward", rules.Sides(False, ADULT, ADULT), ""),
        ("ward", rules.Sides(False, ADULT, CHILD), "not-of-age"),
    ],
)
def test_a_guardian_is_an_adult_and_somebody_else(kind: str, sides: rules.Sides, why: str) -> None:
    assert rules.may_register(kind, sides, TODAY) == why


@pytest.mark.parametrize(
    ("born_on", "day"),
    [
        (date(2008, 3, 6), date(2026, 3, 6)),
        (date(2008, 2, 29), date(2026, 3, 1)),
        (date(2000, 12, 31), date(2018, 12, 31)),
    ],
)
def test_of_age_on_the_birthday(born_on: date, day: date) -> None:
    assert rules.of_age_on(born_on) == day


def test_a_registration_ends_on_the_eve_of_coming_of_age_or_after_a_year() -> None:
    assert rules.last_day("guardian", date(2008, 6, 1), TODAY, 366) == date(2026, 5, 31)
    assert rules.last_day("guardian", CHILD, TODAY, 366) == date(2027, 3, 5)
    assert rules.last_day("ward", ADULT, TODAY, 366) == date(2027, 3, 5)


@pytest.mark.parametrize(("limits", "problems"), [
    ({}, 0), ({"help_minutes": 30, "longest_days": 366}, 0), ({"help_minutes": 0}, 1), ({"help_minutes": 121}, 1),
    ({"longest_days": True}, 1), ({"longest_days": "9", "help_minutes": 1.5}, 2),
])  # fmt: skip
def test_the_citys_limits_are_bounded(limits: dict[str, Any], problems: int) -> None:
    assert len(rules.lint_limits(limits)) == problems
