"""What staff did: an append-only trail, written in the act's own transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import String, insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from backend.kit import clock
from backend.kit.db import Base, local
from backend.kit.ids import new_id


class TrailRow(Base):
    __tablename__ = "trail"
    __table_args__ = (local(),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    actor_id: Mapped[UUID] = mapped_column(index=True)
    role: Mapped[str] = mapped_column(String(40))
    action: Mapped[str] = mapped_column(String(80))
    subject_kind: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[str] = mapped_column(String(80))
    detail: Mapped[dict[str, Any]]
    at: Mapped[datetime] = mapped_column(index=True)


def note(
    session: Session,
    actor_id: UUID,
    role: str,
    action: str,
    subject_kind: str,
    subject_id: object,
    detail: dict[str, Any] | None = None,
) -> None:
    """Record one act. ``detail`` holds ids and figures, never names, id numbers or phones."""
    session.execute(
        insert(TrailRow).values(
            id=new_id(), actor_id=actor_id, role=role, action=action, subject_kind=subject_kind,
            subject_id=str(subject_id), detail=detail or {}, at=clock.now(),
        )
    )  # fmt: skip
