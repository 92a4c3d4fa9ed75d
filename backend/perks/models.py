"""The tables of this room.

Offers, venues and their pairing are small and read everywhere (reference). What a resident redeems lies on the
resident's shard. An offer's stock and the uses told to offline devices lie by offer; what a device scanned lies by
device: the known exceptions to one shard.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, distributed, reference


class Offer(Base):
    """One offer as the policy ``version`` writes it. ``id`` is made of the slug, so that it outlives versions."""

    __tablename__ = "perks_offers"
    __table_args__ = (
        CheckConstraint("price_points >= 0", name="price_not_negative"),
        CheckConstraint("stock_total >= 0", name="stock_not_negative"),
        Index("ix_perks_offers_status_position", "status", "position"),
        reference(),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    version: Mapped[str] = mapped_column(String(40))
    scene_id: Mapped[str] = mapped_column(String(20))
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    title: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(20))
    price_points: Mapped[int]
    level_floor: Mapped[str] = mapped_column(String(20))
    stock_total: Mapped[int]
    terms: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(String(10))
    position: Mapped[int]
    updated_at: Mapped[datetime]


class Venue(Base):
    __tablename__ = "perks_venues"
    __table_args__ = (reference(),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    name: Mapped[str] = mapped_column(String(120))
    address: Mapped[str] = mapped_column(String(200))
    lat: Mapped[float] = mapped_column(Float(53))
    lon: Mapped[float] = mapped_column(Float(53))
    status: Mapped[str] = mapped_column(String(10))


class OfferVenue(Base):
    """Where an offer is admitted."""

    __tablename__ = "perks_offer_venues"
    __table_args__ = (reference(),)

    offer_id: Mapped[UUID] = mapped_column(ForeignKey("perks_offers.id"), primary_key=True)
    venue_id: Mapped[UUID] = mapped_column(ForeignKey("perks_venues.id"), primary_key=True, index=True)


class Tombstone(Base):
    """That somebody who left has had a first-timer offer: a keyed digest of the id number, until the end of a day."""

    __tablename__ = "perks_tombstones"
    __table_args__ = (distributed("digest"),)

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    key_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("perks_offers.id"), primary_key=True)
    kept_until_on: Mapped[date] = mapped_column(index=True)


class OfferStock(Base):
    """A share of an offer's stock. No rows: unlimited.

    ``overdrawn`` counts what was already redeemed beyond a total that the city lowered afterwards: that many
    cancellations are swallowed before a place is given back.
    """

    __tablename__ = "perks_offer_stock"
    __table_args__ = (
        CheckConstraint("remaining >= 0", name="remaining_not_negative"),
        CheckConstraint("overdrawn >= 0", name="overdrawn_not_negative"),
        distributed("offer_id"),
    )

    offer_id: Mapped[UUID] = mapped_column(ForeignKey("perks_offers.id"), primary_key=True)
    bucket: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    total: Mapped[int]
    remaining: Mapped[int]
    overdrawn: Mapped[int]


class RedemptionLimit(Base):
    """How often a resident redeemed an offer within a window."""

    __tablename__ = "perks_redemption_limits"
    __table_args__ = (CheckConstraint("used >= 0", name="used_not_negative"), distributed())

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("perks_offers.id"), primary_key=True)
    window_start_on: Mapped[date] = mapped_column(primary_key=True)
    used: Mapped[int]


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
    """What a redemption gives. ``terms`` is the offer as it was then: a later policy changes nothing of it."""

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
    terms: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]


class Admission(Base):
    """A use of a coupon at a venue.

    ``standing`` is ``admitted``, or ``conflict`` for what a device let in offline though it should not have: that
    has no ``use_no``, moves no points and stays out of settlement until somebody decides.
    """

    __tablename__ = "perks_admissions"
    __table_args__ = (
        UniqueConstraint("resident_id", "coupon_id", "use_no"),
        ForeignKeyConstraint(["resident_id", "coupon_id"], ["perks_coupons.resident_id", "perks_coupons.id"]),
        CheckConstraint("(standing = 'admitted') = (use_no IS NOT NULL)", name="admitted_has_number"),
        Index("ix_perks_admissions_partner_recorded", "partner_id", "recorded_at"),
        distributed(),
    )

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    coupon_id: Mapped[UUID]
    use_no: Mapped[int | None]
    standing: Mapped[str] = mapped_column(String(10))
    conflict_reason: Mapped[str] = mapped_column(String(40))
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("perks_offers.id"))
    partner_id: Mapped[UUID]
    venue_id: Mapped[UUID] = mapped_column(ForeignKey("perks_venues.id"))
    device_id: Mapped[UUID]
    source: Mapped[str] = mapped_column(String(10))
    settled_points: Mapped[int]
    settle_transfer_id: Mapped[UUID | None]
    happened_at: Mapped[datetime]
    recorded_at: Mapped[datetime]


class Scan(Base):
    """What a device scanned and what it was told: admitted, refused with the reason, or a conflict found later.

    The row answers a repeat of the same key, whatever has become of the code since. The code itself is not kept.
    """

    __tablename__ = "perks_scans"
    __table_args__ = (Index("ix_perks_scans_device_recorded", "device_id", "recorded_at"), distributed("device_id"))

    device_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    venue_id: Mapped[UUID]
    verdict: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(40))
    members: Mapped[dict[str, Any]]
    offer_id: Mapped[UUID | None]
    resident_id: Mapped[UUID | None]
    coupon_id: Mapped[UUID | None]
    admission_id: Mapped[UUID | None]
    uses_left: Mapped[int | None]
    source: Mapped[str] = mapped_column(String(10))
    happened_at: Mapped[datetime]
    recorded_at: Mapped[datetime]


class UsedUse(Base):
    """How many uses of a coupon are gone, for the packs of devices that judge offline. Keyed by what a code shows."""

    __tablename__ = "perks_used_uses"
    __table_args__ = (Index("ix_perks_used_uses_offer_drop", "offer_id", "drop_after"), distributed("offer_id"))

    offer_id: Mapped[UUID] = mapped_column(ForeignKey("perks_offers.id"), primary_key=True)
    status_list_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    status_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    used: Mapped[int]
    last_used_at: Mapped[datetime]
    drop_after: Mapped[datetime]
