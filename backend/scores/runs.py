"""Runs over the whole city, a chunk in a transaction each.

Where a run stands is a row, moved on in the chunk's own transaction: one that was cut off goes on where it stopped,
and whoever wants to know how far it is reads the row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from backend.kit import clock, db
from backend.kit.ids import NIL
from backend.scores import computing, models
from backend.scores.compiled import Done
from backend.scores.computing import Chunk

Step = Callable[[Session, UUID], Chunk | None]


class Progress(NamedTuple):
    """How many residents a run has computed so far, and how many numbers or levels changed."""

    computed: int
    changed: int


def renewed(policy_version: str) -> Iterator[Progress]:
    """Compute every kept score under a policy that has come into force, once for each version."""
    yield from _walk("policy", policy_version, lambda session, after: computing.recompute_all(session, "policy", after))


def asked(policy_version: str) -> Iterator[Progress]:
    """Compute every kept score anew, and the missing ones of those who consent, because somebody wants it."""
    steps: dict[str, Step] = {
        "request": lambda session, after: computing.recompute_all(session, "request", after),
        "missing": lambda session, after: computing.recompute_missing(session, "request", after),
    }
    for kind, step in steps.items():
        yield from _walk(kind, policy_version, step)
    with db.transaction() as session:
        session.execute(delete(models.runs).where(models.runs.c.kind.in_(steps)))


def lapsed(text_version: str) -> int:
    """Forget the scores of those who agreed to an earlier text, once for each text; return how many."""

    def step(session: Session, after: UUID) -> Chunk | None:
        done = computing.forget_lapsed(session)
        return Chunk(after, Done(done, done)) if done else None

    return max((progress.computed for progress in _walk("consent", text_version, step)), default=0)


def expected() -> int:
    """How many scores are kept, for a bar."""
    with db.reading() as reader:
        return int(reader.execute(select(func.count()).select_from(models.scores)).scalar_one())


def _walk(kind: str, version: str, step: Step) -> Iterator[Progress]:
    """Take steps until one finds nothing left. A run for this version that is done is not begun again."""
    with db.transaction() as session:
        stands = _stands(session, kind, version)
    progress = Progress(stands.computed, stands.changed)
    after, done = stands.after_id, stands.done_at is not None
    while not done:
        with db.transaction() as session:
            chunk = step(session, after)
            done = chunk is None
            if chunk is not None:
                after = chunk.after
                progress = Progress(progress.computed + chunk.done.computed, progress.changed + chunk.done.changed)
            _move(session, kind, after, progress, done)
        yield progress


def _stands(session: Session, kind: str, version: str) -> Any:
    table, now = models.runs, clock.now()
    found = session.execute(select(table).where(table.c.kind == kind)).first()
    if found is not None and found.version == version:
        return found
    session.execute(delete(table).where(table.c.kind == kind))
    fresh = dict(kind=kind, version=version, after_id=NIL, computed=0, changed=0, started_at=now, moved_at=now)
    session.execute(insert(table).values(**fresh, done_at=None))
    return session.execute(select(table).where(table.c.kind == kind)).one()


def _move(session: Session, kind: str, after: UUID, progress: Progress, done: bool) -> None:
    now = clock.now()
    moved = dict(after_id=after, **progress._asdict(), moved_at=now, done_at=now if done else None)
    session.execute(update(models.runs).where(models.runs.c.kind == kind).values(**moved))
