"""Daily: questions, stays and unconfirmed plates past their days are forgotten."""

from __future__ import annotations

from datetime import date

from backend.kit import db, jobs
from backend.parking import plates, seen

AT_ONCE = 500


def forget(_day: date) -> str:
    """A few of each in every transaction, until none is left; a repeat finds nothing."""
    total = 0
    for some in (seen.forget, plates.forget_pending):
        while True:
            with db.transaction() as session:
                done = some(session, AT_ONCE)
            total += done
            if done < AT_ONCE:
                break
    return f"{total} forgotten"


def register() -> None:
    """Register this room's job. The composition root calls it once."""
    jobs.register(jobs.Job("parking.forget", "删除过了保存期的停车询问和记录", forget))
