"""What residents owe after perks that are paid afterwards or used without a deposit."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def _where(condition: str) -> dict[str, Any]:
    return {"postgresql_where": sa.text(condition), "sqlite_where": sa.text(condition)}


def upgrade() -> None:
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "obligation_claims",
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("obligation_id", sa.Uuid(), nullable=False),
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("venue_id", sa.Uuid(), nullable=False),
        sa.Column("disputed_at", instant, nullable=True),
        sa.PrimaryKeyConstraint("partner_id", "obligation_id", name=op.f("pk_obligation_claims")),
    )
    op.create_index("ix_obligation_claims_obligation", "obligation_claims", ["obligation_id"])
    op.create_index(
        "ix_obligation_claims_disputed", "obligation_claims", ["disputed_at", "obligation_id"],
        **_where("disputed_at IS NOT NULL"),
    )
    op.create_table(
        "obligations",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("venue_id", sa.Uuid(), nullable=False),
        sa.Column("admission_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("partner_name", sa.String(length=120), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("up_to_fen", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=True),
        sa.Column("due_hours", sa.Integer(), nullable=False),
        sa.Column("remind_hours_before", _json(), nullable=False),
        sa.Column("used_at", instant, nullable=False),
        sa.Column("opened_at", instant, nullable=False),
        sa.Column("charge_until_at", instant, nullable=False),
        sa.Column("charged_at", instant, nullable=True),
        sa.Column("due_at", instant, nullable=True),
        sa.Column("paid_at", instant, nullable=True),
        sa.Column("closed_at", instant, nullable=True),
        sa.Column("charge_reason_sealed", sa.Text(), nullable=True),
        sa.Column("disputed_at", instant, nullable=True),
        sa.Column("dispute_sealed", sa.Text(), nullable=True),
        sa.Column("decision", sa.String(length=10), nullable=True),
        sa.Column("decision_reason_sealed", sa.Text(), nullable=True),
        sa.Column("decided_at", instant, nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("next_at", instant, nullable=True),
        sa.CheckConstraint("kind IN ('pay_after', 'deposit_free')", name=op.f("ck_obligations_kind_known")),
        sa.CheckConstraint(
            "state IN ('open', 'charged', 'disputed', 'settled', 'cured', 'released', 'withdrawn')",
            name=op.f("ck_obligations_state_known"),
        ),
        sa.CheckConstraint("up_to_fen > 0 AND due_hours > 0", name=op.f("ck_obligations_limits_positive")),
        sa.CheckConstraint(
            "amount_fen > 0 AND amount_fen <= up_to_fen", name=op.f("ck_obligations_amount_within_limit")
        ),
        sa.CheckConstraint("(amount_fen IS NULL) = (due_at IS NULL)", name=op.f("ck_obligations_amount_has_due")),
        sa.CheckConstraint(
            "amount_fen IS NOT NULL OR state IN ('open', 'released', 'withdrawn')",
            name=op.f("ck_obligations_state_has_amount"),
        ),
        sa.CheckConstraint(
            "(closed_at IS NULL) = (state IN ('open', 'charged', 'disputed'))",
            name=op.f("ck_obligations_end_has_time"),
        ),
        sa.ForeignKeyConstraint(["partner_id"], ["organisations.id"], name=op.f("fk_obligations_partner_id")),
        sa.PrimaryKeyConstraint("resident_id", "id", name=op.f("pk_obligations")),
        sa.UniqueConstraint("resident_id", "admission_id", name=op.f("uq_obligations_resident_id_admission_id")),
    )
    op.create_index("ix_obligations_resident_opened", "obligations", ["resident_id", "opened_at", "id"])
    op.create_index(
        "ix_obligations_resident_due", "obligations", ["resident_id", "due_at"], **_where("state = 'charged'")
    )
    op.create_index("ix_obligations_partner_opened", "obligations", ["partner_id", "opened_at", "id"])
    op.create_index(
        "ix_obligations_partner_live", "obligations", ["partner_id", "opened_at", "id"], **_where("closed_at IS NULL")
    )
    op.create_index("ix_obligations_next_at", "obligations", ["next_at"], **_where("next_at IS NOT NULL"))
    op.create_index("ix_obligations_closed_at", "obligations", ["closed_at"], **_where("closed_at IS NOT NULL"))


def _json() -> Any:
    from sqlalchemy.dialects import postgresql

    return sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def downgrade() -> None:
    op.drop_table("obligations")
    op.drop_table("obligation_claims")
