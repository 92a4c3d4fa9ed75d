"""The tables of the door.

A use of a coupon lies on the resident's shard. The uses told to offline devices lie by offer, and what a device scanned
lies by device: known exceptions to one shard.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, distributed


class Admission(Base):
    """A use of a coupon at a venue.

    ``standing`` is ``admitted``, or ``conflict`` for what a device let in offline though it should not have: that
    has no ``use_no``, moves no points and stays out of settlement until it is ``accepted`` or ``rejected``. ``undone``
    is what the same device took back within a minute: the use is the coupon's again, the points are in escrow.
    ``decided_at``: when it became undone, accepted or rejected. ``settlement_fen``: what the partner is owed for it,
    paid by the organisation that ``funding_account`` names (its slug; empty: nobody).
    """

    __tablename__ = "perks_admissions"
    __table_args__ = (
        UniqueConstraint("resident_id", "coupon_id", "use_no"),
        ForeignKeyConstraint(["resident_id", "coupon_id"], ["perks_coupons.resident_id", "perks_coupons.id"]),
        CheckConstraint("(standing = 'admitted') = (use_no IS NOT NULL)", name="admitted_has_number"),
        Index("ix_perks_admissions_partner_recorded", "partner_id", "recorded_at"),
        Index(
            "ix_perks_admissions_accepted",
            "partner_id",
            "decided_at",
            postgresql_where=text("standing = 'accepted'"),
            sqlite_where=text("standing = 'accepted'"),
        ),
        Index(
            "ix_perks_admissions_conflicts",
            "partner_id",
            "recorded_at",
            "id",
            postgresql_where=text("conflict_reason <> ''"),
            sqlite_where=text("conflict_reason <> ''"),
        ),
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
    settlement_fen: Mapped[int] = mapped_column(server_default="0")
    funding_account: Mapped[str] = mapped_column(String(60), server_default="")
    settle_transfer_id: Mapped[UUID | None]
    happened_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]


class Scan(Base):
    """What a device scanned and what it was told: admitted, refused with the reason, or a conflict found later.

    The row answers a repeat of the same key, whatever has become of the code since. The code itself is not kept.
    """

    __tablename__ = "perks_scans"
    __table_args__ = (
        Index("ix_perks_scans_device_recorded", "device_id", "recorded_at"),
        Index(
            "ix_perks_scans_device_admission",
            "device_id",
            "admission_id",
            postgresql_where=text("admission_id IS NOT NULL"),
            sqlite_where=text("admission_id IS NOT NULL"),
        ),
        distributed("device_id"),
    )

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


class ConflictClaim(Base):
    """What became of a conflict: the partner claims or waives it, the office decides what is claimed.

    ``step``: ``claimed``, ``waived``, ``accepted`` or ``rejected``. A conflict without a row is open.
    """

    __tablename__ = "perks_conflict_claims"
    __table_args__ = (
        ForeignKeyConstraint(["resident_id", "admission_id"], ["perks_admissions.resident_id", "perks_admissions.id"]),
        CheckConstraint("step IN ('claimed', 'waived', 'accepted', 'rejected')", name="step_known"),
        Index("ix_perks_conflict_claims_step", "step", "claimed_at", "admission_id"),
        Index("ix_perks_conflict_claims_admission", "admission_id"),
        distributed(),
    )

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    admission_id: Mapped[UUID] = mapped_column(primary_key=True)
    step: Mapped[str] = mapped_column(String(10))
    claim: Mapped[str] = mapped_column(String(400))
    claimed_by: Mapped[UUID]
    claimed_at: Mapped[datetime]
    decision: Mapped[str] = mapped_column(String(400))
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]


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
