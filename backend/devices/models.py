"""Enrolment codes, by digest."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, local


class EnrolmentCodeRow(Base):
    """Who let which venue enrol one device, until when, and which device came of it."""

    __tablename__ = "device_enrolment_codes"
    __table_args__ = (
        CheckConstraint("(used_at IS NULL) = (device_id IS NULL)", name="device_named"),
        local(),
    )

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    organisation_id: Mapped[UUID]
    venue_id: Mapped[UUID]
    label: Mapped[str] = mapped_column(String(80))
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
    device_id: Mapped[UUID | None]
