"""Changing what is on file. What a record said before stays as a version; a final status stays final."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.catalogue.service import items
from backend.kit import clock, db
from backend.kit.errors import NotFound
from backend.records import rules
from backend.records.archives import ENTITIES, PEOPLE, SAID, Archive, Record, keep_versions, record_of
from backend.records.errors import RecordExists, RecordRefused, StatusNotPossible
from backend.records.filing import new_row, require_party, severities_of
from backend.records.rules import NewRecord
from backend.records.telling import tell, tell_entity

CORRECTABLE = ("active", "disputed")


def change_status(
    session: Session, resident_id: UUID, record_id: UUID, status: str, by: UUID | None, reason: str,
    *, recalled: bool = False,
) -> Record:  # fmt: skip
    """Dispute, restore, repair, withdraw or expire a person's record. What it said before stays as a version.

    ``recalled``: it is withdrawn as something that may be reported anew. The same status again changes nothing.
    Raises NotFound, StatusNotPossible.
    """
    accounts.hold_people(session, [resident_id])
    changed, record = _change_status(session, PEOPLE, resident_id, record_id, status, by, reason, recalled)
    if changed:
        tell(session, resident_id, record_id, status)
    return record


def change_entity_status(
    session: Session, entity_code: str, record_id: UUID, status: str, by: UUID | None, reason: str,
    *, recalled: bool = False,
) -> Record:  # fmt: skip
    """As change_status, for a legal entity's record: a repaired or withdrawn one leaves the public page at once."""
    changed, record = _change_status(session, ENTITIES, entity_code, record_id, status, by, reason, recalled)
    if changed:
        tell_entity(session, entity_code, record_id, status)
    return record


def _change_status(
    session: Session, archive: Archive, key: Any, record_id: UUID, status: str, by: UUID | None, reason: str,
    recalled: bool,
) -> tuple[bool, Record]:  # fmt: skip
    held = _held(session, archive, key, record_id)
    changed = held.status != status
    if changed:
        if not rules.may_change(held.status, status):
            raise StatusNotPossible(**{"from": held.status, "to": status})
        told = dict(status=status, changed_by=by, change_reason=reason[:200], recalled=recalled or None)
        _write(session, archive, key, record_id, told)
    return changed, _now(session, archive, key, record_id)


def correct_record(
    session: Session, resident_id: UUID, record_id: UUID, new: NewRecord, *, by: UUID | None, reason: str,
    batch_id: UUID | None = None,
) -> Record:  # fmt: skip
    """Let a person's record say what the document says; the same content changes nothing. A dispute goes on.

    ``batch_id``: the batch that brought the correction; None by hand. What was declared is the department's own from
    then on. Raises NotFound, StatusNotPossible for what is
    repaired, withdrawn or expired, RecordRefused, RecordExists when another record has the document's number.
    """
    accounts.require_standing(session, resident_id)
    row = new_row(new, items(session), PEOPLE.subject, [], by, batch_id)
    changed, record = _correct(session, PEOPLE, resident_id, record_id, row, reason)
    if changed:
        tell(session, resident_id, record_id, "corrected")
    return record


def correct_entity_record(
    session: Session, entity_code: str, record_id: UUID, new: NewRecord, *, by: UUID | None, reason: str,
    batch_id: UUID | None = None,
) -> Record:  # fmt: skip
    """As correct_record, for a legal entity's record. The party that its columns name must stay the same."""
    row = new_row(new, items(session), ENTITIES.subject, severities_of(session), by, batch_id)
    name = select(ENTITIES.records.c.entity_name).where(ENTITIES.one(entity_code, record_id))
    require_party(entity_code, session.execute(name).scalar() or "", new)
    changed, record = _correct(session, ENTITIES, entity_code, record_id, row, reason)
    if changed:
        tell_entity(session, entity_code, record_id, "corrected")
    return record


def _correct(
    session: Session, archive: Archive, key: Any, record_id: UUID, row: Mapping[str, Any], reason: str
) -> tuple[bool, Record]:
    held = _held(session, archive, key, record_id)
    if held.status not in CORRECTABLE:
        raise StatusNotPossible(**{"from": held.status, "to": "corrected"})
    if held.item_code != row["item_code"]:
        problem = "更正不能改变目录条目；报错条目的，请撤销后按正确的条目重新报送"
        raise RecordRefused(problem, problems=[problem])
    said = {name: row[name] for name in SAID}
    changed = any(getattr(held, name) != value for name, value in said.items())
    if changed:
        if held.document_no != row["document_no"]:
            _require_free(session, archive, key, row)
        told = {name: row[name] for name in ("batch_id", "declaration_id", "changed_by")}
        _write(session, archive, key, record_id, {**said, **told, "change_reason": reason[:200]})
    return changed, _now(session, archive, key, record_id)


def _require_free(session: Session, archive: Archive, key: Any, row: Mapping[str, Any]) -> None:
    table = archive.records
    document = (table.c.item_code == row["item_code"], table.c.document_no == row["document_no"])
    taken = session.execute(select(table.c.id).where(archive.whose(key), *document)).scalar()
    if taken is not None:
        raise RecordExists(record_id=str(taken))


def _held(session: Session, archive: Archive, key: Any, record_id: UUID) -> Row[Any]:
    held = session.execute(db.for_update(select(archive.records).where(archive.one(key, record_id)))).first()
    if held is None:
        raise NotFound()
    return held


def _write(session: Session, archive: Archive, key: Any, record_id: UUID, values: Mapping[str, Any]) -> None:
    """Keep what a locked record says, and write its next version."""
    instant, this = clock.now(), archive.one(key, record_id)
    keep_versions(session, archive, this, instant)
    told = {"version": archive.records.c.version + 1, "changed_at": instant, **values}
    session.execute(update(archive.records).where(this).values(**told))


def _now(session: Session, archive: Archive, key: Any, record_id: UUID) -> Record:
    return record_of(session.execute(select(*archive.columns).where(archive.one(key, record_id))).one())
