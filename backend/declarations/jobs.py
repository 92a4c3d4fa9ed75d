"""What the room of declarations owes each day."""

from __future__ import annotations

from datetime import date

from backend.declarations import evidence
from backend.kit import db
from backend.kit.jobs import Job


def forget_evidence(day: date) -> str:
    """Delete what was declared, and its pictures, when its period after the decision is over; a few at a time."""
    total = 0
    while True:
        with db.transaction() as session:
            done = evidence.purge(session, day)
        total += done
        if done < evidence.PURGE_AT_ONCE:
            return f"{total} declarations emptied"


JOBS = (Job("declarations.forget-evidence", "删除过了保存期的自主申报材料", forget_evidence),)
