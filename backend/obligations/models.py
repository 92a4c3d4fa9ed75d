"""Tables of obligations.

What a resident owes is kept resident first. Who has to find it by its own id (the partner, the office) looks up whose
it is among the partner's claims, which say nothing else.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Table, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, distributed


def _where(condition: str) -> dict[str, Any]:
    return {"postgresql_where": text(condition), "sqlite_where": text(condition)}


class ObligationRow(Base):
    """One obligation. ``state``: as written; time does the rest (``rules.state_at``).

    ``subject_id``: what was used, mostly a coupon. ``charge_until_at``: when an open one lapses; ``due_at``: when a
    charged one is late. ``next_at``: when something is next to be told. Words are sealed with the resident's key
    and go with her.
    """

    __tablename__ = "obligations"
    __table_args__ = (
        UniqueConstraint("resident_id", "admission_id"),
        CheckConstraint("kind IN ('pay_after', 'deposit_free')", name="kind_known"),
        CheckConstraint(
            "state IN ('open', 'charged', 'disputed', 'settled', 'cured', 'released', 'withdrawn')", name="state_known"
        ),
        CheckConstraint("up_to_fen > 0 AND due_hours > 0", name="limits_positive"),
        CheckConstraint("amount_fen > 0 AND amount_fen <= up_to_fen", name="amount_within_limit"),
        CheckConstraint("(amount_fen IS NULL) = (due_at IS NULL)", name="amount_has_due"),
        CheckConstraint(
            "amount_fen IS NOT NULL OR state IN ('open', 'released', 'withdrawn')", name="state_has_amount"
        ),
        CheckConstraint("(closed_at IS NULL) = (state IN ('open', 'charged', 'disputed'))", name="end_has_time"),
        Index("ix_obligations_resident_opened", "resident_id", "opened_at", "id"),
        Index("ix_obligations_resident_due", "resident_id", "due_at", **_where("state = 'charged'")),
        Index("ix_obligations_partner_opened", "partner_id", "opened_at", "id"),
        Index("ix_obligations_partner_live", "partner_id", "opened_at", "id", **_where("closed_at IS NULL")),
        Index("ix_obligations_next_at", "next_at", **_where("next_at IS NOT NULL")),
        Index("ix_obligations_closed_at", "closed_at", **_where("closed_at IS NOT NULL")),
        distributed(),
    )

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    venue_id: Mapped[UUID]
    admission_id: Mapped[UUID]
    subject_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(120))
    partner_name: Mapped[str] = mapped_column(String(120))
    state: Mapped[str] = mapped_column(String(10))
    up_to_fen: Mapped[int] = mapped_column(BigInteger)
    amount_fen: Mapped[int | None] = mapped_column(BigInteger)
    due_hours: Mapped[int]
    remind_hours_before: Mapped[list[Any]]
    used_at: Mapped[datetime]
    opened_at: Mapped[datetime]
    charge_until_at: Mapped[datetime]
    charged_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    charge_reason_sealed: Mapped[str | None] = mapped_column(Text)
    disputed_at: Mapped[datetime | None]
    dispute_sealed: Mapped[str | None] = mapped_column(Text)
    decision: Mapped[str | None] = mapped_column(String(10))
    decision_reason_sealed: Mapped[str | None] = mapped_column(Text)
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None]
    next_at: Mapped[datetime | None]


class ClaimRow(Base):
    """Whose an obligation is, for the partner who knows its id. ``disputed_at``: since when a dispute waits."""

    __tablename__ = "obligation_claims"
    __table_args__ = (
        Index("ix_obligation_claims_obligation", "obligation_id"),
        Index("ix_obligation_claims_disputed", "disputed_at", "obligation_id", **_where("disputed_at IS NOT NULL")),
        distributed("partner_id"),
    )

    partner_id: Mapped[UUID] = mapped_column(primary_key=True)
    obligation_id: Mapped[UUID] = mapped_column(primary_key=True)
    resident_id: Mapped[UUID]
    venue_id: Mapped[UUID]
    disputed_at: Mapped[datetime | None]


obligations = cast(Table, ObligationRow.__table__)
claims = cast(Table, ClaimRow.__table__)
