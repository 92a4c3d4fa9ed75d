"""The signed days and the hashes of their leaves. Both tables are insert-only, but for the day's own signing."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, local


class ProofDayRow(Base):
    """A closed day. ``salt`` blinds its leaves and is never published; ``number``, ``statement`` (exactly the text that
    was signed, see ``rules``) and ``signature`` come when all its leaves are there.
    """

    __tablename__ = "proofs_days"
    __table_args__ = (UniqueConstraint("number"), local())

    day: Mapped[date] = mapped_column(primary_key=True)
    salt: Mapped[bytes] = mapped_column(LargeBinary(32))
    number: Mapped[int | None]
    statement: Mapped[str | None] = mapped_column(Text)
    signature: Mapped[str | None] = mapped_column(String(100))


class LeavesPartRow(Base):
    """The hashes of up to 1,024 leaves of a day, in the order of (``created_at``, id), packed, and the root over them.

    ``last_at``, ``last_id``: the last transfer of the part. Every part but a day's last is full, so that the roots of
    the parts are nodes of the day's tree.
    """

    __tablename__ = "proofs_leaves"
    __table_args__ = (local(),)

    day: Mapped[date] = mapped_column(primary_key=True)
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_at: Mapped[datetime]
    last_id: Mapped[UUID]
    root: Mapped[bytes] = mapped_column(LargeBinary(32))
    content: Mapped[bytes] = mapped_column(LargeBinary)
