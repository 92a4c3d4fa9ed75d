"""Closed days of the ledger, their totals and their signed roots; what a wallet has counted towards its limits."""

from __future__ import annotations

from contextlib import nullcontext

import sqlalchemy as sa
from alembic import op

from backend.kit.db import JsonDoc, UtcDateTime

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


INDEX = "ix_ledger_transfers_created_at"
BESIDE_OLD_CODE = {
    "drop_index": "Only the remains of a build of this same index that was cut; the version before knows no such index.",
}


def upgrade() -> None:
    """The index comes first: what is built CONCURRENTLY stands by itself, and is built anew when the rest failed."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    with op.get_context().autocommit_block() if postgresql else nullcontext():
        op.drop_index(INDEX, "ledger_transfers", if_exists=True, postgresql_concurrently=True)
        op.create_index(INDEX, "ledger_transfers", ["created_at"], postgresql_concurrently=True)
    op.add_column("ledger_wallets", sa.Column("counted", JsonDoc, nullable=True))
    op.create_table(
        "ledger_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.Column("transfers", sa.Integer(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_ledger_days")),
    )
    op.create_index("ix_ledger_days_ends_at", "ledger_days", ["ends_at"], unique=False)
    op.create_table(
        "ledger_day_totals",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("debit_points", sa.BigInteger(), nullable=False),
        sa.Column("credit_points", sa.BigInteger(), nullable=False),
        sa.Column("transfers", sa.Integer(), nullable=False),
        sa.Column("balance_points", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "day", name=op.f("pk_ledger_day_totals")),
    )
    op.create_table(
        "proofs_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("salt", sa.LargeBinary(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("statement", sa.Text(), nullable=True),
        sa.Column("signature", sa.String(length=100), nullable=True),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_proofs_days")),
        sa.UniqueConstraint("number", name=op.f("uq_proofs_days_number")),
    )
    op.create_table(
        "proofs_leaves",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("last_id", sa.Uuid(), nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("day", "part", name=op.f("pk_proofs_leaves")),
    )


def downgrade() -> None:
    op.drop_index(INDEX, table_name="ledger_transfers")
    op.drop_table("proofs_leaves")
    op.drop_table("proofs_days")
    op.drop_table("ledger_day_totals")
    op.drop_index("ix_ledger_days_ends_at", table_name="ledger_days")
    op.drop_table("ledger_days")
    op.drop_column("ledger_wallets", "counted")
