"""Time slots: who waits for a place, the places kept for them, and what comes of not coming. It only adds tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def _where(condition: str) -> dict[str, Any]:
    return {"postgresql_where": sa.text(condition), "sqlite_where": sa.text(condition)}


def upgrade() -> None:
    _waiting()
    _queue()
    _not_coming()


def _waiting() -> None:
    op.create_table(
        "booking_waiting",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("price_points", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("coupon_id", sa.Uuid(), nullable=True),
        sa.Column("joined_at", INSTANT, nullable=False),
        sa.Column("skipped_at", INSTANT, nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'promoted', 'left')", name=op.f("ck_booking_waiting_state_known")
        ),
        sa.CheckConstraint("(state = 'waiting') = (ended_at IS NULL)", name=op.f("ck_booking_waiting_end_has_time")),
        sa.CheckConstraint(
            "(state = 'promoted') = (coupon_id IS NOT NULL)", name=op.f("ck_booking_waiting_promoted_has_coupon")
        ),
        sa.CheckConstraint("price_points >= 0", name=op.f("ck_booking_waiting_price_not_negative")),
        sa.ForeignKeyConstraint(["offer_id"], ["perks_offers.id"], name=op.f("fk_booking_waiting_offer_id")),
        sa.PrimaryKeyConstraint("resident_id", "id", name=op.f("pk_booking_waiting")),
    )
    op.create_index(
        "uq_booking_waiting_live", "booking_waiting", ["resident_id", "offer_id", "starts_at"], unique=True,
        **_where("state = 'waiting'"),
    )
    op.create_index("ix_booking_waiting_resident_joined", "booking_waiting", ["resident_id", "joined_at", "id"])
    op.create_index("ix_booking_waiting_starts_at", "booking_waiting", ["starts_at"])


def _queue() -> None:
    op.create_table(
        "booking_queue",
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("joined_at", INSTANT, nullable=False),
        sa.Column("waiting_id", sa.Uuid(), nullable=False),
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["offer_id"], ["perks_offers.id"], name=op.f("fk_booking_queue_offer_id")),
        sa.PrimaryKeyConstraint("offer_id", "starts_at", "joined_at", "waiting_id", name=op.f("pk_booking_queue")),
    )
    op.create_index("ix_booking_queue_starts_at", "booking_queue", ["starts_at"])
    op.create_table(
        "booking_kept_places",
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.CheckConstraint("kept >= 0", name=op.f("ck_booking_kept_places_kept_not_negative")),
        sa.ForeignKeyConstraint(["offer_id"], ["perks_offers.id"], name=op.f("fk_booking_kept_places_offer_id")),
        sa.PrimaryKeyConstraint("offer_id", "starts_at", name=op.f("pk_booking_kept_places")),
    )
    op.create_index("ix_booking_kept_places_starts_at", "booking_kept_places", ["starts_at"])


def _not_coming() -> None:
    op.create_table(
        "booking_pauses",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("scene_id", sa.String(length=40), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("needed", sa.Integer(), nullable=False),
        sa.Column("within_days", sa.Integer(), nullable=False),
        sa.Column("paused_from", INSTANT, nullable=True),
        sa.Column("paused_until", INSTANT, nullable=True),
        sa.Column("lifted_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(paused_from IS NULL) = (paused_until IS NULL)", name=op.f("ck_booking_pauses_pause_has_both_ends")
        ),
        sa.PrimaryKeyConstraint("resident_id", "scene_id", name=op.f("pk_booking_pauses")),
    )
    op.create_index("ix_booking_pauses_id", "booking_pauses", ["id"])
    op.create_index(
        "ix_booking_pauses_until", "booking_pauses", ["paused_until", "id"], **_where("paused_until IS NOT NULL")
    )
    op.create_table(
        "booking_strikes",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("coupon_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("scene_id", sa.String(length=40), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("missed_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["resident_id", "scene_id"], ["booking_pauses.resident_id", "booking_pauses.scene_id"],
            name=op.f("fk_booking_strikes_resident_id_scene_id"),
        ),
        sa.ForeignKeyConstraint(["offer_id"], ["perks_offers.id"], name=op.f("fk_booking_strikes_offer_id")),
        sa.PrimaryKeyConstraint("resident_id", "coupon_id", name=op.f("pk_booking_strikes")),
    )
    op.create_index("ix_booking_strikes_ends_at", "booking_strikes", ["ends_at"])


def downgrade() -> None:
    for name in ("booking_strikes", "booking_pauses", "booking_kept_places", "booking_queue", "booking_waiting"):
        op.drop_table(name)
