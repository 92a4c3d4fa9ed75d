"""Tables of statements: what was announced to whom, and which months of a wallet are closed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, distributed, local


class NoticeRow(Base):
    """That a resident was told, by the rule of so many days before, of points that end on a day."""

    __tablename__ = "points_notices"
    __table_args__ = (distributed(),)

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    expires_on: Mapped[date] = mapped_column(primary_key=True)
    days_before: Mapped[int] = mapped_column(primary_key=True)
    points: Mapped[int] = mapped_column(BigInteger)
    told_at: Mapped[datetime]


class StatementRow(Base):
    """A closed month of a wallet: its entries are those numbered above ``after_number`` up to ``last_number``.

    ``by_end``: how the closing balance was made up, ``[[last good day or null, points], …]``.
    """

    __tablename__ = "wallet_statements"
    __table_args__ = (
        CheckConstraint("after_number >= 0 AND last_number > after_number", name="has_entries"),
        CheckConstraint("opening_points >= 0 AND closing_points >= 0", name="balances_not_negative"),
        distributed(),
    )

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    after_number: Mapped[int]
    last_number: Mapped[int]
    opening_points: Mapped[int] = mapped_column(BigInteger)
    closing_points: Mapped[int] = mapped_column(BigInteger)
    by_end: Mapped[list[Any]]
    made_at: Mapped[datetime]


class ClosingRow(Base):
    """How far the closing of a month has come: every wallet up to the key ``after_id`` is done."""

    __tablename__ = "wallet_closings"
    __table_args__ = (local(),)

    month: Mapped[date] = mapped_column(primary_key=True)
    after_id: Mapped[UUID]
    done_at: Mapped[datetime | None]
