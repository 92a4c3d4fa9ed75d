"""That somebody left. It names nobody: the number has stopped meaning a person."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, distributed


class DepartureRow(Base):
    """``deleted``: rows that went, by table. ``proof_until_on``: the last day of what proves consent and withdrawal;
    ``records_until_on``: of records that the law orders kept, where there were any such. ``swept_at``: when it was last
    looked whether an act under way had left something behind.
    """

    __tablename__ = "departures"
    __table_args__ = (Index("ix_departures_left_at", "left_at"), distributed())

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    left_at: Mapped[datetime]
    text_version: Mapped[str] = mapped_column(String(40))
    deleted: Mapped[dict[str, Any]]
    proof_until_on: Mapped[date]
    records_until_on: Mapped[date | None]
    swept_at: Mapped[datetime | None]
