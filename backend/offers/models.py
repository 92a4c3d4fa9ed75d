"""The tables of what is on offer.

Offers, venues and their pairing are small and read everywhere (reference). An offer's stock, also that of a day or
a slot, lies by offer: a known exception to one shard.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Float,
    ForeignKey,
    Index,
    String,
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


class DayStock(Base):
    """A share of what an offer has on one Shanghai day. Made when the first place of the day is asked for."""

    __tablename__ = "perks_day_stock"
    __table_args__ = (
        CheckConstraint("remaining >= 0", name="remaining_not_negative"),
        CheckConstraint("overdrawn >= 0", name="overdrawn_not_negative"),
        Index("ix_perks_day_stock_day_on", "day_on"),
        distributed("offer_id"),
    )

    offer_id: Mapped[UUID] = mapped_column(ForeignKey("perks_offers.id"), primary_key=True)
    day_on: Mapped[date] = mapped_column(primary_key=True)
    bucket: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    total: Mapped[int]
    remaining: Mapped[int]
    overdrawn: Mapped[int]


class SlotCount(Base):
    """How many places of a slot are taken. How many there are is the offer's to say."""

    __tablename__ = "perks_slots"
    __table_args__ = (
        CheckConstraint("taken >= 0", name="taken_not_negative"),
        Index("ix_perks_slots_starts_at", "starts_at"),
        distributed("offer_id"),
    )

    offer_id: Mapped[UUID] = mapped_column(ForeignKey("perks_offers.id"), primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    taken: Mapped[int]
