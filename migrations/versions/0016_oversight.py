"""Looks and acts sealed in batches. Their indexes are built beside everybody's work, in 0018."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("access_log", sa.Column("sealed_in", sa.Integer(), nullable=True))
    op.add_column("trail", sa.Column("sealed_in", sa.Integer(), nullable=True))
    op.create_index("ix_ledger_budgets_month", "ledger_budgets", ["month"], unique=False)
    op.create_table(
        "oversight_seals",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("signature", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_oversight_seals")),
    )
    op.create_table(
        "oversight_leaves",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("table_name", sa.String(length=40), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", "table_name", name=op.f("pk_oversight_leaves")),
    )


def downgrade() -> None:
    op.drop_table("oversight_leaves")
    op.drop_table("oversight_seals")
    op.drop_index("ix_ledger_budgets_month", table_name="ledger_budgets")
    op.drop_column("trail", "sealed_in")
    op.drop_column("access_log", "sealed_in")
