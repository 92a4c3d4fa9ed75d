"""Filing, changing and reading credit information.

Every change tells ``records.changed`` {resident_id, record_id, change} inside the transaction, so that whoever
computes from an archive follows at once; a load of many records tells ``records.loaded`` {resident_ids} once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Table, and_, insert, literal, or_, select, update
from sqlalchemy.orm import Session

from backend.kit import city, clock, db, outbox
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.kit.ids import new_id
from backend.kit.seal import mask_id_number
from backend.records import lint, models, rules
from backend.records.catalogue import Identity, Item, identity_columns, items_of
from backend.records.entities import (
    ALIAS_FIELDS,
    Entity,
    NewEntity,
    code_of_alias,
    codes_of_aliases,
    ensure_entities,
    ensure_entity,
    entity,
    rename_entity,
)
from backend.records.errors import EntityNameMismatch, RecordExists, RecordRefused, StatusNotPossible
from backend.records.rules import NewRecord

__all__ = [
    "Entity",
    "Identity",
    "Item",
    "NewEntity",
    "NewRecord",
    "code_of_alias",
    "codes_of_aliases",
    "ensure_entities",
    "ensure_entity",
    "entity",
    "identity_columns",
    "rename_entity",
]

CHUNK = 5_000


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
    known_from: datetime
    changed_at: datetime
    changed_by: UUID | None
    change_reason: str


COLUMNS = tuple(f.name for f in dataclass_fields(Record))


def records_table() -> Table:
    """The archive of natural persons, for statements that other rooms compile over it. Read it, never write it."""
    return models.records


def lint_policy(content: dict[str, Any], contents: dict[str, dict[str, Any]]) -> list[str]:
    """The check of ``catalogue.toml`` that the composition root registers."""
    return lint.catalogue_problems(content, contents)


# --- filing ----------------------------------------------------------------------------------------------------------


def add_record(
    session: Session, resident_id: UUID, new: NewRecord, *, by: UUID | None = None, batch_id: UUID | None = None
) -> UUID:
    """File one record about a person and return its id; the same document again changes nothing.

    Raises RecordRefused when the catalogue does not admit it, RecordExists when the document says something else now.
    """
    row = _row(new, items(session), "natural_person", [], by, batch_id)
    row["resident_id"] = resident_id
    if not db.insert_if_absent(session, models.records, row, ("resident_id", "item_code", "document_no")):
        return _same_as_filed(session, models.records, row, models.records.c.resident_id == resident_id)
    _tell(session, resident_id, row["id"], "added")
    filed: UUID = row["id"]
    return filed


def add_records(
    session: Session,
    news: Iterable[tuple[UUID, NewRecord]],
    *,
    by: UUID | None = None,
    batch_id: UUID | None = None,
    tell: bool = True,
) -> list[UUID]:
    """File many records at once and return the ids of the residents who have something new.

    Documents that are on file already are left as they are. ``tell=False`` leaves it to the caller to have what is
    computed from the archives follow. Raises RecordRefused at the first record that the catalogue does not admit.
    """
    known = items(session)
    rows = [
        {"resident_id": resident_id, **_row(new, known, "natural_person", [], by, batch_id)}
        for resident_id, new in news
    ]
    touched = sorted(set(_insert_absent(session, models.records, rows, "resident_id")), key=lambda key: key.int)
    if touched and tell:
        outbox.tell(session, "records.loaded", {"resident_ids": [str(key) for key in touched]})
    return touched


def add_entity_record(
    session: Session, entity_code: str, entity_name: str, new: NewRecord, *, by: UUID | None = None,
    batch_id: UUID | None = None,
) -> UUID:  # fmt: skip
    """File one record about a legal entity. ``entity_code``: its unified social credit code. Else as add_record.

    Raises EntityNameMismatch where the code is on file under another name.
    """
    row = _entity_row(session, entity_code, entity_name, new, by, batch_id)
    _ensure_entities(session, [row])
    if not db.insert_if_absent(session, models.entity_records, row, ("entity_code", "item_code", "document_no")):
        table = models.entity_records
        return _same_as_filed(session, table, row, table.c.entity_code == row["entity_code"])
    _tell_entity(session, row["entity_code"], row["id"], "added")
    filed: UUID = row["id"]
    return filed


def add_entity_records(
    session: Session, news: Iterable[tuple[str, str, NewRecord]], *, by: UUID | None = None,
    batch_id: UUID | None = None,
) -> list[str]:  # fmt: skip
    """File many ``(entity_code, entity_name, record)`` at once; return the codes that have something new.

    Raises RecordRefused and EntityNameMismatch at the first that is not to be filed; nothing is then.
    """
    rows = [_entity_row(session, code, name, new, by, batch_id) for code, name, new in news]
    _ensure_entities(session, rows)
    touched = sorted(set(_insert_absent(session, models.entity_records, rows, "entity_code")))
    for code in touched:
        _tell_entity(session, code, None, "added")
    return touched


def items(reader: Reader) -> dict[str, Item]:
    """The catalogue's items in force today, by code."""
    policy = city.get(reader, "catalogue")
    known = _items_by_version.get(id(policy))
    if known is None or known[0] is not policy:
        known = _items_by_version[id(policy)] = (policy, items_of(policy.content))
    return known[1]


