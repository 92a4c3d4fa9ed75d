"""What this room owes every minute and every day."""

from __future__ import annotations

from datetime import date, timedelta

from backend.bookings import promoting, rules, strikes
from backend.kit import clock, db, jobs
from backend.kit.jobs import Job, Step

AT_ONCE = 500
EVERY_SECONDS = 60


def forget(day: date) -> str:
    """Delete what is over: entries of slots a month ago, queues of slots that have begun, strikes that are done."""
    before, gone = clock.start_of_day(day) - timedelta(days=rules.KEPT_DAYS), 0
    while True:
        with db.transaction() as session:
            now = clock.now()
            some = promoting.forget(session, before, now, AT_ONCE) + strikes.forget(session, now, AT_ONCE)
        gone += some
        if some < AT_ONCE:
            return f"{gone} entries and strikes deleted"


def register() -> None:
    """Register this room's jobs. The composition root calls it once."""
    jobs.often(Step("bookings.promote", EVERY_SECONDS, promoting.sweep))
    jobs.register(Job("bookings.forget", "清理过去的候补和爽约记录", forget))
