"""What becomes of uploads by themselves: worked off beside everything else, deleted after thirty days."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import select, update

from backend.batches import uploads, work
from backend.batches.models import batches, quarantined
from backend.kit import clock, db, jobs

KEPT = timedelta(days=30)
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
        orphans = uploads.sweep_orphans(session)
    return f"{forgotten} uploads forgotten, {orphans} orphaned pieces removed"


def _forget_some(session: db.Session) -> int:
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