_items_by_version: dict[int, tuple[city.Policy, dict[str, Item]]] = {}


def _row(
    new: NewRecord, catalogue: Mapping[str, Item], subject: str, severities: Sequence[Mapping[str, Any]],
    by: UUID | None, batch_id: UUID | None,
) -> dict[str, Any]:  # fmt: skip
    if problems := rules.record_problems(new, catalogue, subject, clock.today()):
        raise RecordRefused("；".join(problems), problems=problems)
    item = catalogue[new.item_code]
    kept_until = rules.counts_until(item, new.decided_on, new.ended_on)
    instant = clock.now()
    return {
        "id": new_id(), "version": 1, "item_code": item.code, "effect": item.effect,
        "source_organisation_id": new.source_organisation_id, "source_name": new.source_name.strip(),
        "document_no": new.document_no.strip(), "title": new.title.strip(),
        "decided_on": new.decided_on, "ended_on": new.ended_on, "counts_until_on": kept_until,
        "publicity_until_on": rules.publicity_until(item, new.decided_on, new.fields, severities, kept_until),
        "status": "active", "fields": _stored_fields(new), "batch_id": batch_id,
        "known_from": instant, "changed_at": instant, "changed_by": by, "change_reason": "",
    }  # fmt: skip


def _stored_fields(new: NewRecord) -> dict[str, Any]:
    """The reported columns. A legal representative's id number is kept masked: nothing here needs it whole."""
    return {
        name: mask_id_number(value) if name.endswith("_id_number") and isinstance(value, str) and value else value
        for name, value in new.fields.items()
    }


def _entity_row(
    session: Session, entity_code: str, entity_name: str, new: NewRecord, by: UUID | None, batch_id: UUID | None
) -> dict[str, Any]:
    code = rules.normal_entity_code(entity_code)
    if code is None or not entity_name.strip() or len(entity_name) > 200:
        problem = "统一社会信用代码校验不通过（GB 32100），或缺少名称"
        raise RecordRefused(problem, problems=[problem])
    severities = city.get(session, "deadlines").content.get("publicity", [])
    row = _row(new, items(session), "legal_entity", severities, by, batch_id)
    if problems := rules.party_problems(code, entity_name, new.fields):
        raise RecordRefused("；".join(problems), problems=problems)
    return {"entity_code": code, "entity_name": entity_name.strip(), **row}


