"""Pure arithmetic of what is on offer: shares of a stock, the slots of a day, closed days."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import date, timedelta
from typing import NamedTuple

WINDOWS = {"day": "每天", "month": "每月", "year": "每年", "ever": "总共"}
"""Within which a person's limit counts, in words."""

_SPAN = re.compile(r"([0-9]{2}):([0-5][0-9])-([0-9]{2}):([0-5][0-9])")
DAY_MINUTES = 24 * 60
LONGEST_LOOK_DAYS = 366


def spread(total: int, buckets: int) -> list[int]:
    """``total`` over ``buckets`` as evenly as integers allow, fuller ones first."""
    share, more = divmod(total, buckets)
    return [share + (1 if index < more else 0) for index in range(buckets)]


def bucket_count(total: int, most: int = 8) -> int:
    """How many rows hold a stock: one for few, ``most`` for many, so that a hot offer does not queue on one row."""
    return max(1, min(most, total // 4))


def open_minutes(text: object) -> tuple[int, int] | None:
    """``"09:00-11:00"`` as minutes of the day (540, 660); None when it is no span within one day. ``24:00`` ends it."""
    found = _SPAN.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    start, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    return (start, end) if start < end <= DAY_MINUTES else None


class Closed(NamedTuple):
    """The days on which an offer is closed: single dates, and weekdays (1 Monday to 7 Sunday)."""

    days: frozenset[date] = frozenset()
    weekdays: frozenset[int] = frozenset()

    def on(self, day: date) -> bool:
        return day in self.days or day.isoweekday() in self.weekdays

    def next_open(self, day: date) -> date | None:
        """The first day after ``day`` that is not closed; None when there is none within a year."""
        later = (day + timedelta(days=n) for n in range(1, LONGEST_LOOK_DAYS + 1))
        return next((each for each in later if not self.on(each)), None)


NEVER_CLOSED = Closed()


class SlotRule(NamedTuple):
    """When places are given out by time. ``spans``: minutes of the Shanghai day, each a multiple of ``minutes``."""

    minutes: int
    spans: tuple[tuple[int, int], ...]
    weekdays: frozenset[int]
    capacity: int
    days_ahead: int
    early_minutes: int
    closed: Closed = NEVER_CLOSED

    def starts(self, day: date) -> Iterator[int]:
        """The minutes of ``day`` at which a slot starts, in order; none on a day without."""
        if day.isoweekday() in self.weekdays and not self.closed.on(day):
            for start, end in sorted(self.spans):
                yield from range(start, end - self.minutes + 1, self.minutes)


def days_between(first: date, last: date) -> Collection[date]:
    """Every day from ``first`` to ``last``, both included; none when ``last`` is earlier."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
