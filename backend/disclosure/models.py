"""Approved exports. What is exported stands in the approval; here, whether it was fetched."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, local


class DisclosureRow(Base):
    """``people``: resident ids in the order asked for, null for whoever is not known, each with how it was named."""

    __tablename__ = "disclosures"
    __table_args__ = (local(),)

    approval_id: Mapped[UUID] = mapped_column(primary_key=True)
    organisation_id: Mapped[UUID]
    proposed_by: Mapped[UUID]
    people: Mapped[list[Any]]
    terms: Mapped[dict[str, Any]]
    approved_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    downloaded_at: Mapped[datetime | None]
