"""The two archives, natural persons' and legal entities', and a record as it is handed out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Table, and_, bindparam, insert, literal, select, union_all
from sqlalchemy.orm import Session

from backend.kit.db import UtcDateTime
from backend.records import models


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record as it stands. ``counts_until_on`` and ``publicity_until_on`` are last days, Shanghai."""

    id: UUID
    version: int
    item_code: str
    effect: str
    source_organisation_id: UUID | None
    source_name: str
    document_no: str
    title: str
    decided_on: date
    ended_on: date | None
    counts_until_on: date
    publicity_until_on: date | None
    status: str
    fields: Mapping[str, Any]
    batch_id: UUID | None
    declaration_id: UUID | None
    known_from: datetime
    changed_at: datetime
    changed_by: UUID | None
    change_reason: str


COLUMNS = tuple(f.name for f in dataclass_fields(Record))
SAID = ("effect", "source_organisation_id", "source_name", "document_no", "title", "decided_on", "ended_on",
        "counts_until_on", "publicity_until_on", "fields")  # fmt: skip
"""What a document says, and what follows from it alone."""


@dataclass(frozen=True)
class Archive:
    """``key``: the column that says whose a record is. ``subject``: whom the catalogue's items are about."""

    records: Table
    versions: Table
    key: str
    subject: str

    def whose(self, key: Any) -> ColumnElement[bool]:
        """The records of one subject."""
        mine: ColumnElement[bool] = self.records.c[self.key] == key
        return mine

    def one(self, key: Any, record_id: UUID) -> ColumnElement[bool]:
        return and_(self.whose(key), self.records.c.id == record_id)

    def these(self, keys: Collection[Any], record_ids: Collection[UUID]) -> ColumnElement[bool]:
        return and_(self.records.c[self.key].in_(keys), self.records.c.id.in_(record_ids))

    @property
    def columns(self) -> list[ColumnElement[Any]]:
        return [self.records.c[name] for name in COLUMNS]


PEOPLE = Archive(models.records, models.record_versions, "resident_id", "natural_person")
ENTITIES = Archive(models.entity_records, models.entity_record_versions, "entity_code", "legal_entity")


def record_of(row: Any) -> Record:
    return Record(**row._mapping)


def keep_versions(session: Session, archive: Archive, which: ColumnElement[bool], instant: datetime) -> None:
    """Keep what these records say now; whoever calls it has locked them and changes them next."""
    names = [column.name for column in archive.records.columns]
    replaced_at = literal(instant, archive.versions.c.replaced_at.type)
    before = select(*archive.records.columns, replaced_at).where(which)
    session.execute(insert(archive.versions).from_select([*names, "replaced_at"], before))


def known_at(archive: Archive = PEOPLE, at: str | ColumnElement[Any] = "known_at") -> FromClause:
    """The archive as we knew it at an instant: of each record what was last changed by then and not yet replaced.

    It has the columns of the archive. ``at``: a bind's name, or an expression for the instant. What was deleted since,
    by retention or with its person, is not known any more.
    """
    instant = bindparam(at, type_=UtcDateTime()) if isinstance(at, str) else at
    now, before = archive.records, archive.versions
    names = [column.name for column in now.columns]
    return union_all(
        select(*(now.c[name] for name in names)).where(now.c.changed_at <= instant),
        select(*(before.c[name] for name in names)).where(
            before.c.changed_at <= instant, before.c.replaced_at > instant
        ),
    ).subquery("known")
