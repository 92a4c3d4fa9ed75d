"""What time brings: reminders, that a charge is late, that an open obligation has lapsed. And forgetting what is over.

The state follows the clock on its own; here it is only told, once each, and written down where it is an end. What is
next to be told stands in the row and moves on in the same transaction in which it is told, so that a lost tick is
caught up, a doubled one finds nothing, and one that is broken off goes on where it was.
"""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.kit import clock, db, jobs
from backend.kit.jobs import Job, Step
from backend.obligations import book, rules
from backend.obligations.book import Obligation
from backend.obligations.models import obligations

AT_ONCE = 100
EVERY_SECONDS = 60


def tell_on_time() -> str:
    """Tell whatever is due, a few at a time; how many obligations had something to tell."""
    total = 0
    while True:
        with db.transaction() as session:
            done = tell_some(session, AT_ONCE)
        total += done
        if done < AT_ONCE:
            return f"{total} obligations told of"


def tell_some(session: Session, most: int) -> int:
    """Tell what is due of up to ``most`` obligations. People are held first, then their rows, each by key."""
    table = obligations.c
    waiting = select(table.resident_id, table.id).where(table.next_at <= clock.now()).order_by(table.next_at)
    keys = sorted((row.resident_id, row.id) for row in session.execute(waiting.limit(most)))
    accounts.hold_people(session, {resident_id for resident_id, _ in keys})
    for found in _held(session, keys):
        _tell(session, found)
    return len(keys)


def _held(session: Session, keys: list[tuple[UUID, UUID]]) -> list[Obligation]:
    """The rows of these keys that still have something to tell once they are locked."""
    if not keys:
        return []
    table, now = obligations.c, clock.now()
    these = select(obligations).where(tuple_(table.resident_id, table.id).in_(keys), table.next_at <= now)
    locked = session.execute(db.for_update(these.order_by(table.resident_id, table.id))).all()
    return [Obligation(row, now) for row in locked]


def _tell(session: Session, found: Obligation) -> None:
    what = rules.tells(found.standing, found.at)
    due_for, left = found.next_at, accounts.has_left(session, found.resident_id)
    if what == rules.LAPSED:
        found = book.change(session, found, found.state, closed_at=found.charge_until_at)
    else:
        book.put_off(session, found, found.at)
    if what == rules.LATE:
        book.tell_rooms(session, found)
    if what is not None and not left:
        book.tell_resident(session, found, what, due_for)


def forget_ended(day: date) -> str:
    """Delete what ended three years ago, a few at a time."""
    before, total = clock.start_of_day(day) - timedelta(days=rules.KEPT_YEARS * 366), 0
    while True:
        with db.transaction() as session:
            done = book.purge(session, before, AT_ONCE)
        total += done
        if done < AT_ONCE:
            return f"{total} obligations forgotten"


def register() -> None:
    jobs.often(Step("obligations.tell", EVERY_SECONDS, tell_on_time))
    jobs.register(Job("obligations.forget", "清理过了保存期的先享后付和免押记录", forget_ended))
