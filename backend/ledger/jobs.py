"""What the ledger owes each day: booking out points that have ended, and the proof that everything agrees."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import structlog
from sqlalchemy import select

from backend.kit import db, jobs
from backend.kit.ids import NIL
from backend.ledger import service
from backend.ledger.models import lots

CHUNK = 50
"""Residents booked out in one transaction: short enough that nobody waits for the lock on his wallet."""

log = structlog.get_logger("ledger")


def expire(day: date) -> str:
    """Book out every lot whose last good day is before `day`, chunk by chunk in the order of keys.

    Each chunk commits by itself, so an interrupted run is taken up by the next; a resident whose lots a redemption
    has booked out meanwhile has none left. Nothing depends on when this runs: reads leave due lots out anyway.
    """
    residents = entries = 0
    after = NIL
    while keys := _due_after(after, day):
        with db.transaction() as session:
            for key in keys:
                entries += len(service.expire_due(session, key, day))
        residents += len(keys)
        after = keys[-1]
    return f"{residents} residents, {entries} lots"


def _due_after(after: UUID, day: date) -> list[UUID]:
    due = (lots.c.remaining_points > 0, lots.c.expires_on < day, lots.c.resident_id > after)
    statement = select(lots.c.resident_id).where(*due).distinct().order_by(lots.c.resident_id).limit(CHUNK)
    with db.reading() as reader:
        return list(reader.execute(statement).scalars())


def prove(day: date) -> str:
    """Run the audit; disagreements go to the log by id and to the job's outcome by number."""
    with db.reading() as reader:
        report = service.audit(reader)
    for found in report.disagreements[:100]:
        log.error("ledger.disagreement", where=found.where, key=str(found.key), what=found.what)
    return f"{len(report.disagreements)} disagreements in {report.wallets} wallets, {report.transfers} transfers"


def register() -> None:
    """Put the ledger's daily tasks on the list."""
    jobs.register(jobs.Job("ledger.expire", "到期积分入账", expire))
    jobs.register(jobs.Job("ledger.audit", "积分账核对", prove))
