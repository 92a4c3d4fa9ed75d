"""Tables of the archives.

An archive holds each record as it stands; what it said before stays, version by version, in the table beside it,
which is only ever inserted into. A version held from its ``changed_at`` until its ``replaced_at``.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, String, Table, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, distributed

_STATUS = "status IN ('active', 'disputed', 'repaired', 'withdrawn', 'expired')"
_EFFECT = "effect IN ('favourable', 'adverse', 'neutral')"


def _of_batch(table: str) -> Index:
    """What one batch brought, and what of it stands, is found without a walk over the archive."""
    reported = text("batch_id IS NOT NULL")
    return Index(f"ix_{table}_batch_id", "batch_id", "status", postgresql_where=reported, sqlite_where=reported)


class _Content:
    """What a document says, what became of it, and who changed it last. ``…_on``: the last day, Shanghai.

    ``recalled``: withdrawn with the batch that had added it, so that the same document may be reported anew.
    """

    item_code: Mapped[str] = mapped_column(String(40))
    effect: Mapped[str] = mapped_column(String(12))
    source_organisation_id: Mapped[UUID | None]
    source_name: Mapped[str] = mapped_column(String(120))
    document_no: Mapped[str] = mapped_column(String(120))
    title: Mapped[str] = mapped_column(String(200))
    decided_on: Mapped[date]
    ended_on: Mapped[date | None]
    counts_until_on: Mapped[date]
    publicity_until_on: Mapped[date | None]
    status: Mapped[str] = mapped_column(String(10))
    fields: Mapped[dict[str, Any]]
    batch_id: Mapped[UUID | None]
    known_from: Mapped[datetime]
    changed_at: Mapped[datetime]
    changed_by: Mapped[UUID | None]
    change_reason: Mapped[str] = mapped_column(String(200))
    recalled: Mapped[bool | None]


class RecordRow(_Content, Base):
    """A natural person's archive."""

    __tablename__ = "records"
    __table_args__ = (
        UniqueConstraint("resident_id", "item_code", "document_no"),
        CheckConstraint(_STATUS, name="status_known"),
        CheckConstraint(_EFFECT, name="effect_known"),
        _of_batch("records"),
        distributed(),
    )

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]


class RecordVersionRow(_Content, Base):
    __tablename__ = "record_versions"
    __table_args__ = (distributed(),)

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    replaced_at: Mapped[datetime]


class EntityRecordRow(_Content, Base):
    """A legal entity's archive, keyed by its unified social credit code."""

    __tablename__ = "entity_records"
    __table_args__ = (
        UniqueConstraint("entity_code", "item_code", "document_no"),
        CheckConstraint(_STATUS, name="status_known"),
        CheckConstraint(_EFFECT, name="effect_known"),
        Index("ix_entity_records_shown", "entity_code", "publicity_until_on"),
        _of_batch("entity_records"),
        distributed("entity_code"),
    )

    entity_code: Mapped[str] = mapped_column(String(18), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    entity_name: Mapped[str] = mapped_column(String(200))
    version: Mapped[int]


class EntityRecordVersionRow(_Content, Base):
    __tablename__ = "entity_record_versions"
    __table_args__ = (distributed("entity_code"),)

    entity_code: Mapped[str] = mapped_column(String(18), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    entity_name: Mapped[str] = mapped_column(String(200))
    replaced_at: Mapped[datetime]


class EntityRow(Base):
    """One archive per unified social credit code. The name changes only by :func:`entities.rename_entity`."""

    __tablename__ = "entities"
    __table_args__ = (distributed("code"),)

    code: Mapped[str] = mapped_column(String(18), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    known_from: Mapped[datetime]
    changed_at: Mapped[datetime]
    changed_by: Mapped[UUID | None]
    change_reason: Mapped[str] = mapped_column(String(200))


class EntityAliasRow(Base):
    """A code from before GB 32100 (a registration, organisation, tax … number), and whose it was."""

    __tablename__ = "entity_aliases"
    __table_args__ = (distributed("value"),)

    scheme: Mapped[str] = mapped_column(String(20), primary_key=True)
    value: Mapped[str] = mapped_column(String(40), primary_key=True)
    entity_code: Mapped[str] = mapped_column(String(18))


records = cast(Table, RecordRow.__table__)
record_versions = cast(Table, RecordVersionRow.__table__)
entity_records = cast(Table, EntityRecordRow.__table__)
entity_record_versions = cast(Table, EntityRecordVersionRow.__table__)
entities = cast(Table, EntityRow.__table__)
entity_aliases = cast(Table, EntityAliasRow.__table__)
