"""Tables of drafts and of what they would do. A draft is never changed: another text is another draft."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, Table
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, local, reference


class DraftRow(Base):
    """``digest``: of the content. ``base_version``: in force when it came. ``approval_id``: the newest proposal."""

    __tablename__ = "score_drafts"
    __table_args__ = (
        CheckConstraint("state IN ('faulty', 'checked')", name="state_known"),
        Index("ix_score_drafts_newest", "created_at", "id"),
        reference(),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(String(40))
    effective_on: Mapped[date | None]
    content: Mapped[dict[str, Any]]
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)
    base_version: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(10))
    problems: Mapped[list[Any]]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]
    approval_id: Mapped[UUID | None]


class SimulationRow(Base):
    """A draft tried on everybody who consents, chunk by chunk. Nothing in it tells whose numbers were counted.

    ``known_versions``: what was published when it began. ``after_id``: the last key done, while it runs. ``lease``:
    which worker is at it, until when; a worker that lost its lease writes nothing any more.
    """

    __tablename__ = "score_simulations"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'running', 'done', 'failed')", name="state_known"),
        Index("ix_score_simulations_draft_newest", "draft_id", "created_at"),
        Index("ix_score_simulations_state_lease_until", "state", "lease_until"),
        local(),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    draft_id: Mapped[UUID] = mapped_column(ForeignKey("score_drafts.id"))
    base_version: Mapped[str] = mapped_column(String(40))
    known_versions: Mapped[list[Any]]
    as_of_on: Mapped[date]
    state: Mapped[str] = mapped_column(String(10))
    failure: Mapped[str] = mapped_column(String(40))
    tries: Mapped[int]
    residents_total: Mapped[int]
    residents_done: Mapped[int]
    after_id: Mapped[UUID]
    tally: Mapped[dict[str, Any]]
    lease: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    moved_at: Mapped[datetime]
    done_at: Mapped[datetime | None]


drafts = cast(Table, DraftRow.__table__)
simulations = cast(Table, SimulationRow.__table__)
