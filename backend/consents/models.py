"""Tables of consents and of who looked at whom. All of it belongs to the resident."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, distributed


class ConsentRow(Base):
    """Where a consent stands. ``text_version``: of the text that was agreed to, or withdrawn from, last."""

    __tablename__ = "consents"
    __table_args__ = (distributed(),)

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(String(40), primary_key=True)
    granted: Mapped[bool]
    text_version: Mapped[str] = mapped_column(String(40))
    changed_at: Mapped[datetime]


class ConsentEventRow(Base):
    """Every giving and withdrawing, never changed: what the programme must be able to prove.

    ``given_by``: the guardian who decided; None where the person did.
    """

    __tablename__ = "consent_events"
    __table_args__ = (distributed(),)

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(String(40))
    granted: Mapped[bool]
    text_version: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime]
    given_by: Mapped[UUID | None]


class AccessLogRow(Base):
    """Who looked at a person's data, when, at what, why, and on what ground (征信业管理条例第二十二条).

    ``authorisation``: the consent, case, document or delegation by its id or number; ``basis`` says it in words.
    ``sealed_in``: the batch that sealed the row; nothing else of it ever changes.
    """

    __tablename__ = "access_log"
    __table_args__ = (
        Index("ix_access_log_resident_id_at", "resident_id", "at"),
        Index("ix_access_log_actor_id_at", "actor_id", "at"),
        Index("ix_access_log_organisation_id_at", "organisation_id", "at"),
        Index("ix_access_log_sealed_in_at_resident_id_id", "sealed_in", "at", "resident_id", "id"),
        distributed(),
    )

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor_id: Mapped[UUID]
    role: Mapped[str] = mapped_column(String(40))
    organisation_id: Mapped[UUID | None]
    purpose: Mapped[str] = mapped_column(String(120))
    fields: Mapped[list[Any]]
    basis: Mapped[str] = mapped_column(String(300))
    authorisation: Mapped[str | None] = mapped_column(String(160))
    sealed_in: Mapped[int | None]
