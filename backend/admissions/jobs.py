"""What the door owes each day."""

from __future__ import annotations

from datetime import date

from backend.admissions import pack
from backend.kit import clock, db
from backend.kit import jobs as daily


def drop_old_uses(day: date) -> str:
    """Forget the uses that no offline pack tells any more."""
    dropped = 0
    while True:
        with db.transaction() as session:
            count = pack.drop_old_uses(session, clock.now())
        dropped += count
        if not count:
            return f"{dropped} old uses dropped"


def register() -> None:
    """Register this room's jobs. The composition root calls it once."""
    daily.register(daily.Job("perks.drop-old-uses", "清理离线包不再需要的使用记录", drop_old_uses))
