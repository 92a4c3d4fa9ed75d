"""What becomes of uploads by themselves: worked off beside everything else, deleted after thirty days."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.batches import uploads, work
from backend.batches.models import batches, quarantined
from backend.kit import clock, db, jobs

KEPT, UNDECIDED = timedelta(days=30), timedelta(days=90)
OVERDUE = "九十天没有裁定，退回报送单位"
FORGOTTEN_AT_ONCE = 20


def forget_uploads(day: date) -> str:
    """Delete the contents of uploads that were done thirty days ago, and their keys once no row of theirs waits."""
    del day
    forgotten = 0
    while True:
        with db.transaction() as session:
            count = _forget_some(session)
        forgotten += count
        if count < FORGOTTEN_AT_ONCE:
            break
    with db.transaction() as session:
        orphans, overdue = uploads.sweep_orphans(session), _give_up_undecided(session)
    return f"{forgotten} uploads forgotten, {orphans} orphaned pieces removed, {overdue} rows given back undecided"


def _give_up_undecided(session: Session) -> int:
    """Rows that nobody has decided about are refused: nothing about a person waits without an end."""
    old = (quarantined.c.decision.is_(None), quarantined.c.created_at < clock.now() - UNDECIDED)
    told: dict[str, Any] = dict(decision="rejected", decision_reason=OVERDUE, decided_at=clock.now(), content=None)
    statement = update(quarantined).where(*old).values(**told).returning(quarantined.c.batch_id)
    found = Counter(session.execute(statement).scalars())
    for batch_id, rows in sorted(found.items()):
        counts = {
            "rows_quarantined": batches.c.rows_quarantined - rows,
            "rows_rejected": batches.c.rows_rejected + rows,
        }
        session.execute(update(batches).where(batches.c.id == batch_id).values(**counts))
    return found.total()


def _forget_some(session: Session) -> int:
    waits = select(quarantined.c.batch_id).where(
        quarantined.c.batch_id == batches.c.id, quarantined.c.decision.is_(None)
    )
    old = (
        batches.c.status.in_(("done", "failed", "withdrawn")), batches.c.received_at < clock.now() - KEPT,
        batches.c.data_key_sealed.is_not(None), ~waits.exists(),
    )  # fmt: skip
    query = select(batches.c.id).where(*old).order_by(batches.c.received_at).limit(FORGOTTEN_AT_ONCE)
    found = session.execute(query).scalars().all()
    for batch_id in found:
        uploads.forget(session, batch_id)
        session.execute(update(batches).where(batches.c.id == batch_id).values(data_key_sealed=None))
    return len(found)


def register() -> None:
    """Register the work and the daily job."""
    jobs.beside(jobs.Labour("batches", work.work_once))
    jobs.register(jobs.Job("batches.forget", "删除到期的上传文件", forget_uploads))
