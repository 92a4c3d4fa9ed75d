"""Daily: forget counter codes that can no longer be used."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import delete

from backend.identity.models import CounterCodeRow
from backend.kit import clock, db, jobs


def forget_counter_codes(_day: date) -> str:
    """Delete counter codes that ended a day ago or earlier."""
    with db.transaction() as session:
        session.execute(delete(CounterCodeRow).where(CounterCodeRow.expires_at < clock.now() - timedelta(days=1)))
    return "done"


def register() -> None:
    jobs.register(jobs.Job("identity.forget-counter-codes", "清理过期的窗口验证码", forget_counter_codes))
