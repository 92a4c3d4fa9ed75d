"""Daily: enrolment codes that are long over are forgotten."""

from __future__ import annotations

from datetime import date

from backend.devices import service
from backend.kit import db, jobs


def forget_codes(_day: date) -> str:
    with db.transaction() as session:
        return f"{service.forget_codes(session)} codes forgotten"


def register() -> None:
    jobs.register(jobs.Job("devices.forget-codes", "清理过期的设备登记码", forget_codes))
