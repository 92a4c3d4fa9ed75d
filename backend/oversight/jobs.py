"""What oversight owes: seals every few minutes and once a day at least, and an end to what may be kept no longer."""

from __future__ import annotations

from datetime import date

from backend.consents import service as consents
from backend.consents.looks import KEPT_YEARS
from backend.kit import city, clock, db, jobs
from backend.oversight import rules, service

SEAL_EVERY_SECONDS = 300
MOST_CLOSINGS = 1000


def seal(_day: date | None = None) -> str:
    """Seal what waits."""
    return f"{service.seal_all()} batches sealed"


def forget_old_looks(day: date) -> str:
    """Destroy the looks whose period of keeping has ended, batch by batch, each end signed."""
    with db.reading() as reader:
        years = int(city.get(reader, "city", day).content.get("kept_years", {}).get("access_log", KEPT_YEARS))
    before, gone = clock.start_of_day(rules.years_before(day, years)), 0
    for _ in range(MOST_CLOSINGS):
        with db.transaction() as session:
            closed = service.close_next(session, consents.EVIDENCE, before, years)
        if closed is None:
            break
        gone += closed
    return f"kept {years} years, {gone} looks destroyed"


def register() -> None:
    jobs.register(jobs.Job("oversight.seal", "封存查询登记与操作日志", seal))
    jobs.register(jobs.Job("oversight.forget-old-looks", "销毁超过保存年限的查询登记", forget_old_looks))
    jobs.often(jobs.Step("oversight.seal-often", SEAL_EVERY_SECONDS, seal))
