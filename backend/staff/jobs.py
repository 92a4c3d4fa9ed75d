"""Daily: forget links, secrets and sign-ins that nobody finished."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import delete

from backend.kit import clock, db, jobs
from backend.staff.models import InvitationRow, OidcFlowRow, PendingSecretRow

KEPT_DAYS = 90
"""How long a link that was used, revoked or left lying is kept, so that its story can be told."""


def forget_old(_day: date) -> str:
    """Delete what can no longer be used."""
    now = clock.now()
    statements = (
        delete(PendingSecretRow).where(PendingSecretRow.expires_at < now),
        delete(OidcFlowRow).where(OidcFlowRow.expires_at < now),
        delete(InvitationRow).where(InvitationRow.expires_at < now - timedelta(days=KEPT_DAYS)),
    )
    for statement in statements:
        with db.transaction() as session:
            session.execute(statement)
    return "done"


JOBS = (jobs.Job("staff.forget-old", "清理过期的邀请链接和未完成的登录", forget_old),)