def _ensure_entities(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Make the archives that these rows belong to, and learn the older codes that they name."""
    told = [
        NewEntity(
            row["entity_code"],
            row["entity_name"],
            tuple((scheme, row["fields"][name]) for name, scheme in ALIAS_FIELDS.items() if row["fields"].get(name)),
        )
        for row in rows
    ]
    for new, verdict in zip(told, ensure_entities(session, told), strict=True):
        if verdict == "mismatch":
            raise EntityNameMismatch(entity_code=new.code)


def _insert_absent(session: Session, table: Table, rows: list[dict[str, Any]], key: str) -> list[Any]:
    """Insert those whose document is not on file; the keys of the inserted ones.

    Plain rows, then a look at which ids arrived: a RETURNING over thousands of rows costs four times as much.
    """
    arrived: list[Any] = []
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        statement = db.insert(session, table).on_conflict_do_nothing(index_elements=[key, "item_code", "document_no"])
        session.execute(statement, chunk)
        keys, ids = {row[key] for row in chunk}, [row["id"] for row in chunk]
        arrived += session.execute(select(table.c[key]).where(table.c[key].in_(keys), table.c.id.in_(ids))).scalars()
    return arrived


def _same_as_filed(session: Session, table: Table, row: Mapping[str, Any], whose: Any) -> UUID:
    filed = session.execute(
        select(table).where(whose, table.c.item_code == row["item_code"], table.c.document_no == row["document_no"])
    ).one()
    said = ("source_name", "title", "decided_on", "ended_on", "fields")
    if any(getattr(filed, name) != row[name] for name in said):
        raise RecordExists(record_id=str(filed.id))
    found: UUID = filed.id
    return found


# --- changing --------------------------------------------------------------------------------------------------------


def change_status(
    session: Session, resident_id: UUID, record_id: UUID, status: str, by: UUID | None, reason: str
) -> Record:
    """Dispute, restore, repair, withdraw or expire a person's record. What it said before stays as a version.

    The same status again changes nothing. Raises NotFound, StatusNotPossible.
    """
    key = and_(models.records.c.resident_id == resident_id, models.records.c.id == record_id)
    changed, record = _change(session, models.records, models.record_versions, key, status, by, reason)
    if changed:
        _tell(session, resident_id, record_id, status)
    return record


def change_entity_status(
    session: Session, entity_code: str, record_id: UUID, status: str, by: UUID | None, reason: str
) -> Record:
    """As change_status, for a legal entity's record: a repaired or withdrawn one leaves the public page at once."""
    table = models.entity_records
    key = and_(table.c.entity_code == entity_code, table.c.id == record_id)
    changed, record = _change(session, table, models.entity_record_versions, key, status, by, reason)
    if changed:
        _tell_entity(session, entity_code, record_id, status)
    return record


def _change(
    session: Session, table: Table, versions: Table, key: Any, status: str, by: UUID | None, reason: str
) -> tuple[bool, Record]:
    held = session.execute(db.for_update(select(table.c.status).where(key))).scalar()
    if held is None:
        raise NotFound()
    changed = held != status
    if changed:
        if not rules.may_change(held, status):
            raise StatusNotPossible(**{"from": held, "to": status})
        instant = clock.now()
        _keep_version(session, table, versions, key, instant)
        session.execute(
            update(table).where(key).values(
                status=status, version=table.c.version + 1, changed_at=instant, changed_by=by,
                change_reason=reason[:200],
            )
        )  # fmt: skip
    return changed, _record(session.execute(select(*(table.c[name] for name in COLUMNS)).where(key)).one())


def _keep_version(session: Session, table: Table, versions: Table, key: Any, instant: datetime) -> None:
    names = [column.name for column in table.columns]
    replaced_at = literal(instant, versions.c.replaced_at.type)
    before = select(*table.columns, replaced_at).where(key)
    session.execute(insert(versions).from_select([*names, "replaced_at"], before))


def _tell(session: Session, resident_id: UUID, record_id: UUID, change: str) -> None:
    payload = {"resident_id": str(resident_id), "record_id": str(record_id), "change": change}
    outbox.tell(session, "records.changed", payload, shard=resident_id)


def _tell_entity(session: Session, entity_code: str, record_id: UUID | None, change: str) -> None:
    payload = {"entity_code": entity_code, "record_id": str(record_id) if record_id else None, "change": change}
    outbox.tell(session, "records.entity-changed", payload)


# --- reading ---------------------------------------------------------------------------------------------------------


def _record(row: Any) -> Record:
    return Record(**row._mapping)


def records_of(
    reader: Reader, resident_id: UUID, limit: int | None = None, after: tuple[date, UUID] | None = None
) -> list[Record]:
    """A person's archive, latest decision first. ``after``: (decided_on, id) of the last one seen."""
    table = models.records
    query = select(*(table.c[name] for name in COLUMNS)).where(table.c.resident_id == resident_id)
    if after is not None:
        decided_on, record_id = after
        later = and_(table.c.decided_on == decided_on, table.c.id > record_id)
        query = query.where(or_(table.c.decided_on < decided_on, later))
    query = query.order_by(table.c.decided_on.desc(), table.c.id)
    return [_record(row) for row in reader.execute(query.limit(limit) if limit is not None else query)]


def record(reader: Reader, resident_id: UUID, record_id: UUID) -> Record:
    """One record of a person. Raises NotFound, also for somebody else's."""
    table = models.records
    row = reader.execute(
        select(*(table.c[name] for name in COLUMNS)).where(table.c.resident_id == resident_id, table.c.id == record_id)
    ).first()
    if row is None:
        raise NotFound()
    return _record(row)


def versions_of(reader: Reader, resident_id: UUID, record_id: UUID) -> list[Record]:
    """What a person's record said before, oldest first. The one that stands now is not among them."""
    table = models.record_versions
    rows = reader.execute(
        select(*(table.c[name] for name in COLUMNS))
        .where(table.c.resident_id == resident_id, table.c.id == record_id)
        .order_by(table.c.version)
    )
    return [_record(row) for row in rows]


def entity_records_of(reader: Reader, entity_code: str, published_on: date) -> list[Record]:
    """What may be shown of a legal entity on that day, latest decision first.

    Repaired, withdrawn, expired and past-publicity records are not among them; a disputed one is, and says so.
    A legal representative's certificate is left out of ``fields``.
    """
    table = models.entity_records
    rows = reader.execute(
        select(*(table.c[name] for name in COLUMNS))
        .where(
            table.c.entity_code == entity_code,
            table.c.status.in_(("active", "disputed")),
            table.c.publicity_until_on >= published_on,
        )
        .order_by(table.c.decided_on.desc(), table.c.id)
    )
    return [_shown(row) for row in rows]


def _shown(row: Any) -> Record:
    facts = dict(row._mapping)
    facts["fields"] = {
        name: value for name, value in facts["fields"].items() if not name.startswith("legal_representative_id_")
    }
    return Record(**facts)
