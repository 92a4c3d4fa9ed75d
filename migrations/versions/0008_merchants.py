"""Merchants, pledges, evaluations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "merchant_pledge_texts",
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("articles", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_merchant_pledge_texts")),
    )
    op.create_table(
        "merchants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unified_social_credit_code", sa.String(length=18), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=False),
        sa.Column("district_id", sa.String(length=40), nullable=False),
        sa.Column("trade_id", sa.String(length=40), nullable=False),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("legal_representative", sa.String(length=60), nullable=False),
        sa.Column("licence_no", sa.String(length=60), nullable=False),
        sa.Column("licence_valid_until_on", sa.Date(), nullable=True),
        sa.Column("public_code", sa.String(length=10), nullable=True),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("status IN ('active', 'closed')", name=op.f("ck_merchants_status_known")),
        sa.CheckConstraint("(lat IS NULL) = (lon IS NULL)", name=op.f("ck_merchants_lat_with_lon")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merchants")),
        sa.UniqueConstraint("unified_social_credit_code", name=op.f("uq_merchants_unified_social_credit_code")),
    )
    op.create_index(op.f("ix_merchants_district_id"), "merchants", ["district_id"], unique=False)
    op.create_table(
        "merchant_evaluations",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("grade_id", sa.String(length=10), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("policy_version", sa.String(length=40), nullable=False),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_merchant_evaluations_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_merchant_evaluations")),
    )
    op.create_index(
        "ix_merchant_evaluations_latest", "merchant_evaluations", ["merchant_id", "evaluated_at"], unique=False
    )
    op.create_table(
        "merchant_pledges",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_merchant_pledges_merchant_id")),
        sa.ForeignKeyConstraint(
            ["version"], ["merchant_pledge_texts.version"], name=op.f("fk_merchant_pledges_version")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "version", name=op.f("pk_merchant_pledges")),
    )


def downgrade() -> None:
    op.drop_table("merchant_pledges")
    op.drop_table("merchant_evaluations")
    op.drop_table("merchants")
    op.drop_table("merchant_pledge_texts")
