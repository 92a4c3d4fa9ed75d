"""The tables of settlement.

A statement is one of few rows (reference). Its lines, and what is disputed of them, lie by partner. The row and lines
of a closed statement are never written again: who writes holds the row's lock and has seen that it is not closed.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import cast
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Table, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, distributed, reference


class StatementRow(Base):
    """A partner's month. ``lines_through_at`` and ``_id``: how far its lines are written while it is being prepared."""

    __tablename__ = "settlement_statements"
    __table_args__ = (
        UniqueConstraint("partner_id", "month"),
        CheckConstraint("state IN ('preparing', 'proposed', 'agreed', 'closed')", name="state_known"),
        CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed_has_instant"),
        CheckConstraint("(state = 'closed') = (digest <> '')", name="closed_has_digest"),
        CheckConstraint("open_disputes >= 0", name="disputes_not_negative"),
        CheckConstraint("state <> 'closed' OR open_disputes = 0", name="closed_without_disputes"),
        Index("ix_settlement_statements_month", "month"),
        reference(),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    month: Mapped[date]
    state: Mapped[str] = mapped_column(String(10))
    lines: Mapped[int]
    total_fen: Mapped[int] = mapped_column(BigInteger)
    total_points: Mapped[int] = mapped_column(BigInteger)
    open_disputes: Mapped[int]
    review_until_on: Mapped[date]
    lines_through_at: Mapped[datetime | None]
    lines_through_id: Mapped[UUID | None]
    prepared_at: Mapped[datetime | None]
    agreed_at: Mapped[datetime | None]
    agreed_by: Mapped[UUID | None]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[UUID | None]
    digest: Mapped[str] = mapped_column(String(64))


class LineRow(Base):
    """One admission in a statement, or (``kind`` correction) what takes back one of a month that was closed.

    ``price_fen`` is what the offer promised; ``due_fen`` what is owed after disputes and corrections.
    """

    __tablename__ = "settlement_lines"
    __table_args__ = (
        UniqueConstraint("partner_id", "admission_id", "kind"),
        CheckConstraint("kind IN ('admission', 'correction')", name="kind_known"),
        Index("ix_settlement_lines_transfer", "partner_id", "transfer_id"),
        distributed("partner_id"),
    )

    partner_id: Mapped[UUID] = mapped_column(primary_key=True)
    statement_id: Mapped[UUID] = mapped_column(ForeignKey("settlement_statements.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(10))
    resident_id: Mapped[UUID]
    admission_id: Mapped[UUID]
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("perks_offers.id"))
    venue_id: Mapped[UUID] = mapped_column(ForeignKey("perks_venues.id"))
    device_id: Mapped[UUID]
    source: Mapped[str] = mapped_column(String(10))
    happened_at: Mapped[datetime]
    counted_at: Mapped[datetime]
    points: Mapped[int]
    transfer_id: Mapped[UUID | None]
    funding_account: Mapped[str] = mapped_column(String(60))
    price_fen: Mapped[int]
    due_fen: Mapped[int]
    note: Mapped[str] = mapped_column(String(200))


class CorrectionRow(Base):
    """What has to be taken back of a closed month and waits for the partner's next statement."""

    __tablename__ = "settlement_corrections"
    __table_args__ = (distributed("partner_id"),)

    partner_id: Mapped[UUID] = mapped_column(primary_key=True)
    admission_id: Mapped[UUID] = mapped_column(primary_key=True)
    statement_id: Mapped[UUID] = mapped_column(ForeignKey("settlement_statements.id"))
    line_number: Mapped[int]
    noted_at: Mapped[datetime]
    placed_in: Mapped[UUID | None] = mapped_column(ForeignKey("settlement_statements.id"))


class DisputeRow(Base):
    """That the partner does not agree with a line, and how the office decided."""

    __tablename__ = "settlement_disputes"
    __table_args__ = (
        UniqueConstraint("partner_id", "statement_id", "line_number"),
        CheckConstraint("state IN ('open', 'upheld', 'rejected')", name="state_known"),
        CheckConstraint("(state = 'open') = (decided_at IS NULL)", name="decided_has_instant"),
        distributed("partner_id"),
    )

    partner_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    statement_id: Mapped[UUID] = mapped_column(ForeignKey("settlement_statements.id"))
    line_number: Mapped[int]
    state: Mapped[str] = mapped_column(String(10))
    text: Mapped[str] = mapped_column(String(500))
    wanted_fen: Mapped[int]
    raised_by: Mapped[UUID]
    raised_at: Mapped[datetime]
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(String(500))


statements = cast(Table, StatementRow.__table__)
lines = cast(Table, LineRow.__table__)
corrections = cast(Table, CorrectionRow.__table__)
disputes = cast(Table, DisputeRow.__table__)
