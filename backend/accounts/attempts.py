"""How often something that can be guessed was tried.

An attempt is counted *before* it is judged, in a transaction of its own at the edge: so a refusal cannot roll the
count back, and many guesses at once cannot slip past the limit. A success takes the count away.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import case, delete, select, update
from sqlalchemy.orm import Session

from backend.accounts.errors import TooManyAttempts
from backend.accounts.models import AttemptRow
from backend.accounts.rules import Limit
from backend.kit import clock, db, seal
from backend.kit.db import Reader


def _subject(kind: str, subject: str) -> bytes:
    return seal.digest(f"attempt:{kind}", subject)[1]


def count(session: Session, kind: str, subject: str, limit: Limit) -> None:
    """Count one attempt on ``subject``. Raises TooManyAttempts, and counts no further, once ``limit`` is reached."""
    now = clock.now()
    fresh = AttemptRow.window_ends_at <= now
    values = dict(kind=kind, subject=_subject(kind, subject), tries=1, window_ends_at=now + limit.window)
    statement = db.insert(session, AttemptRow).values(**values)
    statement = statement.on_conflict_do_update(
        index_elements=["kind", "subject"],
        set_={
            "tries": case((fresh, 1), else_=AttemptRow.tries + 1),
            "window_ends_at": case((fresh, statement.excluded.window_ends_at), else_=AttemptRow.window_ends_at),
        },
    ).returning(AttemptRow.tries, AttemptRow.window_ends_at)
    row = session.execute(statement).one()
    if row.tries > limit.most:
        refusal = TooManyAttempts(retry_at=row.window_ends_at.isoformat().replace("+00:00", "Z"))
        left = row.window_ends_at - now + timedelta(seconds=1)
        refusal.headers["Retry-After"] = str(max(1, int(left.total_seconds())))
        raise refusal


def give_back(session: Session, kind: str, subject: str) -> None:
    """Take one attempt off the count: it was no guess (another's system failed, or a true code came twice)."""
    session.execute(
        update(AttemptRow)
        .where(AttemptRow.kind == kind, AttemptRow.subject == _subject(kind, subject), AttemptRow.tries > 0)
        .values(tries=AttemptRow.tries - 1)
    )


def clear(session: Session, kind: str, subject: str) -> None:
    """Forget the attempts on ``subject``: one has succeeded."""
    session.execute(delete(AttemptRow).where(AttemptRow.kind == kind, AttemptRow.subject == _subject(kind, subject)))


def remember(session: Session, kind: str, subject: str, days: int) -> None:
    """Remember for ``days`` from now that ``subject`` succeeded once, by the same keyed digest and nothing more."""
    values = dict(
        kind=kind, subject=_subject(kind, subject), tries=0, window_ends_at=clock.now() + timedelta(days=days)
    )
    statement = db.insert(session, AttemptRow).values(**values)
    ends = {"window_ends_at": statement.excluded.window_ends_at}
    session.execute(statement.on_conflict_do_update(index_elements=["kind", "subject"], set_=ends))


def is_remembered(reader: Reader, kind: str, subject: str) -> bool:
    """Whether ``remember`` still holds."""
    this = (AttemptRow.kind == kind, AttemptRow.subject == _subject(kind, subject))
    return (
        reader.execute(select(AttemptRow.kind).where(*this, AttemptRow.window_ends_at > clock.now())).first()
        is not None
    )
