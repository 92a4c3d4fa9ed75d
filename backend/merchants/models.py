"""The merchants room's tables: a city's merchants are read far more often than written, so each node has them all."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, distributed, reference


class Merchant(Base):
    """A merchant as it is registered. The legal representative is public by law, as on the licence."""

    __tablename__ = "merchants"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'closed')", name="status_known"),
        CheckConstraint("(lat IS NULL) = (lon IS NULL)", name="lat_with_lon"),
        reference(),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    unified_social_credit_code: Mapped[str] = mapped_column(String(18), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    address: Mapped[str] = mapped_column(String(200))
    district_id: Mapped[str] = mapped_column(String(40), index=True)
    trade_id: Mapped[str] = mapped_column(String(40))
    lat: Mapped[float | None]
    lon: Mapped[float | None]
    legal_representative: Mapped[str] = mapped_column(String(60))
    licence_no: Mapped[str] = mapped_column(String(60))
    licence_valid_until_on: Mapped[date | None]
    """The last good day; None where the licence has no end."""
    public_code: Mapped[str | None] = mapped_column(String(10))
    """The printed code that is now good, if one was printed."""
    status: Mapped[str] = mapped_column(String(10))
    registered_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class PledgeText(Base):
    """One version of the pledge; never changed, so that a signature says what was signed."""

    __tablename__ = "merchant_pledge_texts"
    __table_args__ = (reference(),)

    version: Mapped[str] = mapped_column(String(40), primary_key=True)
    title: Mapped[str] = mapped_column(String(80))
    articles: Mapped[list[Any]]


class Pledge(Base):
    """That a merchant signed a version of the pledge."""

    __tablename__ = "merchant_pledges"
    __table_args__ = (distributed("merchant_id"),)

    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    version: Mapped[str] = mapped_column(ForeignKey("merchant_pledge_texts.version"), primary_key=True)
    signed_at: Mapped[datetime]


class Evaluation(Base):
    """What a merchant's grade was, and why: history. A badge works its grade out anew on the day it is read."""

    __tablename__ = "merchant_evaluations"
    __table_args__ = (
        Index("ix_merchant_evaluations_latest", "merchant_id", "evaluated_at"),
        distributed("merchant_id"),
    )

    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    grade_id: Mapped[str] = mapped_column(String(10))
    score: Mapped[int]
    reasons: Mapped[list[Any]]
    policy_version: Mapped[str] = mapped_column(String(40))
    evaluated_at: Mapped[datetime]
