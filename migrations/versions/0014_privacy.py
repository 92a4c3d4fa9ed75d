"""Departures, the marks that guard first-timer offers, and the authorisation of a look."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("access_log", sa.Column("authorisation", sa.String(length=160), nullable=True))
    op.create_table(
        "departures",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text_version", sa.String(length=40), nullable=False),
        sa.Column("deleted", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("proof_until_on", sa.Date(), nullable=False),
        sa.Column("records_until_on", sa.Date(), nullable=True),
        sa.Column("swept_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("resident_id", "id", name=op.f("pk_departures")),
    )
    op.create_index("ix_departures_left_at", "departures", ["left_at"], unique=False)
    op.create_table(
        "perks_tombstones",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("key_id", sa.String(length=20), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("kept_until_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["offer_id"], ["perks_offers.id"], name=op.f("fk_perks_tombstones_offer_id")),
        sa.PrimaryKeyConstraint("digest", "key_id", "offer_id", name=op.f("pk_perks_tombstones")),
    )
    op.create_index(op.f("ix_perks_tombstones_kept_until_on"), "perks_tombstones", ["kept_until_on"], unique=False)


def downgrade() -> None:
    op.drop_table("perks_tombstones")
    op.drop_table("departures")
    op.drop_column("access_log", "authorisation")
