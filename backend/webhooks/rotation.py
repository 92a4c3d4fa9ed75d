"""Webhooks' secrets under the master key of today."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from backend.kit import rotation
from backend.kit.rotation import Progress
from backend.webhooks import secrets


def rewrap_secrets(session: Session, after: UUID | None, limit: int) -> Progress:
    """Seal the secrets anew, some at a time."""
    seen, changed = secrets.reseal(session, after, limit)
    return Progress(seen[-1] if len(seen) == limit else None, len(seen), changed)


def register() -> None:
    """Tell the kit what this room keeps under the master key."""
    columns = ("webhook_secrets.secret_sealed",)
    rotation.rewraps("webhooks.secrets", rotation.Pass("回调签名密钥", columns, rewrap_secrets))
