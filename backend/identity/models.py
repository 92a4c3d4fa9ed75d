"""Tables of what proves an identity."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, local


class CounterCodeRow(Base):
    """A code that staff gave to a person whose card they had in their hands."""

    __tablename__ = "counter_codes"
    __table_args__ = (local(),)

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    identity_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    issued_by: Mapped[UUID]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class DirectoryRow(Base):
    """The stand-in for the real-name authority: digests of who exists, for demonstrations and tests alone."""

    __tablename__ = "realname_directory"
    __table_args__ = (local(),)

    key_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    id_number_digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    name_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    phone_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
