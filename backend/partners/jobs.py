"""What the room of partners owes each day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from sqlalchemy.orm import Session

from backend.kit import db
from backend.kit.jobs import Job
from backend.partners import applications

AT_ONCE = 200


def _all(step: Callable[[Session, date, int], int], day: date) -> int:
    total = 0
    while True:
        with db.transaction() as session:
            done = step(session, day, AT_ONCE)
        total += done
        if done < AT_ONCE:
            return total


def lapse_returned(day: date) -> str:
    """Close applications that were returned and not corrected in time."""
    return f"{_all(applications.lapse, day)} applications lapsed"


def forget_contacts(day: date) -> str:
    """Delete the contacts of closed applications when their period is over."""
    return f"{_all(applications.forget_contacts, day)} contacts deleted"


JOBS = (
    Job("partners.lapse-returned", "办结逾期未补正的合作申请", lapse_returned),
    Job("partners.forget-contacts", "删除已办结合作申请的联系人", forget_contacts),
)
