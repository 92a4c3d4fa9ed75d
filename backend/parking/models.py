"""Tables of parking by plate.

What is a driver's is kept resident first. A confirmed plate is found by a keyed digest; a ticket and an answer lie by
who gave or asked for it, and name a driver only while she agrees.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, String, Table, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, distributed


class PlateRow(Base):
    """A plate that somebody registered. ``pending`` until an attendant has seen car and phone together; ``ended`` when
    another person confirmed it since."""

    __tablename__ = "parking_plates"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'confirmed', 'ended')", name="state_known"),
        CheckConstraint("state <> 'confirmed' OR confirmed_at IS NOT NULL", name="confirmed_has_time"),
        Index("ix_parking_plates_state_created", "state", "created_at"),
        distributed(),
    )

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    plate_sealed: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class PlateLookupRow(Base):
    """Whose a plate is, by its keyed digest, under every hash key. Many may have registered it, one has confirmed it;
    nobody is found by a row that is not confirmed."""

    __tablename__ = "parking_plate_lookups"
    __table_args__ = (
        Index(
            "uq_parking_plate_lookups_confirmed", "key_id", "digest", unique=True, postgresql_where=text("confirmed"),
            sqlite_where=text("confirmed"),
        ),
        Index("ix_parking_plate_lookups_resident", "resident_id"),
        distributed("digest"),
    )  # fmt: skip

    key_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    plate_id: Mapped[UUID]
    confirmed: Mapped[bool]


class OperatorRow(Base):
    """Whether an operator may ask about one plate. Only beside the general consent does it count."""

    __tablename__ = "parking_operators"
    __table_args__ = (distributed(),)

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    plate_id: Mapped[UUID] = mapped_column(primary_key=True)
    partner_id: Mapped[UUID] = mapped_column(primary_key=True)
    granted: Mapped[bool]
    text_version: Mapped[str] = mapped_column(String(40))
    changed_at: Mapped[datetime]


class QuestionRow(Base):
    """That an operator asked about a driver's plate, and whether the answer was yes."""

    __tablename__ = "parking_questions"
    __table_args__ = (
        Index("ix_parking_questions_resident_asked", "resident_id", "asked_at", "id"),
        Index("ix_parking_questions_asked_at", "asked_at"),
        distributed(),
    )

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    plate_id: Mapped[UUID]
    partner_id: Mapped[UUID]
    venue_id: Mapped[UUID]
    purpose: Mapped[str] = mapped_column(String(12))
    answered_yes: Mapped[bool]
    asked_at: Mapped[datetime]


class StayRow(Base):
    """A stay of a driver's car, as she sees it. ``venue_id``, ``ticket``: where the operator's own row stands."""

    __tablename__ = "parking_stays"
    __table_args__ = (
        CheckConstraint("state IN ('inside', 'left', 'unlinked')", name="state_known"),
        Index("ix_parking_stays_resident_entered", "resident_id", "entered_at", "id"),
        Index("ix_parking_stays_recorded_at", "recorded_at"),
        distributed(),
    )

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    plate_id: Mapped[UUID]
    partner_id: Mapped[UUID]
    venue_id: Mapped[UUID]
    ticket: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(10))
    entered_at: Mapped[datetime]
    exited_at: Mapped[datetime | None]
    fee_fen: Mapped[int | None] = mapped_column(BigInteger)
    offer_id: Mapped[UUID | None]
    admission_id: Mapped[UUID | None]
    obligation_id: Mapped[UUID | None]
    recorded_at: Mapped[datetime]


class TicketRow(Base):
    """A ticket of a car park. ``resident_id``: only while the driver agrees, and until the exit; never the plate."""

    __tablename__ = "parking_tickets"
    __table_args__ = (
        CheckConstraint("fee_fen >= 0", name="fee_not_negative"),
        CheckConstraint("(exited_at IS NULL) = (fee_fen IS NULL)", name="exit_has_fee"),
        Index("ix_parking_tickets_resident", "resident_id"),
        Index("ix_parking_tickets_recorded_at", "recorded_at"),
        distributed("venue_id"),
    )

    venue_id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket: Mapped[str] = mapped_column(String(64), primary_key=True)
    partner_id: Mapped[UUID]
    device_id: Mapped[UUID]
    stay_id: Mapped[UUID]
    resident_id: Mapped[UUID | None]
    entered_at: Mapped[datetime]
    exited_at: Mapped[datetime | None]
    fee_fen: Mapped[int | None] = mapped_column(BigInteger)
    recorded_at: Mapped[datetime]


class AnswerRow(Base):
    """What a device was answered, so that a repeat gets the same. It names no driver and no plate."""

    __tablename__ = "parking_answers"
    __table_args__ = (Index("ix_parking_answers_answered_at", "answered_at"), distributed("device_id"))

    device_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    told: Mapped[dict[str, Any]]
    answered_at: Mapped[datetime]


plates = cast(Table, PlateRow.__table__)
lookups = cast(Table, PlateLookupRow.__table__)
operators = cast(Table, OperatorRow.__table__)
questions = cast(Table, QuestionRow.__table__)
stays = cast(Table, StayRow.__table__)
tickets = cast(Table, TicketRow.__table__)
answers = cast(Table, AnswerRow.__table__)
