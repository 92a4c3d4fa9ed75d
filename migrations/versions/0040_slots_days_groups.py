"""Places by time slot and by day, one coupon of a group at a time, and coupons that are made good for longer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

COUPONS = "perks_coupons"


def upgrade() -> None:
    op.add_column(COUPONS, sa.Column("day_bucket", sa.Integer(), nullable=True))
    op.add_column(COUPONS, sa.Column("slot_starts_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(COUPONS, sa.Column("slot_ends_at", sa.DateTime(timezone=True), nullable=True))
    _places()
    _coupons()


def _places() -> None:
    op.create_table(
        "perks_day_stock",
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("day_on", sa.Date(), nullable=False),
        sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("remaining", sa.Integer(), nullable=False),
        sa.Column("overdrawn", sa.Integer(), nullable=False),
        sa.CheckConstraint("remaining >= 0", name=op.f("ck_perks_day_stock_remaining_not_negative")),
        sa.CheckConstraint("overdrawn >= 0", name=op.f("ck_perks_day_stock_overdrawn_not_negative")),
        sa.ForeignKeyConstraint(["offer_id"], ["perks_offers.id"], name=op.f("fk_perks_day_stock_offer_id_perks_offers")),
        sa.PrimaryKeyConstraint("offer_id", "day_on", "bucket", name=op.f("pk_perks_day_stock")),
    )
    op.create_index(op.f("ix_perks_day_stock_day_on"), "perks_day_stock", ["day_on"])
    op.create_table(
        "perks_slots",
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.CheckConstraint("taken >= 0", name=op.f("ck_perks_slots_taken_not_negative")),
        sa.ForeignKeyConstraint(["offer_id"], ["perks_offers.id"], name=op.f("fk_perks_slots_offer_id_perks_offers")),
        sa.PrimaryKeyConstraint("offer_id", "starts_at", name=op.f("pk_perks_slots")),
    )
    op.create_index(op.f("ix_perks_slots_starts_at"), "perks_slots", ["starts_at"])


def _coupons() -> None:
    op.create_table(
        "perks_group_holds",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("stacking_group", sa.String(length=40), nullable=False),
        sa.Column("coupon_id", sa.Uuid(), nullable=False),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("resident_id", "stacking_group", name=op.f("pk_perks_group_holds")),
    )
    op.create_table(
        "perks_extensions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("until_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("ordered_by", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("extended", sa.Integer(), nullable=False),
        sa.Column("after_resident_id", sa.Uuid(), nullable=False),
        sa.Column("after_coupon_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('running', 'done')", name=op.f("ck_perks_extensions_state_known")),
        sa.ForeignKeyConstraint(["offer_id"], ["perks_offers.id"], name=op.f("fk_perks_extensions_offer_id_perks_offers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_perks_extensions")),
    )
    op.create_index(op.f("ix_perks_extensions_offer_created"), "perks_extensions", ["offer_id", "created_at", "id"])
    op.create_index(op.f("ix_perks_extensions_state"), "perks_extensions", ["state"])


def downgrade() -> None:
    for table in ("perks_extensions", "perks_group_holds", "perks_slots", "perks_day_stock"):
        op.drop_table(table)
    for name in ("slot_ends_at", "slot_starts_at", "day_bucket"):
        op.drop_column(COUPONS, name)
