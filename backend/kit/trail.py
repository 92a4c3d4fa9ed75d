"""What staff did: an append-only trail, written in the act's own transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import Index, String, Table, insert, select, tuple_
from sqlalchemy.orm import Mapped, Session, mapped_column

from backend.kit import clock
from backend.kit.db import Base, Reader, local
from backend.kit.evidence import Evidence
from backend.kit.ids import new_id


class TrailRow(Base):
    """One act. ``sealed_in``: the batch that sealed the row; nothing else of it ever changes."""

    __tablename__ = "trail"
    __table_args__ = (Index("ix_trail_sealed_in_at_id", "sealed_in", "at", "id"), local())

    id: Mapped[UUID] = mapped_column(primary_key=True)
    actor_id: Mapped[UUID] = mapped_column(index=True)
    role: Mapped[str] = mapped_column(String(40))
    action: Mapped[str] = mapped_column(String(80))
    subject_kind: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[str] = mapped_column(String(80))
    detail: Mapped[dict[str, Any]]
    at: Mapped[datetime] = mapped_column(index=True)
    sealed_in: Mapped[int | None]


EVIDENCE = Evidence(cast(Table, TrailRow.__table__), ("id",))


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


@dataclass(frozen=True)
class Act:
    """One act as it was noted. ``batch``: the number of the seal that covers it, None until then."""

    id: UUID
    at: datetime
    actor_id: UUID
    role: str
    action: str
    subject_kind: str
    subject_id: str
    detail: dict[str, Any]
    batch: int | None


class Times(NamedTuple):
    """From when (included) until when (not)."""

    from_at: datetime | None = None
    until_at: datetime | None = None


def acts(
    reader: Reader, where: Mapping[str, Any], times: Times, limit: int, before: tuple[datetime, UUID] | None = None
) -> list[Act]:
    """Up to ``limit`` acts, the newest first, those before a position. ``where``: columns and the values they have."""
    table = TrailRow.__table__
    found = select(table).where(*(table.c[name] == value for name, value in where.items()))
    if times.from_at is not None:
        found = found.where(table.c.at >= times.from_at)
    if times.until_at is not None:
        found = found.where(table.c.at < times.until_at)
    if before is not None:
        found = found.where(tuple_(table.c.at, table.c.id) < before)
    rows = reader.execute(found.order_by(table.c.at.desc(), table.c.id.desc()).limit(limit))
    return [
        Act(
            row.id, row.at, row.actor_id, row.role, row.action, row.subject_kind, row.subject_id, row.detail,
            row.sealed_in,
        )
        for row in rows
    ]  # fmt: skip
