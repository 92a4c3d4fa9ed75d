"""The tables of this room. What a resident waits for, missed and is paused for lies on the resident's shard.

The order of a slot's queue and the places kept for it are counted by offer, as the slot's own places are: a known
exception to one shard.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, distributed


def _where(condition: str) -> dict[str, Any]:
    return {"postgresql_where": text(condition), "sqlite_where": text(condition)}


class WaitingRow(Base):
    """Somebody waits for a place of a slot. ``price_points``: what she agreed to pay when her turn comes.

    ``skipped_at``: when she was first told that her turn came and she could not have it. Whose slot has come without a
    place is still ``waiting`` here; readers say that it is over.
    """

    __tablename__ = "booking_waiting"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'promoted', 'left')", name="state_known"),
        CheckConstraint("(state = 'waiting') = (ended_at IS NULL)", name="end_has_time"),
        CheckConstraint("(state = 'promoted') = (coupon_id IS NOT NULL)", name="promoted_has_coupon"),
        CheckConstraint("price_points >= 0", name="price_not_negative"),
        Index(
            "uq_booking_waiting_live", "resident_id", "offer_id", "starts_at", unique=True,
            **_where("state = 'waiting'"),
        ),
        Index("ix_booking_waiting_resident_joined", "resident_id", "joined_at", "id"),
        Index("ix_booking_waiting_starts_at", "starts_at"),
        distributed(),
    )  # fmt: skip

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("perks_offers.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    price_points: Mapped[int]
    state: Mapped[str] = mapped_column(String(10))
    coupon_id: Mapped[UUID | None]
    joined_at: Mapped[datetime]
    skipped_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class QueueRow(Base):
    """A place in the queue of a slot: first come, first served."""

    __tablename__ = "booking_queue"
    __table_args__ = (Index("ix_booking_queue_starts_at", "starts_at"), distributed("offer_id"))

    offer_id: Mapped[UUID] = mapped_column(ForeignKey("perks_offers.id"), primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    joined_at: Mapped[datetime] = mapped_column(primary_key=True)
    waiting_id: Mapped[UUID] = mapped_column(primary_key=True)
    resident_id: Mapped[UUID]


class KeptPlaces(Base):
    """How many places of a slot, given back, are kept for its queue. The shelf counts them as taken."""

    __tablename__ = "booking_kept_places"
    __table_args__ = (
        CheckConstraint("kept >= 0", name="kept_not_negative"),
        Index("ix_booking_kept_places_starts_at", "starts_at"),
        distributed("offer_id"),
    )

    offer_id: Mapped[UUID] = mapped_column(ForeignKey("perks_offers.id"), primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    kept: Mapped[int]


class PauseRow(Base):
    """How somebody stands in a scene because of slots that she missed. Whoever counts strikes locks it first.

    ``needed``, ``within_days``: the rule by which the pause began. ``lifted_by``: the officer who ended the last one.
    """

    __tablename__ = "booking_pauses"
    __table_args__ = (
        CheckConstraint("(paused_from IS NULL) = (paused_until IS NULL)", name="pause_has_both_ends"),
        Index("ix_booking_pauses_id", "id"),
        Index("ix_booking_pauses_until", "paused_until", "id", **_where("paused_until IS NOT NULL")),
        distributed(),
    )

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    scene_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    id: Mapped[UUID]
    needed: Mapped[int]
    within_days: Mapped[int]
    paused_from: Mapped[datetime | None]
    paused_until: Mapped[datetime | None]
    lifted_by: Mapped[UUID | None]


class StrikeRow(Base):
    """A slot that somebody had booked and did not come to. It counts until ``ends_at`` and is deleted then."""

    __tablename__ = "booking_strikes"
    __table_args__ = (
        ForeignKeyConstraint(["resident_id", "scene_id"], ["booking_pauses.resident_id", "booking_pauses.scene_id"]),
        Index("ix_booking_strikes_ends_at", "ends_at"),
        distributed(),
    )

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    coupon_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID]
    scene_id: Mapped[str] = mapped_column(String(40))
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("perks_offers.id"))
    title: Mapped[str] = mapped_column(String(120))
    missed_at: Mapped[datetime]
    ends_at: Mapped[datetime]
