"""Daily: announce points that end soon; once a month, close the wallets' last month. Both in chunks by key."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.kit import clock, db, jobs
from backend.kit.ids import NIL
from backend.ledger import service as ledger
from backend.statements import announcing, rules, service
from backend.statements.errors import StatementUnproved
from backend.statements.models import ClosingRow, NoticeRow

CHUNK = 200
CLOSE_CHUNK = 50
KEPT_DAYS = 180
"""How long it stays written down that somebody was told: far longer than the points it was about."""

log = structlog.get_logger("statements")


def announce(day: date) -> str:
    """Tell everyone whose points end soon, by the rules of the city on that day.

    A chunk is read without a lock and written in one transaction, so an interrupted run is taken up by the next, which
    finds who was told. A day that was missed is made good by the next one: whoever was not told by a rule is told then.
    """
    with db.reading() as reader:
        days = announcing.days_before(reader, day)
    told, after = 0, None
    while True:
        with db.reading() as reader:
            missing, after = announcing.due(reader, days, day, CHUNK, after)
        if missing:
            with db.transaction() as session:
                told += announcing.announce(session, missing, day)
        if after is None:
            return f"{told} notices"


def forget_notices(day: date) -> str:
    """Delete what was written down of notices about points that have long ended."""
    with db.transaction() as session:
        session.execute(delete(NoticeRow).where(NoticeRow.expires_on < day - timedelta(days=KEPT_DAYS)))
    return f"kept {KEPT_DAYS} days"


def close(day: date) -> str:
    """Close the last month that ended, and whatever before it was never closed, for every wallet that has new entries.

    How far it came is committed with each chunk; when all are done, the rest of the month costs one read a day.
    """
    month, closed, unproved = rules.ended_month(day), 0, 0
    after = _begin(month)
    while after is not None:
        with db.transaction() as session:
            made, failed, after = _close_chunk(session, month, after)
        closed, unproved = closed + made, unproved + failed
    if unproved:
        log.error("statements.unproved", month=f"{month:%Y-%m}", wallets=unproved)
    return f"{month:%Y-%m}: {closed} months closed, {unproved} unproved"


def _begin(month: date) -> UUID | None:
    """Behind which wallet to go on; None when the month is done."""
    with db.transaction() as session:
        db.insert_if_absent(session, ClosingRow, dict(month=month, after_id=NIL, done_at=None), ("month",))
        row = session.execute(select(ClosingRow.after_id, ClosingRow.done_at).where(ClosingRow.month == month)).one()
    after: UUID = row.after_id
    return after if row.done_at is None else None


def _close_chunk(session: Session, month: date, after: UUID) -> tuple[int, int, UUID | None]:
    """Months closed, wallets whose books disagree, and the wallet behind which to go on."""
    counts = ledger.entry_counts(session, after, CLOSE_CHUNK)
    fresh = service.unclosed_among(session, {one.resident_id: one.entries for one in counts})
    accounts.hold_people(session, fresh)
    living, closed, unproved = accounts.living(session, fresh), 0, 0
    for resident_id in sorted(living):
        try:
            closed += service.close_months(session, resident_id, month)
        except StatementUnproved:
            unproved += 1
    following = counts[-1].resident_id if len(counts) == CLOSE_CHUNK else None
    values = {"after_id": following} if following else {"done_at": clock.now()}
    session.execute(update(ClosingRow).where(ClosingRow.month == month).values(**values))
    return closed, unproved, following


JOBS = (
    jobs.Job("statements.announce", "积分到期提醒", announce),
    jobs.Job("statements.close", "积分月结单结账", close),
    jobs.Job("statements.forget-notices", "清理积分到期提醒的记录", forget_notices),
)
