"""What staff do at the archives: each department with its own items, the programme office with what is not private.

Everything is noted in the trail by id. Nothing of a natural person is shown here: whoever must see that asks for it by
a look that is written down first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.catalogue import service as catalogue
from backend.catalogue.rules import Item
from backend.kit import operations, trail
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.kit.ids import NIL
from backend.kit.operations import Operation
from backend.records import changing, entities, reading
from backend.records.archives import Record
from backend.records.entities import Entity
from backend.records.errors import RecordSelfDeclared
from backend.records.rules import NewRecord

PRIVATE = "authorised"
"""The class of disclosure that only the subject, and the source itself, may read."""


@dataclass(frozen=True)
class Officer:
    """Who works at the desk, in which role, and for which organisations. ``office``: the programme office's."""

    staff_id: UUID
    role: str
    organisation_ids: frozenset[UUID]
    office: bool


@dataclass(frozen=True)
class Content:
    """What a document really says. ``fields``: the item's further columns, by name."""

    document_no: str
    title: str
    decided_on: date
    ended_on: date | None
    fields: Mapping[str, Any]


def readable(reader: Reader, officer: Officer) -> dict[str, Item]:
    """The items whose records of legal entities this officer may read."""
    own = catalogue.items_of_departments(reader, officer.organisation_ids)
    if not officer.office:
        return own
    return own | {code: item for code, item in catalogue.items(reader).items() if item.disclosure != PRIVATE}


def archive(
    reader: Reader, officer: Officer, entity_code: str, limit: int, after: tuple[date, UUID] | None
) -> tuple[Entity, list[Record]]:
    """A legal entity, and its records as far as the officer may read them. Raises NotFound."""
    entity = entities.entity(reader, entity_code)
    return entity, reading.entity_archive(reader, entity_code, readable(reader, officer), limit, after)


def lineage(reader: Reader, officer: Officer, entity_code: str, record_id: UUID) -> list[reading.Version]:
    """All that a record has said, oldest first. Raises NotFound, also for what the officer may not read."""
    found = reading.entity_lineage_of(reader, entity_code, record_id)
    if not found or found[-1].record.item_code not in readable(reader, officer):
        raise NotFound()
    return found


def correct_entity_record(
    session: Session, officer: Officer, operation: Operation, entity_code: str, record_id: UUID, content: Content,
    reason: str,
) -> Record:  # fmt: skip
    """Let a record of the officer's own department say what its document says. Raises as the correction itself."""
    if operations.begin(session, operation, "records.correct", record_id) is None:
        held = _own(session, officer, reading.entity_record(session, entity_code, record_id))
        new = _corrected(held, content)
        changing.correct_entity_record(session, entity_code, record_id, new, by=officer.staff_id, reason=reason)
        _note(session, officer, "records.correct", "entity-record", held)
    return reading.entity_record(session, entity_code, record_id)


def withdraw_entity_record(
    session: Session, officer: Officer, operation: Operation, entity_code: str, record_id: UUID, reason: str
) -> Record:
    """Take back a record that the officer's own department has reported in error: it is never used again."""
    if operations.begin(session, operation, "records.withdraw", record_id) is None:
        held = _own(session, officer, reading.entity_record(session, entity_code, record_id))
        _refuse_declared(held)
        changing.change_entity_status(session, entity_code, record_id, "withdrawn", officer.staff_id, reason)
        _note(session, officer, "records.withdraw", "entity-record", held)
    return reading.entity_record(session, entity_code, record_id)


def correct_person_record(
    session: Session, officer: Officer, operation: Operation, resident_id: UUID, record_id: UUID, content: Content,
    reason: str,
) -> Record:  # fmt: skip
    """As correct_entity_record, for a person's record. Whoever shows the answer tells nothing of what it says."""
    if operations.begin(session, operation, "records.correct", record_id) is None:
        held = _own(session, officer, reading.record(session, resident_id, record_id))
        new = _corrected(held, content)
        changing.correct_record(session, resident_id, record_id, new, by=officer.staff_id, reason=reason)
        _note(session, officer, "records.correct", "record", held)
    return reading.record(session, resident_id, record_id)


def withdraw_person_record(
    session: Session, officer: Officer, operation: Operation, resident_id: UUID, record_id: UUID, reason: str
) -> Record:
    """As withdraw_entity_record, for a person's record."""
    if operations.begin(session, operation, "records.withdraw", record_id) is None:
        held = _own(session, officer, reading.record(session, resident_id, record_id))
        _refuse_declared(held)
        changing.change_status(session, resident_id, record_id, "withdrawn", officer.staff_id, reason)
        _note(session, officer, "records.withdraw", "record", held)
    return reading.record(session, resident_id, record_id)


def rename_entity(
    session: Session, officer: Officer, operation: Operation, entity_code: str, name: str, reason: str
) -> Entity:
    """Give a legal entity its new name, so that records under it are taken. Raises NotFound."""
    if operations.begin(session, operation, "records.rename", NIL) is None:
        entity = entities.entity(session, entity_code)
        entities.rename_entity(session, entity.code, name, officer.staff_id, reason)
        trail.note(session, officer.staff_id, officer.role, "records.rename", "entity", entity.code)
    return entities.entity(session, entity_code)


def _own(session: Session, officer: Officer, held: Record) -> Record:
    """The record, if its item is the officer's department's. Raises NotFound: others' records are not even there."""
    if held.item_code not in catalogue.items_of_departments(session, officer.organisation_ids):
        raise NotFound()
    return held


def _refuse_declared(held: Record) -> None:
    """What somebody declared is revoked where it was confirmed, so that she is told."""
    if held.declaration_id is not None:
        raise RecordSelfDeclared(declaration_id=str(held.declaration_id))


def _corrected(held: Record, content: Content) -> NewRecord:
    return NewRecord(
        item_code=held.item_code, source_name=held.source_name, source_organisation_id=held.source_organisation_id,
        document_no=content.document_no, title=content.title, decided_on=content.decided_on,
        ended_on=content.ended_on, fields=content.fields,
        declaration_id=held.declaration_id,
    )  # fmt: skip


def _note(session: Session, officer: Officer, action: str, kind: str, held: Record) -> None:
    detail = {"item_code": held.item_code, "version": held.version}
    trail.note(session, officer.staff_id, officer.role, action, kind, held.id, detail)
