"""Accounts of points, transfers, lots, allocations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ledger_accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.CheckConstraint("(kind = 'mint') = (owner_id IS NULL)", name=op.f("ck_ledger_accounts_owner_unless_mint")),
        sa.CheckConstraint(
            "kind IN ('mint', 'budget', 'escrow', 'partner', 'loss', 'expired')",
            name=op.f("ck_ledger_accounts_kind_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_accounts")),
    )
    op.create_table(
        "ledger_budgets",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("granted_points", sa.BigInteger(), nullable=False),
        sa.Column("spent_points", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("spent_points <= granted_points", name=op.f("ck_ledger_budgets_not_overdrawn")),
        sa.CheckConstraint("spent_points >= 0", name=op.f("ck_ledger_budgets_spent_not_negative")),
        sa.PrimaryKeyConstraint("organisation_id", "month", name=op.f("pk_ledger_budgets")),
    )
    op.create_table(
        "ledger_transfers",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("entry_number", sa.Integer(), nullable=True),
        sa.Column("debit_account_id", sa.Uuid(), nullable=False),
        sa.Column("credit_account_id", sa.Uuid(), nullable=False),
        sa.Column("amount_points", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("counterparty", sa.String(length=120), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("event_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reverses_id", sa.Uuid(), nullable=True),
        sa.Column("hold_id", sa.Uuid(), nullable=True),
        sa.Column("budget_month", sa.Date(), nullable=True),
        sa.Column("wallet_balance_after_points", sa.BigInteger(), nullable=True),
        sa.Column("ordered_by", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.CheckConstraint(
            "(budget_month IS NOT NULL) = (kind IN ('grant', 'award')) OR (kind = 'reversal')",
            name=op.f("ck_ledger_transfers_month_named"),
        ),
        sa.CheckConstraint(
            "(hold_id IS NOT NULL) = (kind IN ('release', 'settlement')) OR (kind = 'reversal')",
            name=op.f("ck_ledger_transfers_hold_named"),
        ),
        sa.CheckConstraint(
            "(reverses_id IS NOT NULL) = (kind IN ('reversal', 'shortfall', 'recovery'))",
            name=op.f("ck_ledger_transfers_corrected_named"),
        ),
        sa.CheckConstraint(
            "kind IN ('grant', 'award', 'hold', 'release', 'settlement', 'expiry', 'reversal', 'shortfall', 'recovery')",
            name=op.f("ck_ledger_transfers_kind_known"),
        ),
        sa.CheckConstraint(
            "(entry_number IS NULL) = (wallet_balance_after_points IS NULL)",
            name=op.f("ck_ledger_transfers_balance_stated"),
        ),
        sa.CheckConstraint("amount_points > 0", name=op.f("ck_ledger_transfers_amount_positive")),
        sa.CheckConstraint("debit_account_id <> credit_account_id", name=op.f("ck_ledger_transfers_two_accounts")),
        sa.PrimaryKeyConstraint("resident_id", "id", name=op.f("pk_ledger_transfers")),
        sa.UniqueConstraint("resident_id", "entry_number", name=op.f("uq_ledger_transfers_resident_id_entry_number")),
    )
    op.create_index(
        "ix_ledger_transfers_corrects",
        "ledger_transfers",
        ["resident_id", "reverses_id"],
        unique=False,
        postgresql_where=sa.text("reverses_id IS NOT NULL"),
        sqlite_where=sa.text("reverses_id IS NOT NULL"),
    )
    op.create_index(
        "ix_ledger_transfers_hold",
        "ledger_transfers",
        ["resident_id", "hold_id"],
        unique=False,
        postgresql_where=sa.text("hold_id IS NOT NULL"),
        sqlite_where=sa.text("hold_id IS NOT NULL"),
    )
    op.create_index(
        "uq_ledger_transfers_reversed_once",
        "ledger_transfers",
        ["resident_id", "reverses_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'reversal'"),
        sqlite_where=sa.text("kind = 'reversal'"),
    )
    op.create_table(
        "ledger_wallets",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("balance_points", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.CheckConstraint("balance_points >= 0", name=op.f("ck_ledger_wallets_balance_not_negative")),
        sa.PrimaryKeyConstraint("resident_id", name=op.f("pk_ledger_wallets")),
    )
    op.create_table(
        "ledger_lots",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("issuer_id", sa.Uuid(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("remaining_points", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("remaining_points >= 0", name=op.f("ck_ledger_lots_remaining_not_negative")),
        sa.ForeignKeyConstraint(
            ["resident_id"], ["ledger_wallets.resident_id"], name=op.f("fk_ledger_lots_resident_id")
        ),
        sa.PrimaryKeyConstraint("resident_id", "id", name=op.f("pk_ledger_lots")),
        sa.UniqueConstraint(
            "resident_id", "issuer_id", "expires_on", name=op.f("uq_ledger_lots_resident_id_issuer_id_expires_on")
        ),
    )
    op.create_index(
        "ix_ledger_lots_open",
        "ledger_lots",
        ["resident_id", "expires_on"],
        unique=False,
        postgresql_where=sa.text("remaining_points > 0"),
        sqlite_where=sa.text("remaining_points > 0"),
    )
    op.create_table(
        "ledger_allocations",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("lot_id", sa.Uuid(), nullable=False),
        sa.Column("delta_points", sa.Integer(), nullable=False),
        sa.CheckConstraint("delta_points <> 0", name=op.f("ck_ledger_allocations_delta_not_zero")),
        sa.ForeignKeyConstraint(
            ["resident_id", "lot_id"],
            ["ledger_lots.resident_id", "ledger_lots.id"],
            name=op.f("fk_ledger_allocations_resident_id_lot_id"),
        ),
        sa.ForeignKeyConstraint(
            ["resident_id", "transfer_id"],
            ["ledger_transfers.resident_id", "ledger_transfers.id"],
            name=op.f("fk_ledger_allocations_resident_id_transfer_id"),
        ),
        sa.PrimaryKeyConstraint("resident_id", "transfer_id", "lot_id", name=op.f("pk_ledger_allocations")),
    )


def downgrade() -> None:
    op.drop_table("ledger_allocations")
    op.drop_table("ledger_lots")
    op.drop_table("ledger_wallets")
    op.drop_table("ledger_transfers")
    op.drop_table("ledger_budgets")
    op.drop_table("ledger_accounts")
