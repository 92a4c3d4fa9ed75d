"""The table of proposals. A proposal is never changed, only closed."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, local


class ApprovalRow(Base):
    """``digest`` covers kind, subject, reason, payload, summary and changes as they were proposed."""

    __tablename__ = "approvals"
    __table_args__ = (
        CheckConstraint("state IN ('proposed', 'approved', 'rejected', 'withdrawn')", name="state_known"),
        CheckConstraint("(state IN ('approved', 'rejected')) = (decided_by IS NOT NULL)", name="decider_named"),
        CheckConstraint("decided_by IS NULL OR decided_by <> proposed_by", name="two_accounts"),
        Index("ix_approvals_state_proposed_at", "state", "proposed_at"),
        local(),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    subject_kind: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(String(500))
    payload: Mapped[dict[str, Any]]
    summary: Mapped[list[Any]]
    changes: Mapped[list[Any]]
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    state: Mapped[str] = mapped_column(String(10))
    proposed_by: Mapped[UUID] = mapped_column(index=True)
    proposed_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    decided_by: Mapped[UUID | None]
    decision_reason: Mapped[str] = mapped_column(String(500))
    result: Mapped[dict[str, Any]]
    closed_at: Mapped[datetime | None]
