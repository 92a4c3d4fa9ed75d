"""Which notice is due, which month an entry belongs to, and what a statement must fulfil: pure functions.

Days and months are those of Asia/Shanghai; a lot's ``expires_on`` is its last good day.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import date, timedelta
from typing import Any, NamedTuple

DAYS_BEFORE = (30, 7)
"""Where the city's ``points.announce_days_before`` says nothing else."""
MOST_NOTICES, MOST_DAYS = 5, 366
CLOSES_ON = 2
"""The day of the next month on which a month is closed: whatever was begun before its end is written by then."""
MOST_PRINTED = 12_000
"""Entries in one file: some 340 pages, and well within the time of a request."""

_MONTH = re.compile(r"(20|21)[0-9]{2}-(0[1-9]|1[0-2])")

KIND_WORDS = {
    "award": "发放", "hold": "兑换冻结", "release": "冻结退回", "expiry": "到期", "reversal": "更正",
    "shortfall": "更正差额补入", "recovery": "更正差额收回", "deduction": "扣减",
}  # fmt: skip
"""What a statement calls each kind of transfer that a wallet can see."""


# --- notices ---------------------------------------------------------------------------------------------------------


def notice_due(days_before: Collection[int], today: date, expires_on: date) -> int | None:
    """The notice that is due for points with this last good day: the nearest of ``days_before`` that has been reached.

    On the very day that many days before, on every day after it on which it was missed, and for points that came
    later; with the next one reached it is that one. None before the first and after the end.
    """
    left = (expires_on - today).days
    reached = [days for days in days_before if days >= left]
    return min(reached) if reached and left >= 0 else None


def lint_points(points: Any) -> list[str]:
    """What is wrong with a city's ``[points]``; none at all is fine."""
    if not isinstance(points, dict):
        return ["points 应为表"]
    days = points.get("announce_days_before", list(DAYS_BEFORE))
    whole = isinstance(days, list) and all(type(one) is int and 1 <= one <= MOST_DAYS for one in days)
    if not whole or not 1 <= len(days) <= MOST_NOTICES or len(set(days)) != len(days):
        return [f"points.announce_days_before 应为 1 至 {MOST_NOTICES} 个互不相同的天数，每个 1 至 {MOST_DAYS}"]
    return []


# --- months ----------------------------------------------------------------------------------------------------------


def month_called(text: str) -> date | None:
    """The first day of the month that ``YYYY-MM`` names; None when it names none."""
    return date.fromisoformat(text + "-01") if _MONTH.fullmatch(text) else None


def month_of(day: date) -> date:
    """The first day of the day's month: how a month is named here."""
    return day.replace(day=1)


def next_month(month: date) -> date:
    return month_of(month + timedelta(days=31))


def ended_month(day: date) -> date:
    """The latest month that is closed by a day."""
    month = month_of(day)
    return month_of(month - timedelta(days=1 if day.day >= CLOSES_ON else 32))


class Stretch(NamedTuple):
    """A month's entries: those numbered above ``after`` up to ``last``. There is at least one."""

    month: date
    after: int
    last: int

    @property
    def entries(self) -> int:
        return self.last - self.after


def stretches(days: Iterable[date], after: int = 0, earliest: date | None = None) -> list[Stretch]:
    """How entries fall into months, given the day on which each (numbered on from ``after``) was written.

    An entry belongs to the month in which it was written, but never to an earlier one than the entry before it nor
    than ``earliest``: so whatever a clock does, months are stretches without gap or overlap, and a closed one never
    changes.
    """
    found: list[Stretch] = []
    for number, day in enumerate(days, start=after + 1):
        month = max(month_of(day), found[-1].month if found else date.min, earliest or date.min)
        if found and found[-1].month == month:
            found[-1] = found[-1]._replace(last=number)
        else:
            found.append(Stretch(month, number - 1, number))
    return found
