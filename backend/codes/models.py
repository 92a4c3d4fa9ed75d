"""Keys, statuses and printed codes as they are stored."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, distributed, reference


class CodeKey(Base):
    """A signing key. It is published from its creation, signs from ``active_from`` until ``retires_at``, and is
    published on until ``verifies_until``, when the last code it signed has expired.

    ``secret_sealed`` (the private key) is erased once the key has retired; ``pointer_sealed`` opens the pointers in
    its codes for as long as they are read. A withdrawn key verifies nothing.
    """

    __tablename__ = "code_keys"
    __table_args__ = (
        CheckConstraint("(retires_at IS NULL) = (verifies_until IS NULL)", name="retires_and_ends"),
        reference(),
    )

    kid: Mapped[str] = mapped_column(String(8), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(16))
    issuer: Mapped[str] = mapped_column(String(12))
    public_jwk: Mapped[dict[str, Any]]
    secret_sealed: Mapped[str | None] = mapped_column(Text)
    pointer_sealed: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    active_from: Mapped[datetime]
    retires_at: Mapped[datetime | None]
    verifies_until: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]


class StatusList(Base):
    """One published list of bits. Lists are opened one after another, when the one before has become crowded."""

    __tablename__ = "code_status_lists"
    __table_args__ = (CheckConstraint("size_bits > 0 AND size_bits % 8 = 0", name="whole_bytes"), reference())

    list_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    size_bits: Mapped[int]
    opened_at: Mapped[datetime]


class Status(Base):
    """A place in a list that belongs to a living code. Free again some days after ``expires_at``."""

    __tablename__ = "code_statuses"
    __table_args__ = (Index("ix_code_statuses_expires_at", "expires_at"), distributed("list_id"))

    list_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    status_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    expires_at: Mapped[datetime]


class Revocation(Base):
    """A bit that is set. Kept apart from ``Status`` because publishing a list reads these rows alone."""

    __tablename__ = "code_revocations"
    __table_args__ = (distributed("list_id"),)

    list_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    status_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    revoked_at: Mapped[datetime]


class PrintedCode(Base):
    """A code on paper. It is never reused and never deleted: a page under it says what became of it."""

    __tablename__ = "printed_codes"
    __table_args__ = (
        CheckConstraint("(revoked_at IS NULL) = (reason = '')", name="revoked_with_reason"),
        Index("ix_printed_codes_subject", "kind", "subject_id"),
        distributed("code"),
    )

    code: Mapped[str] = mapped_column(String(10), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    subject_id: Mapped[UUID]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(String(200))
