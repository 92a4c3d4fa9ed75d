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

from backend.kit.db import Base, distributed, local

_STATUS = "status IN ('active', 'disputed', 'repaired', 'withdrawn', 'expired')"
_EFFECT = "effect IN ('favourable', 'adverse', 'neutral')"


def _kept_until(table: str) -> Index:
    """What of an item is past its day is found without a walk over the archive."""
    return Index(f"ix_{table}_kept_until", "item_code", "counts_until_on")


def _of_batch(table: str) -> Index:
    """What one batch brought, and what of it stands, is found without a walk over the archive."""
    reported = text("batch_id IS NOT NULL")
    return Index(f"ix_{table}_batch_id", "batch_id", "status", postgresql_where=reported, sqlite_where=reported)


COUNTING = ["decided_on", "counts_until_on", "status"]
"""What says whether a record counts lies in the index by which a person's archive is found: whoever computes over the
whole city reads that and not the archive."""


class _Content:
    """What a document says, what became of it, and who changed it last. ``…_on``: the last day, Shanghai.

    ``recalled``: taken back with the batch that had added it, or what was declared, so that the same document may be
    reported anew.
    ``declaration_id``: of what its subject declared and somebody confirmed; None where a department reported it.
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
    declaration_id: Mapped[UUID | None]
    known_from: Mapped[datetime]
    changed_at: Mapped[datetime]
    changed_by: Mapped[UUID | None]
    change_reason: Mapped[str] = mapped_column(String(200))
    recalled: Mapped[bool | None]


class RecordRow(_Content, Base):
    """A natural person's archive."""

    __tablename__ = "records"
    __table_args__ = (
        UniqueConstraint("resident_id", "item_code", "document_no", postgresql_include=COUNTING),
        CheckConstraint(_STATUS, name="status_known"),
        CheckConstraint(_EFFECT, name="effect_known"),
        _of_batch("records"),
        _kept_until("records"),
        distributed(),
    )

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]


class RecordVersionRow(_Content, Base):
    __tablename__ = "record_versions"
    __table_args__ = (_kept_until("record_versions"), distributed())

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    replaced_at: Mapped[datetime]


class EntityRecordRow(_Content, Base):
    """A legal entity's archive, keyed by its unified social credit code."""

    __tablename__ = "entity_records"
    __table_args__ = (
        UniqueConstraint("document_no", "item_code", "entity_code"),
        CheckConstraint(_STATUS, name="status_known"),
        CheckConstraint(_EFFECT, name="effect_known"),
        _of_batch("entity_records"),
        _kept_until("entity_records"),
        distributed("entity_code"),
    )

    entity_code: Mapped[str] = mapped_column(String(18), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    entity_name: Mapped[str] = mapped_column(String(200))
    version: Mapped[int]


class EntityRecordVersionRow(_Content, Base):
    __tablename__ = "entity_record_versions"
    __table_args__ = (_kept_until("entity_record_versions"), distributed("entity_code"))

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


class RetentionRunRow(Base):
    """The proof of a day: how much of an item was deleted, and what is the oldest that may still stay."""

    __tablename__ = "retention_runs"
    __table_args__ = (local(),)

    day: Mapped[date] = mapped_column(primary_key=True)
    item_code: Mapped[str] = mapped_column(String(40), primary_key=True)
    deleted: Mapped[int]
    oldest_left_on: Mapped[date | None]
    at: Mapped[datetime]


records = cast(Table, RecordRow.__table__)
record_versions = cast(Table, RecordVersionRow.__table__)
entity_records = cast(Table, EntityRecordRow.__table__)
entity_record_versions = cast(Table, EntityRecordVersionRow.__table__)
entities = cast(Table, EntityRow.__table__)
entity_aliases = cast(Table, EntityAliasRow.__table__)
retention_runs = cast(Table, RetentionRunRow.__table__)
