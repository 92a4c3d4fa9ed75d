"""A wallet's closed months, how far their closing has come, and who was told of points that end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "points_notices",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("days_before", sa.Integer(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("resident_id", "expires_on", "days_before", name=op.f("pk_points_notices")),
    )
    op.create_table(
        "wallet_closings",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("after_id", sa.Uuid(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("month", name=op.f("pk_wallet_closings")),
    )
    op.create_table(
        "wallet_statements",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("after_number", sa.Integer(), nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=False),
        sa.Column("opening_points", sa.BigInteger(), nullable=False),
        sa.Column("closing_points", sa.BigInteger(), nullable=False),
        sa.Column("by_end", DOCUMENT, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "after_number >= 0 AND last_number > after_number", name=op.f("ck_wallet_statements_has_entries")
        ),
        sa.CheckConstraint(
            "opening_points >= 0 AND closing_points >= 0", name=op.f("ck_wallet_statements_balances_not_negative")
        ),
        sa.PrimaryKeyConstraint("resident_id", "month", name=op.f("pk_wallet_statements")),
    )


def downgrade() -> None:
    op.drop_table("wallet_statements")
    op.drop_table("wallet_closings")
    op.drop_table("points_notices")
