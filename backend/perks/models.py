"""The tables of this room: what a resident redeems lies on the resident's shard."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, distributed, local


class Tombstone(Base):
    """That somebody who left has had a first-timer offer: a keyed digest of the id number, until the end of a day."""

    __tablename__ = "perks_tombstones"
    __table_args__ = (distributed("digest"),)

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    key_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("perks_offers.id"), primary_key=True)
    kept_until_on: Mapped[date] = mapped_column(index=True)


class RedemptionLimit(Base):
    """How often a resident redeemed an offer within a window."""

    __tablename__ = "perks_redemption_limits"
    __table_args__ = (CheckConstraint("used >= 0", name="used_not_negative"), distributed())

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("perks_offers.id"), primary_key=True)
    window_start_on: Mapped[date] = mapped_column(primary_key=True)
    used: Mapped[int]


class GroupHold(Base):
    """The coupon that a resident holds of a stacking group. After ``held_until`` it keeps nobody from another."""

    __tablename__ = "perks_group_holds"
    __table_args__ = (distributed(),)

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    stacking_group: Mapped[str] = mapped_column(String(40), primary_key=True)
    coupon_id: Mapped[UUID]
    held_until: Mapped[datetime]


class Redemption(Base):
    """That a resident redeemed an offer, at which price, under which version of the policy."""

    __tablename__ = "perks_redemptions"
    __table_args__ = (distributed(),)

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("perks_offers.id"))
    coupon_id: Mapped[UUID]
    offer_version: Mapped[str] = mapped_column(String(40))
    price_points: Mapped[int]
    source: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime]


class Coupon(Base):
    """What a redemption gives. ``terms`` is the offer as it was then: a later policy changes nothing of it.

    ``day_bucket``: where its place of the day of redemption came from. ``slot_starts_at``, ``slot_ends_at``: the slot
    that it was booked for; it is good from a little before the one (``valid_from``) until the other (``valid_until``).
    """

    __tablename__ = "perks_coupons"
    __table_args__ = (
        ForeignKeyConstraint(
            ["resident_id", "redemption_id"], ["perks_redemptions.resident_id", "perks_redemptions.id"]
        ),
        CheckConstraint("uses_left >= 0 AND uses_left <= uses_total", name="uses_within_total"),
        CheckConstraint("(price_points = 0) = (hold_transfer_id IS NULL)", name="price_has_transfer"),
        CheckConstraint("status IN ('issued', 'used', 'cancelled', 'expired')", name="status_known"),
        Index("ix_perks_coupons_resident_created", "resident_id", "created_at", "id"),
        Index("ix_perks_coupons_status_valid_until", "status", "valid_until"),
        distributed(),
    )

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    redemption_id: Mapped[UUID]
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("perks_offers.id"))
    status: Mapped[str] = mapped_column(String(10))
    price_points: Mapped[int]
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime]
    uses_total: Mapped[int]
    uses_left: Mapped[int]
    hold_transfer_id: Mapped[UUID | None]
    status_list_id: Mapped[int]
    status_index: Mapped[int]
    bucket: Mapped[int | None]
    window_start_on: Mapped[date | None]
    day_bucket: Mapped[int | None]
    slot_starts_at: Mapped[datetime | None]
    slot_ends_at: Mapped[datetime | None]
    terms: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]


class Extension(Base):
    """That every open coupon of an offer is to be good until a later day, and how far that has come.

    ``after_resident_id``, ``after_coupon_id``: the last coupon looked at, in the order of keys.
    """

    __tablename__ = "perks_extensions"
    __table_args__ = (
        CheckConstraint("state IN ('running', 'done')", name="state_known"),
        Index("ix_perks_extensions_offer_created", "offer_id", "created_at", "id"),
        Index("ix_perks_extensions_state", "state"),
        local(),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("perks_offers.id"))
    until_on: Mapped[date]
    reason: Mapped[str] = mapped_column(String(200))
    ordered_by: Mapped[UUID]
    state: Mapped[str] = mapped_column(String(10))
    extended: Mapped[int]
    after_resident_id: Mapped[UUID]
    after_coupon_id: Mapped[UUID]
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
