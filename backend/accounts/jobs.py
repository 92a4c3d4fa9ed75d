"""Daily: forget what can no longer be used."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import delete, update

from backend.accounts.models import AttemptRow, DeviceNonceRow, RefreshTokenRow, SessionRow
from backend.kit import clock, db, jobs

KEPT_DAYS = 90
"""How long a session that ended is kept, so that a misuse can still be looked into."""


def forget_ended(_day: date) -> str:
    """Delete old sessions with their refresh tokens, used nonces and attempts whose time is over."""
    now = clock.now()
    old = SessionRow.expires_at < now - timedelta(days=KEPT_DAYS)
    statements = (
        delete(DeviceNonceRow).where(DeviceNonceRow.expires_at < now),
        delete(AttemptRow).where(AttemptRow.window_ends_at < now),
        delete(RefreshTokenRow).where(
            RefreshTokenRow.used_at.is_not(None), RefreshTokenRow.used_at < now - timedelta(days=KEPT_DAYS)
        ),
        delete(SessionRow).where(old),
        update(SessionRow).where(SessionRow.expires_at < now, SessionRow.agent.is_not(None)).values(agent=None),
    )
    for statement in statements:
        with db.transaction() as session:
            session.execute(statement)
    return "done"


def register() -> None:
    jobs.register(jobs.Job("accounts.forget-ended", "清理已结束的会话和一次性凭证", forget_ended))
