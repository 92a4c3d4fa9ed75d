"""Reading the archives: the person's own, what is public of a legal entity, and what each record said before."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, or_, select

from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.records import published, rules
from backend.records.archives import COLUMNS, ENTITIES, PEOPLE, Archive, Record, record_of


@dataclass(frozen=True)
class Version:
    """What a record said from its ``changed_at`` until ``replaced_at``; None: it says so now."""

    record: Record
    replaced_at: datetime | None


def records_of(
    reader: Reader, resident_id: UUID, limit: int | None = None, after: tuple[date, UUID] | None = None
) -> list[Record]:
    """A person's archive, latest decision first. ``after``: (decided_on, id) of the last one seen."""
    return _listed(reader, PEOPLE, resident_id, limit, after, None)


def record(reader: Reader, resident_id: UUID, record_id: UUID) -> Record:
    """One record of a person. Raises NotFound, also for somebody else's."""
    return _one(reader, PEOPLE, resident_id, record_id)


def versions_of(reader: Reader, resident_id: UUID, record_id: UUID) -> list[Record]:
    """What a person's record said before, oldest first. The one that stands now is not among them."""
    return [version.record for version in lineage_of(reader, resident_id, record_id) if version.replaced_at]


def lineage_of(reader: Reader, resident_id: UUID, record_id: UUID) -> list[Version]:
    """All that a person's record has said, oldest first, what stands now included. Empty for somebody else's."""
    return _lineage(reader, PEOPLE, resident_id, record_id)


def entity_archive(
    reader: Reader, entity_code: str, item_codes: Collection[str], limit: int, after: tuple[date, UUID] | None = None
) -> list[Record]:
    """A legal entity's records of these items, whatever became of them, latest decision first; no certificates."""
    found = _listed(reader, ENTITIES, entity_code, limit, after, item_codes)
    return [without_certificates(record) for record in found]


def entity_record(reader: Reader, entity_code: str, record_id: UUID) -> Record:
    """One record of a legal entity. Raises NotFound."""
    return without_certificates(_one(reader, ENTITIES, entity_code, record_id))


def entity_lineage_of(reader: Reader, entity_code: str, record_id: UUID) -> list[Version]:
    """As lineage_of, for a legal entity's record; no certificates."""
    found = _lineage(reader, ENTITIES, entity_code, record_id)
    return [Version(without_certificates(version.record), version.replaced_at) for version in found]


def entity_records_of(reader: Reader, entity_code: str, published_on: date) -> list[Record]:
    """What may be shown of a legal entity on that day, latest decision first.

    Repaired, withdrawn, expired and past-publicity records are not among them; a disputed one is, and says so.
    A legal representative's certificate is left out of ``fields``.
    """
    table = ENTITIES.records
    rows = reader.execute(
        select(*ENTITIES.columns)
        .where(table.c.entity_code == entity_code, published.may_be_shown(published_on))
        .order_by(table.c.decided_on.desc(), table.c.id)
    )
    return [without_certificates(record_of(row)) for row in rows]


def without_certificates(record: Record) -> Record:
    """The record without what identifies its legal representative: a natural person, of whom only the name is told."""
    told = {name: record.fields[name] for name in record.fields if rules.may_be_published(name)}
    facts = {name: getattr(record, name) for name in COLUMNS}
    return Record(**facts | {"fields": told})


def _listed(
    reader: Reader, archive: Archive, key: Any, limit: int | None, after: tuple[date, UUID] | None,
    item_codes: Collection[str] | None,
) -> list[Record]:  # fmt: skip
    table = archive.records
    query = select(*archive.columns).where(archive.whose(key))
    if item_codes is not None:
        query = query.where(table.c.item_code.in_(sorted(item_codes)))
    if after is not None:
        decided_on, record_id = after
        later = and_(table.c.decided_on == decided_on, table.c.id > record_id)
        query = query.where(or_(table.c.decided_on < decided_on, later))
    query = query.order_by(table.c.decided_on.desc(), table.c.id)
    return [record_of(row) for row in reader.execute(query.limit(limit) if limit is not None else query)]


def _one(reader: Reader, archive: Archive, key: Any, record_id: UUID) -> Record:
    row = reader.execute(select(*archive.columns).where(archive.one(key, record_id))).first()
    if row is None:
        raise NotFound()
    return record_of(row)


def _lineage(reader: Reader, archive: Archive, key: Any, record_id: UUID) -> list[Version]:
    old, now = archive.versions, reader.execute(select(*archive.columns).where(archive.one(key, record_id))).first()
    rows = reader.execute(
        select(*(old.c[name] for name in COLUMNS), old.c.replaced_at)
        .where(old.c[archive.key] == key, old.c.id == record_id)
        .order_by(old.c.version)
    )
    found = [Version(Record(**dict(zip(COLUMNS, row, strict=False))), row.replaced_at) for row in rows]
    return [*found, Version(record_of(now), None)] if now is not None else found
