"""What time it is: instants in UTC, days in Shanghai."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")

_shift: ContextVar[timedelta] = ContextVar("clock_shift", default=timedelta(0))


def now() -> datetime:
    """This instant, aware, in UTC, cut to the microsecond."""
    return datetime.now(UTC) + _shift.get()


def today() -> date:
    """The calendar day in Asia/Shanghai, by which every date of the programme is meant."""
    return shanghai_date(now())


def shanghai_date(instant: datetime) -> date:
    """The day in Asia/Shanghai on which an aware instant falls."""
    return instant.astimezone(SHANGHAI).date()


def start_of_day(day: date) -> datetime:
    """The first instant (UTC) of a Shanghai day."""
    return datetime.combine(day, time(0), SHANGHAI).astimezone(UTC)


def end_of_day(day: date) -> datetime:
    """The first instant (UTC) after a Shanghai day: what is good *through* the day is good before this."""
    return start_of_day(day + timedelta(days=1))


@contextmanager
def shifted(by: timedelta) -> Iterator[None]:
    """Move this context's clock, so that a test can stand before or after a deadline without waiting."""
    token = _shift.set(_shift.get() + by)
    try:
        yield
    finally:
        _shift.reset(token)


@contextmanager
def at(instant: datetime) -> Iterator[None]:
    """Move this context's clock so that it reads ``instant`` now; it goes on ticking from there."""
    with shifted(instant - now()):
        yield
