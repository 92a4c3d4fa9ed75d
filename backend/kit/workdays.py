"""Working days in China.

Holidays and make-up Saturdays come from ``chinese_calendar`` for the years it knows (it follows the State Council's
yearly notice); outside them a weekday is a working day unless the city lists it as a holiday, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import NamedTuple

import chinese_calendar


class Deadline(NamedTuple):
    """``on``: the last day. ``certain``: False when a year without a published calendar was crossed."""

    on: date
    certain: bool


def is_workday(day: date, extra_holidays: Collection[date] = ()) -> tuple[bool, bool]:
    """Whether ``day`` is a working day, and whether that rests on the published calendar."""
    if day in extra_holidays:
        return False, True
    try:
        return bool(chinese_calendar.is_workday(day)), True
    except NotImplementedError:
        return day.weekday() < 5, False


def add_workdays(start: date, count: int, extra_holidays: Collection[date] = ()) -> Deadline:
    """The ``count``-th working day after ``start`` (the day itself does not count). ``count`` ≥ 0."""
    if count < 0:
        raise ValueError("count must not be negative")
    day, certain = start, True
    while count:
        day += timedelta(days=1)
        working, known = is_workday(day, extra_holidays)
        certain = certain and known
        count -= working
    return Deadline(day, certain)
