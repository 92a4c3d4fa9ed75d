"""Nightly: the scores that time has changed. The cost follows change, not the number of residents."""

from __future__ import annotations

from datetime import date

from backend.kit import db, jobs
from backend.scores import service


def recompute_due(day: date) -> str:
    """Compute what decay, expiry or a new policy has changed, in chunks of a transaction each."""
    chunks, after = 0, None
    while True:
        with db.transaction() as session:
            after = service.recompute_due(session, day, after)
        if after is None:
            break
        chunks += 1
    forgotten = 0
    while True:
        with db.transaction() as session:
            done = service.forget_lapsed(session)
        forgotten += done
        if not done:
            return f"{chunks} chunks computed, {forgotten} lapsed"


def register() -> None:
    """Register the job; the composition root does."""
    jobs.register(jobs.Job("scores.recompute-due", "计算随时间变化的信用分", recompute_due))
