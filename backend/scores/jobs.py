"""Nightly: the scores that time has changed. The cost follows change, not the number of residents."""

from __future__ import annotations

from datetime import date
from typing import Any

from backend.kit import db, jobs
from backend.scores import computing, runs


def recompute_due(day: date) -> str:
    """Compute what decay, expiry or a new policy has changed, in chunks of a transaction each."""
    with db.reading() as reader:
        text, policy = computing.text_version(reader), computing.compiled_in_force(reader).plan.version
    forgotten = runs.lapsed(text)
    renewed = max((progress.computed for progress in runs.renewed(policy)), default=0)
    due, after = 0, None
    while True:
        with db.transaction() as session:
            chunk = computing.recompute_due(session, day, after)
        if chunk is None:
            break
        due, after = due + chunk.done.computed, chunk.after
    _empty()
    return f"{due} due, {renewed} under policy {policy}, {forgotten} lapsed"


def _empty() -> None:
    more: Any = True
    while more:
        with db.transaction() as session:
            more = computing.drop_stored_reasons(session)


def register() -> None:
    """Register the job; the composition root does."""
    jobs.register(jobs.Job("scores.recompute-due", "计算随时间变化的信用分", recompute_due))
