"""Filing what departments report: one record of each subject, item and document, whoever reports it again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.catalogue.rules import Item
from backend.catalogue.service import items
from backend.kit import city, clock, db
from backend.kit.ids import new_id
from backend.kit.seal import mask_id_number
from backend.records import rules
from backend.records.archives import ENTITIES, PEOPLE, SAID, Archive, keep_versions
from backend.records.entities import ALIAS_FIELDS, NewEntity, ensure_entities
from backend.records.errors import EntityNameMismatch, RecordExists, RecordRefused
from backend.records.rules import NewRecord
from backend.records.telling import tell, tell_entities_loaded, tell_entity, tell_loaded

CHUNK = 5_000
REPORTED_AGAIN = "撤回后重新报送"
_DOCUMENT = ("source_name", "title", "decided_on", "ended_on", "fields")
"""What must agree for a document to be the same one; its number and item do already."""


def add_record(
    session: Session, resident_id: UUID, new: NewRecord, *, by: UUID | None = None, batch_id: UUID | None = None
) -> UUID:
    """File one record about a person and return its id; the same document again changes nothing.

    What was taken back, with its whole batch or by who had declared it, comes back when it is reported again. Raises
    RecordRefused when the catalogue does not admit it, RecordExists when the document says something else now,
    NotFound for who has left.
    """
    accounts.require_standing(session, resident_id)
    row = {"resident_id": resident_id, **new_row(new, items(session), PEOPLE.subject, [], by, batch_id)}
    filed, fresh = _file(session, PEOPLE, row)
    if fresh:
        tell(session, resident_id, filed, "added")
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
    computed from the archives follow. Whoever calls it holds the residents against leaving, as
    ``accounts.match_people`` does; what slips in is swept later. Raises RecordRefused at the first
    record that the catalogue does not admit.
    """
    known = items(session)
    rows = [
        {"resident_id": resident_id, **new_row(new, known, PEOPLE.subject, [], by, batch_id)}
        for resident_id, new in news
    ]
    touched = sorted(set(_insert_absent(session, PEOPLE, rows)), key=lambda key: key.int)
    if tell:
        tell_loaded(session, touched)
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
    filed, fresh = _file(session, ENTITIES, row)
    if fresh:
        tell_entity(session, row["entity_code"], filed, "added")
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
    touched = sorted(set(_insert_absent(session, ENTITIES, rows)))
    tell_entities_loaded(session, touched)
    return touched


def new_row(
    new: NewRecord, catalogue: Mapping[str, Item], subject: str, severities: Sequence[Mapping[str, Any]],
    by: UUID | None, batch_id: UUID | None,
) -> dict[str, Any]:  # fmt: skip
    """A record as its archive keeps it, but for whose it is. Raises RecordRefused."""
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
        "declaration_id": new.declaration_id,
        "known_from": instant, "changed_at": instant, "changed_by": by, "change_reason": "",
    }  # fmt: skip


def _stored_fields(new: NewRecord) -> dict[str, Any]:
    """The reported columns. A legal representative's id number is kept masked: nothing here needs it whole."""
    return {
        name: mask_id_number(value) if name.endswith("_id_number") and isinstance(value, str) and value else value
        for name, value in new.fields.items()
    }


def severities_of(session: Session) -> Sequence[Mapping[str, Any]]:
    """How long a penalty of each severity is shown, as the city has it."""
    found: Sequence[Mapping[str, Any]] = city.get(session, "deadlines").content.get("publicity", [])
    return found


def _entity_row(
    session: Session, entity_code: str, entity_name: str, new: NewRecord, by: UUID | None, batch_id: UUID | None
) -> dict[str, Any]:
    code = rules.normal_entity_code(entity_code)
    if code is None or not entity_name.strip() or len(entity_name) > 200:
        problem = "统一社会信用代码校验不通过（GB 32100），或缺少名称"
        raise RecordRefused(problem, problems=[problem])
    row = new_row(new, items(session), ENTITIES.subject, severities_of(session), by, batch_id)
    require_party(code, entity_name, new)
    return {"entity_code": code, "entity_name": entity_name.strip(), **row}


def require_party(entity_code: str, entity_name: str, new: NewRecord) -> None:
    """Raise RecordRefused when the record's own columns name another party."""
    if problems := rules.party_problems(entity_code, entity_name, new.fields):
        raise RecordRefused("；".join(problems), problems=problems)


def _ensure_entities(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Make the archives that these rows belong to, and learn the older codes that they name."""
    told = [NewEntity(row["entity_code"], row["entity_name"], aliases_in(row["fields"])) for row in rows]
    for new, verdict in zip(told, ensure_entities(session, told), strict=True):
        if verdict == "mismatch":
            raise EntityNameMismatch(entity_code=new.code)


def aliases_in(fields: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The older codes among a record's columns, as (scheme, value)."""
    return tuple((scheme, fields[name]) for name, scheme in ALIAS_FIELDS.items() if fields.get(name))


def _file(session: Session, archive: Archive, row: dict[str, Any]) -> tuple[UUID, bool]:
    """The record's id, and whether its archive says something new."""
    if db.insert_if_absent(session, archive.records, row, (archive.key, "item_code", "document_no")):
        return row["id"], True
    table = archive.records
    document = (table.c.item_code == row["item_code"], table.c.document_no == row["document_no"])
    filed = session.execute(db.for_update(select(table).where(archive.whose(row[archive.key]), *document))).one()
    if filed.recalled:
        _bring_back(session, archive, filed.id, row)
        return filed.id, True
    if any(getattr(filed, name) != row[name] for name in _DOCUMENT):
        raise RecordExists(record_id=str(filed.id))
    return filed.id, False


def _bring_back(session: Session, archive: Archive, record_id: UUID, row: Mapping[str, Any]) -> None:
    """What went with its batch is on file again, as it is reported now."""
    this = archive.one(row[archive.key], record_id)
    keep_versions(session, archive, this, row["changed_at"])
    told = {name: row[name] for name in (*SAID, "status", "batch_id", "declaration_id", "changed_at", "changed_by")}
    version = archive.records.c.version + 1
    session.execute(
        update(archive.records).where(this).values(
            **told, version=version, recalled=None, change_reason=REPORTED_AGAIN
        )
    )  # fmt: skip


def _insert_absent(session: Session, archive: Archive, rows: list[dict[str, Any]]) -> list[Any]:
    """Insert those whose document is not on file; the keys of the inserted ones.

    Plain rows, then a look at which ids arrived: a RETURNING over thousands of rows costs four times as much.
    """
    arrived: list[Any] = []
    table, unique = archive.records, (archive.key, "item_code", "document_no")
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        session.execute(db.insert(session, table).on_conflict_do_nothing(index_elements=unique), chunk)
        these = archive.these({row[archive.key] for row in chunk}, [row["id"] for row in chunk])
        arrived += session.execute(select(table.c[archive.key]).where(these)).scalars()
    return arrived
