"""Tables of who acts for whom. A delegation belongs to the person acted for; the other side finds it by a look-up."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, distributed


class DelegationRow(Base):
    """``actor_id``: the guardian's resident id, or the helping clerk's account. ``ended_by``: whose word ended it."""

    __tablename__ = "delegations"
    __table_args__ = (
        CheckConstraint("kind IN ('guardian', 'ward', 'helper')", name="kind_known"),
        CheckConstraint("starts_at < ends_at", name="has_a_length"),
        distributed(),
    )

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    actor_id: Mapped[UUID]
    basis: Mapped[str] = mapped_column(String(120))
    document_no_sealed: Mapped[str | None] = mapped_column(Text)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    registered_by: Mapped[UUID]
    organisation_id: Mapped[UUID | None]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str] = mapped_column(String(12))


class DelegationActorRow(Base):
    """From whoever acts to the person acted for."""

    __tablename__ = "delegation_actors"
    __table_args__ = (distributed("actor_id"),)

    actor_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    resident_id: Mapped[UUID]
