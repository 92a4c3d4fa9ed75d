"""What the ledger owes each day: booking out points that have ended, closing days, the proof that everything agrees."""

from __future__ import annotations

from datetime import date

import structlog

from backend.kit import db, jobs
from backend.ledger import expiring, rollup, service

CLOSE_EVERY_SECONDS = 900

log = structlog.get_logger("ledger")


def expire(day: date) -> str:
    """Book out every lot whose last good day is before `day`; see `expiring`."""
    done = expiring.expire_all(day)
    return f"{done.residents} residents, {done.lots} lots"


def close_days(_day: date | None = None) -> str:
    """Close the days that are complete; see `rollup`."""
    return f"{len(rollup.close_all())} days closed"


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
    jobs.register(jobs.Job("ledger.close-days", "积分账日结", close_days))
    jobs.often(jobs.Step("ledger.close-days-often", CLOSE_EVERY_SECONDS, close_days))
    jobs.register(jobs.Job("ledger.audit", "积分账核对", prove))
