"""Offers, stock, redemptions, coupons, admissions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "perks_scans",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("venue_id", sa.Uuid(), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("members", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=True),
        sa.Column("resident_id", sa.Uuid(), nullable=True),
        sa.Column("coupon_id", sa.Uuid(), nullable=True),
        sa.Column("admission_id", sa.Uuid(), nullable=True),
        sa.Column("uses_left", sa.Integer(), nullable=True),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "id", name=op.f("pk_perks_scans")),
    )
    op.create_index("ix_perks_scans_device_recorded", "perks_scans", ["device_id", "recorded_at"], unique=False)
    op.create_table(
        "perks_offers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(length=60), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("scene_id", sa.String(length=20), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("price_points", sa.Integer(), nullable=False),
        sa.Column("level_floor", sa.String(length=20), nullable=False),
        sa.Column("stock_total", sa.Integer(), nullable=False),
        sa.Column("terms", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("price_points >= 0", name=op.f("ck_perks_offers_price_not_negative")),
        sa.CheckConstraint("stock_total >= 0", name=op.f("ck_perks_offers_stock_not_negative")),
        sa.ForeignKeyConstraint(["partner_id"], ["organisations.id"], name=op.f("fk_perks_offers_partner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_perks_offers")),
        sa.UniqueConstraint("slug", name=op.f("uq_perks_offers_slug")),
    )
    op.create_index("ix_perks_offers_status_position", "perks_offers", ["status", "position"], unique=False)
    op.create_table(
        "perks_venues",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(length=60), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=False),
        sa.Column("lat", sa.Float(precision=53), nullable=False),
        sa.Column("lon", sa.Float(precision=53), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(["partner_id"], ["organisations.id"], name=op.f("fk_perks_venues_partner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_perks_venues")),
        sa.UniqueConstraint("slug", name=op.f("uq_perks_venues_slug")),
    )
    op.create_table(
        "perks_offer_stock",
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("remaining", sa.Integer(), nullable=False),
        sa.Column("overdrawn", sa.Integer(), nullable=False),
        sa.CheckConstraint("overdrawn >= 0", name=op.f("ck_perks_offer_stock_overdrawn_not_negative")),
        sa.CheckConstraint("remaining >= 0", name=op.f("ck_perks_offer_stock_remaining_not_negative")),
        sa.ForeignKeyConstraint(["offer_id"], ["perks_offers.id"], name=op.f("fk_perks_offer_stock_offer_id")),
        sa.PrimaryKeyConstraint("offer_id", "bucket", name=op.f("pk_perks_offer_stock")),
    )
    op.create_table(
        "perks_offer_venues",
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("venue_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["offer_id"], ["perks_offers.id"], name=op.f("fk_perks_offer_venues_offer_id")),
        sa.ForeignKeyConstraint(["venue_id"], ["perks_venues.id"], name=op.f("fk_perks_offer_venues_venue_id")),
        sa.PrimaryKeyConstraint("offer_id", "venue_id", name=op.f("pk_perks_offer_venues")),
    )
    op.create_index(op.f("ix_perks_offer_venues_venue_id"), "perks_offer_venues", ["venue_id"], unique=False)
    op.create_table(
        "perks_redemption_limits",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("window_start_on", sa.Date(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.CheckConstraint("used >= 0", name=op.f("ck_perks_redemption_limits_used_not_negative")),
        sa.ForeignKeyConstraint(["offer_id"], ["perks_offers.id"], name=op.f("fk_perks_redemption_limits_offer_id")),
        sa.PrimaryKeyConstraint("resident_id", "offer_id", "window_start_on", name=op.f("pk_perks_redemption_limits")),
    )
    op.create_table(
        "perks_redemptions",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("coupon_id", sa.Uuid(), nullable=False),
        sa.Column("offer_version", sa.String(length=40), nullable=False),
        sa.Column("price_points", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["offer_id"], ["perks_offers.id"], name=op.f("fk_perks_redemptions_offer_id")),
        sa.PrimaryKeyConstraint("resident_id", "id", name=op.f("pk_perks_redemptions")),
    )
    op.create_table(
        "perks_used_uses",
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("status_list_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("status_index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("drop_after", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["offer_id"], ["perks_offers.id"], name=op.f("fk_perks_used_uses_offer_id")),
        sa.PrimaryKeyConstraint("offer_id", "status_list_id", "status_index", name=op.f("pk_perks_used_uses")),
    )
    op.create_index("ix_perks_used_uses_offer_drop", "perks_used_uses", ["offer_id", "drop_after"], unique=False)
    op.create_table(
        "perks_coupons",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("redemption_id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("price_points", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uses_total", sa.Integer(), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.Column("hold_transfer_id", sa.Uuid(), nullable=True),
        sa.Column("status_list_id", sa.Integer(), nullable=False),
        sa.Column("status_index", sa.Integer(), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=True),
        sa.Column("window_start_on", sa.Date(), nullable=True),
        sa.Column("terms", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('issued', 'used', 'cancelled', 'expired')", name=op.f("ck_perks_coupons_status_known")
        ),
        sa.CheckConstraint(
            "(price_points = 0) = (hold_transfer_id IS NULL)", name=op.f("ck_perks_coupons_price_has_transfer")
        ),
        sa.CheckConstraint(
            "uses_left >= 0 AND uses_left <= uses_total", name=op.f("ck_perks_coupons_uses_within_total")
        ),
        sa.ForeignKeyConstraint(["offer_id"], ["perks_offers.id"], name=op.f("fk_perks_coupons_offer_id")),
        sa.ForeignKeyConstraint(
            ["resident_id", "redemption_id"],
            ["perks_redemptions.resident_id", "perks_redemptions.id"],
            name=op.f("fk_perks_coupons_resident_id_redemption_id"),
        ),
        sa.PrimaryKeyConstraint("resident_id", "id", name=op.f("pk_perks_coupons")),
    )
    op.create_index(
        "ix_perks_coupons_resident_created", "perks_coupons", ["resident_id", "created_at", "id"], unique=False
    )
    op.create_index("ix_perks_coupons_status_valid_until", "perks_coupons", ["status", "valid_until"], unique=False)
    op.create_table(
        "perks_admissions",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("coupon_id", sa.Uuid(), nullable=False),
        sa.Column("use_no", sa.Integer(), nullable=True),
        sa.Column("standing", sa.String(length=10), nullable=False),
        sa.Column("conflict_reason", sa.String(length=40), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("venue_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("settled_points", sa.Integer(), nullable=False),
        sa.Column("settle_transfer_id", sa.Uuid(), nullable=True),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(standing = 'admitted') = (use_no IS NOT NULL)", name=op.f("ck_perks_admissions_admitted_has_number")
        ),
        sa.ForeignKeyConstraint(["offer_id"], ["perks_offers.id"], name=op.f("fk_perks_admissions_offer_id")),
        sa.ForeignKeyConstraint(
            ["resident_id", "coupon_id"],
            ["perks_coupons.resident_id", "perks_coupons.id"],
            name=op.f("fk_perks_admissions_resident_id_coupon_id"),
        ),
        sa.ForeignKeyConstraint(["venue_id"], ["perks_venues.id"], name=op.f("fk_perks_admissions_venue_id")),
        sa.PrimaryKeyConstraint("resident_id", "id", name=op.f("pk_perks_admissions")),
        sa.UniqueConstraint(
            "resident_id", "coupon_id", "use_no", name=op.f("uq_perks_admissions_resident_id_coupon_id_use_no")
        ),
    )
    op.create_index(
        "ix_perks_admissions_partner_recorded", "perks_admissions", ["partner_id", "recorded_at"], unique=False
    )


def downgrade() -> None:
    op.drop_table("perks_admissions")
    op.drop_table("perks_coupons")
    op.drop_table("perks_used_uses")
    op.drop_table("perks_redemptions")
    op.drop_table("perks_redemption_limits")
    op.drop_table("perks_offer_venues")
    op.drop_table("perks_offer_stock")
    op.drop_table("perks_venues")
    op.drop_table("perks_offers")
    op.drop_table("perks_scans")
