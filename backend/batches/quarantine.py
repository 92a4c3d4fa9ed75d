"""Rows whose name is not that of their code, until somebody of the office has compared them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

import polars as pl
from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from backend.batches import pieces, uploads
from backend.batches.errors import BatchNotReady, DecisionMade
from backend.batches.models import batches, findings, quarantined, returns
from backend.batches.service import Batch, Sender
from backend.catalogue import service as catalogue
from backend.intake.older_codes import ALIASES
from backend.kit import clock, db, operations, trail
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.kit.operations import Operation
from backend.records import bulk
from backend.records import service as records

DECISIONS = ("accept", "reject")
_DAYS = ("decided_on", "ended_on", "counts_until_on", "publicity_until_on")


@dataclass(frozen=True)
class Waiting:
    """A quarantined row. ``subject_code``, ``reported_name`` and ``known_name`` are told of legal entities alone: who
    decides about a person asks the department, which has the file."""

    row_number: int
    reason: str
    document_no: str
    created_at: Any
    decision: str | None
    decision_reason: str
    decided_at: Any
    subject_code: str | None = None
    reported_name: str | None = None
    known_name: str | None = None


def list_quarantined(reader: Reader, batch: Batch, limit: int, after: int) -> list[Waiting]:
    """The quarantined rows of a batch after a row's number, in their order."""
    query = select(quarantined).where(quarantined.c.batch_id == batch.id, quarantined.c.row_number > after)
    rows = reader.execute(query.order_by(quarantined.c.row_number).limit(limit)).all()
    return [_waiting(reader, batch, row) for row in rows]


def _waiting(reader: Reader, batch: Batch, row: Any) -> Waiting:
    told = Waiting(row.row_number, row.reason, "", row.created_at, row.decision, row.decision_reason, row.decided_at)
    if row.content is None:
        return told
    record = _opened(batch, row)["record"]
    told = replace(told, document_no=record["document_no"])
    item = catalogue.items(reader).get(batch.item_code)
    if item is None or item.subject != "legal_entity":
        return told
    try:
        known = records.entity(reader, record["code"]).name
    except NotFound:
        known = None
    return replace(told, subject_code=record["code"], reported_name=record["name"], known_name=known)


def _opened(batch: Batch, row: Any) -> dict[str, Any]:
    vault = uploads.vault_of(batch.id, batch.data_key_sealed)
    found: dict[str, Any] = json.loads(vault.get(row.content, uploads.QUARANTINE, row.row_number))
    return found


def decide(
    session: Session, operation: Operation, batch_id: UUID, row_number: int, decision: str, reason: str, by: Sender
) -> UUID:
    """File a quarantined row under its code after all (an entity is renamed by it), or give it back.

    Raises NotFound, DecisionMade, BatchNotReady while the batch is being worked on or when it was taken back.
    """
    if known := operations.begin(session, operation, "batches.decide", makes=batch_id):
        return known
    batch = session.execute(db.for_update(select(batches).where(batches.c.id == batch_id))).first()
    this = (quarantined.c.batch_id == batch_id, quarantined.c.row_number == row_number)
    row = session.execute(select(quarantined).where(*this)).first()
    if batch is None or row is None:
        raise NotFound("没有这一行。", "There is no such row.")
    if row.decision is not None:
        raise DecisionMade(decision=row.decision)
    if batch.status not in ("done", "failed"):
        raise BatchNotReady(batch_status=batch.status)
    accepted = decision == "accept"
    counts = _accept(session, batch, row, by) if accepted else _give_back(session, batch, row)
    told: dict[str, Any] = dict(
        decision="accepted" if accepted else "rejected", decision_reason=reason, decided_at=clock.now(),
        decided_by=by.account_id, content=None,
    )  # fmt: skip
    session.execute(update(quarantined).where(*this).values(**told))
    pieces.count(session, batch_id, {"rows_quarantined": -1, **counts})
    detail = {"row_number": row_number, "decision": decision}
    trail.note(session, by.account_id, by.role, "batches.decide", "batch", batch_id, detail)
    return batch_id


def _accept(session: Session, batch: Batch, row: Any, by: Sender) -> dict[str, int]:
    kept, item = _opened(batch, row), catalogue.item(session, batch.item_code)
    load = replace(pieces.load_of(batch, item), by=by.account_id, trusted=True)
    accepted = _frame(kept["record"])
    if item.subject == "natural_person":
        applied = bulk.file_people(session, accepted, load)
    else:
        aliases = [(row.row_number, *alias) for alias in kept["aliases"]]
        applied = bulk.file_entities(session, accepted, pl.DataFrame(aliases, schema=ALIASES, orient="row"), load)
    if applied.refused.height:
        return _give_back(session, batch, row, applied.refused["fault"][0])
    late = pieces.rules_of(session, batch).judge.is_late(accepted["decided_on"][0])
    return {
        "rows_added": applied.added, "rows_corrected": applied.corrected, "rows_unchanged": applied.unchanged,
        "rows_late": int(late) * applied.added, "rows_related": 1 - applied.new_subjects,
    }  # fmt: skip


def _frame(record: dict[str, Any]) -> pl.DataFrame:
    values = {name: date.fromisoformat(value) if name in _DAYS and value else value for name, value in record.items()}
    kinds: dict[str, Any] = {name: pl.Date if name in _DAYS else pl.String for name in record}
    return pl.DataFrame([values], schema=kinds | {"row": pl.UInt32})


def _give_back(session: Session, batch: Batch, row: Any, fault: str = "quarantine-rejected") -> dict[str, int]:
    """The row stands among those that go back, and its fault among what was found."""
    vault = uploads.vault_of(batch.id, batch.data_key_sealed)
    last = select(func.coalesce(func.max(returns.c.number), 0)).where(returns.c.batch_id == batch.id)
    number = session.execute(last).scalar_one() + 1
    uploads.keep_return(session, vault, number, 1, _opened(batch, row)["back"].encode())
    this = (findings.c.batch_id == batch.id, findings.c.column_name == "", findings.c.fault == fault)
    if session.execute(
        update(findings).where(*this).values(rows=findings.c.rows + 1).returning(findings.c.rows)
    ).first():
        return {"rows_rejected": 1}
    session.execute(insert(findings).values(batch_id=batch.id, column_name="", fault=fault, rows=1))
    return {"rows_rejected": 1}


def undecided(reader: Reader, organisation_ids: Sequence[UUID] | None = None) -> int:
    """How many rows wait for a decision."""
    query = select(func.count()).select_from(quarantined).where(quarantined.c.decision.is_(None))
    if organisation_ids is not None:
        mine = select(batches.c.id).where(batches.c.organisation_id.in_(organisation_ids))
        query = query.where(quarantined.c.batch_id.in_(mine))
    return int(reader.execute(query).scalar_one())
