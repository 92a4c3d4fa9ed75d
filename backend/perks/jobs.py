"""What this room owes each day."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from backend.kit import clock, db
from backend.kit import jobs as daily
from backend.offers import service as shelf
from backend.perks import expiry, extensions, newcomers

CHUNK = 200
KEPT_DAYS = 31
"""How long the counts of a day or slot stay after it."""
EXTEND_EVERY_SECONDS = 60


def expire_coupons(day: date) -> str:
    """Close the coupons whose end has passed, in chunks by key; each chunk is one transaction.

    What a crash leaves undone is still due: only coupons that nobody closed are looked for.
    """
    closed = 0
    after: tuple[UUID, UUID] | None = None
    while True:
        with db.reading() as reader:
            waits = expiry.grace(reader)
            keys = expiry.due(reader, clock.now(), after, CHUNK)
        if not keys:
            return f"{closed} coupons expired"
        with db.transaction() as session:
            closed += sum(expiry.expire(session, *key, waits) for key in keys)
        after = keys[-1]


def forget_tombstones(day: date) -> str:
    """Delete the marks of first-timer offers whose declared period is over."""
    gone = 0
    while True:
        with db.transaction() as session:
            count = newcomers.forget(session, day)
        gone += count
        if not count:
            return f"{gone} tombstones deleted"


def forget_counts(day: date) -> str:
    """Delete the counts of days and slots that are over: what is given back to them nobody needs."""
    before, gone = day - timedelta(days=KEPT_DAYS), 0
    while True:
        with db.transaction() as session:
            count = shelf.forget_days(session, before) + shelf.forget_slots(session, clock.start_of_day(before))
        gone += count
        if not count:
            return f"{gone} counts deleted"


def register() -> None:
    """Register this room's jobs. The composition root calls it once."""
    daily.register(daily.Job("perks.expire-coupons", "关闭过期的券", expire_coupons))
    daily.register(daily.Job("perks.forget-tombstones", "清理到期的首次优惠标记", forget_tombstones))
    daily.register(daily.Job("perks.forget-counts", "清理过去的每日名额和时段计数", forget_counts))
    daily.often(daily.Step("perks.extend", EXTEND_EVERY_SECONDS, extensions.take_up))
