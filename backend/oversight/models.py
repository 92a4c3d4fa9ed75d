"""The seals. Both tables are insert-only, and the leaves of a batch go when its rows have lawfully gone."""

from __future__ import annotations

from sqlalchemy import LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, local


class SealRow(Base):
    """One seal of the chain. ``statement``: exactly the text that was signed (see ``rules``)."""

    __tablename__ = "oversight_seals"
    __table_args__ = (local(),)

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    statement: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(String(100))


class LeavesRow(Base):
    """Which rows of one table a batch holds: key and digest of each, in the order of the keys, packed."""

    __tablename__ = "oversight_leaves"
    __table_args__ = (local(),)

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    table_name: Mapped[str] = mapped_column(String(40), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
