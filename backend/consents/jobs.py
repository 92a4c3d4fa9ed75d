"""Daily: the access log is kept as long as the city says, and no longer."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import delete

from backend.consents.models import AccessLogRow
from backend.kit import city, clock, db, jobs

KEPT_YEARS = 10
"""Where the city's ``kept_years.access_log`` says nothing else (浙江的做法)."""


def forget_old_looks(day: date) -> str:
    """Delete the looks whose period of keeping has ended."""
    with db.transaction() as session:
        years = city.get(session, "city", day).content.get("kept_years", {}).get("access_log", KEPT_YEARS)
        before = clock.start_of_day(day) - timedelta(days=366 * int(years))
        session.execute(delete(AccessLogRow).where(AccessLogRow.at < before))
    return f"kept {years} years"


def register() -> None:
    jobs.register(jobs.Job("consents.forget-old-looks", "清理超过保存年限的查询登记", forget_old_looks))
