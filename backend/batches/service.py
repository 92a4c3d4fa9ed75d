"""What departments and the office do with batches. The work on them is in :mod:`backend.batches.work`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, func, insert, select, tuple_, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.batches import uploads
from backend.batches.errors import BatchNotReady, NotYourItem, TooManyReturned, TooManyWaiting
from backend.batches.models import batches, findings, quarantined
from backend.catalogue import service as catalogue
from backend.catalogue.rules import Item
from backend.intake import returned
from backend.intake.faults import sentence
from backend.intake.layouts import Sheet
from backend.kit import clock, db, operations, trail
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.kit.operations import Operation
from backend.kit.vault import Vault

MODES = ("report", "correction", "check")
STATUSES = ("received", "working", "done", "failed", "withdrawing", "withdrawn")
MOST_WAITING = 50
"""Unfinished batches of one organisation."""
_COUNTS = (
    "rows_judged", "rows_added", "rows_corrected", "rows_unchanged", "rows_rejected", "rows_quarantined",
    "rows_duplicate", "rows_late", "rows_related", "rows_bad_code", "cells_expected", "cells_filled", "chunks_done",
    "offset_done", "file_row", "tries",
)  # fmt: skip


@dataclass(frozen=True)
class NewBatch:
    """What was received. ``rows``: records of the file with its heads, where that is known already."""

    id: UUID
    item_code: str
    mode: str
    format: str
    file_name: str
    size_bytes: int
    digest: bytes
    encoding: str = ""
    rows: int | None = None


@dataclass(frozen=True)
class Sender:
    """Who sends, and for which department."""

    account_id: UUID
    role: str
    organisation_id: UUID


def may_send(reader: Reader, organisation_ids: Collection[UUID], item_code: str) -> tuple[UUID, Item]:
    """Which of these organisations reports the item. Raises NotFound, NotYourItem."""
    item = catalogue.item(reader, item_code)
    names = catalogue.departments(reader, organisation_ids)
    mine = sorted(key for key, name in names.items() if name in item.source_departments)
    if not mine:
        sources = list(item.source_departments)
        detail = f"{item.code} 由{'、'.join(sources)}报送"
        raise NotYourItem(detail, "", item_code=item.code, source_departments=sources)
    return mine[0], item


def require_room(reader: Reader, organisation_id: UUID) -> None:
    """Raise TooManyWaiting when an organisation has as many unfinished batches as it may have."""
    waiting = (batches.c.organisation_id == organisation_id, batches.c.status.in_(("received", "working")))
    if reader.execute(select(func.count()).select_from(batches).where(*waiting)).scalar_one() >= MOST_WAITING:
        raise TooManyWaiting(most=MOST_WAITING)


def receive(session: Session, operation: Operation, sender: Sender, new: NewBatch, vault: Vault) -> UUID:
    """Note an upload whose pieces are kept already; the batch that it is or, repeated, was."""
    if known := operations.begin(session, operation, "batches.receive", makes=new.id):
        return known
    rows = None if new.rows is None else new.rows
    values: dict[str, Any] = dict(
        id=new.id, organisation_id=sender.organisation_id, item_code=new.item_code, mode=new.mode, format=new.format,
        file_name=new.file_name, size_bytes=new.size_bytes, digest=new.digest, encoding=new.encoding, heads=[],
        data_key_sealed=uploads.sealed_key(vault), status="received", rows_total=rows, catalogue_version="",
        catalogue_changes=[], received_at=clock.now(), received_by=sender.account_id, withdrawal_reason="",
        **dict.fromkeys(_COUNTS, 0),
    )  # fmt: skip
    session.execute(insert(batches).values(**values))
    told = {"item_code": new.item_code, "mode": new.mode, "format": new.format, "size_bytes": new.size_bytes}
    trail.note(session, sender.account_id, sender.role, "batches.receive", "batch", new.id, told)
    return new.id


# --- reading ---------------------------------------------------------------------------------------------------------

Batch = Row[Any]


def _visible(organisation_ids: Collection[UUID] | None) -> Select[Any]:
    """The batches that somebody may see: of these organisations, or of all (None)."""
    query = select(batches)
    return query if organisation_ids is None else query.where(batches.c.organisation_id.in_(sorted(organisation_ids)))


def batch(reader: Reader, organisation_ids: Collection[UUID] | None, batch_id: UUID) -> Batch:
    """One batch. Raises NotFound, also for another organisation's."""
    row = reader.execute(_visible(organisation_ids).where(batches.c.id == batch_id)).first()
    if row is None:
        raise NotFound("没有这个批次。", "There is no such batch.")
    return row


def list_batches(
    reader: Reader, organisation_ids: Collection[UUID] | None, where: Mapping[str, Any], limit: int,
    before: tuple[datetime, UUID] | None,
) -> Sequence[Batch]:  # fmt: skip
    """Batches, the latest first. ``where``: columns and the values they have."""
    query = _visible(organisation_ids).where(*(batches.c[name] == value for name, value in where.items()))
    if before is not None:
        query = query.where(tuple_(batches.c.received_at, batches.c.id) < before)
    return reader.execute(query.order_by(batches.c.received_at.desc(), batches.c.id.desc()).limit(limit)).all()


def names_of(reader: Reader, rows: Sequence[Batch]) -> dict[UUID, str]:
    """What the organisations of some batches are called."""
    found = accounts.organisations(reader, ids=sorted({row.organisation_id for row in rows}))
    return {one.id: one.name for one in found}


def findings_of(reader: Reader, row: Batch) -> list[dict[str, Any]]:
    """What was found in a batch, by column and fault, the most frequent first."""
    item = catalogue.items(reader).get(row.item_code)
    query = select(findings).where(findings.c.batch_id == row.id)
    query = query.order_by(findings.c.rows.desc(), findings.c.column_name, findings.c.fault)
    found = []
    for one in reader.execute(query):
        title, said = sentence(Sheet(item), one.column_name, one.fault) if item else (one.column_name, one.fault)
        found.append({"column": one.column_name, "title": title, "fault": one.fault, "rows": one.rows, "detail": said})
    return found


# --- what goes back --------------------------------------------------------------------------------------------------


def returned_csv(session: Session, row: Batch, account_id: UUID, role: str) -> tuple[bytes, Vault]:
    """The head of the CSV of faulty rows, and the key to the rest of it. The download is noted."""
    vault = uploads.vault_of(row.id, row.data_key_sealed)
    _note_download(session, row, account_id, role, "csv")
    return returned.csv_head(returned.returned_heads(row.heads)), vault


def returned_workbook(session: Session, row: Batch, account_id: UUID, role: str) -> bytes:
    """The faulty rows as a workbook. Raises TooManyReturned, UploadForgotten."""
    vault = uploads.vault_of(row.id, row.data_key_sealed)
    if row.rows_rejected > returned.MOST_WORKBOOK_ROWS:
        raise TooManyReturned(rows=row.rows_rejected, most=returned.MOST_WORKBOOK_ROWS)
    _note_download(session, row, account_id, role, "xlsx")
    rows = (cells for piece in uploads.returned(session, vault) for cells in returned.csv_rows(piece))
    return returned.workbook([("退回的行", returned.returned_heads(row.heads), rows)])


def returned_pieces(vault: Vault) -> Iterator[bytes]:
    """The CSV's rows, piece by piece."""
    with db.reading() as reader:
        yield from uploads.returned(reader, vault)


def _note_download(session: Session, row: Batch, account_id: UUID, role: str, form: str) -> None:
    told = {"form": form, "rows": row.rows_rejected}
    trail.note(session, account_id, role, "batches.download", "batch", row.id, told)


# --- taking back -----------------------------------------------------------------------------------------------------


def withdraw(
    session: Session, operation: Operation, organisation_ids: Collection[UUID], batch_id: UUID, sender: Sender,
    reason: str,
) -> UUID:  # fmt: skip
    """Have everything that a batch brought taken back. Raises NotFound, BatchNotReady while it is being worked on."""
    if known := operations.begin(session, operation, "batches.withdraw", makes=batch_id):
        return known
    batch(session, organisation_ids, batch_id)
    held = session.execute(db.for_update(select(batches).where(batches.c.id == batch_id))).one()
    if held.status not in ("received", "done", "failed") or held.mode == "check":
        raise BatchNotReady(batch_status=held.status)
    status = "withdrawn" if held.status == "received" else "withdrawing"
    told: dict[str, Any] = dict(
        status=status,
        withdrawn_by=sender.account_id,
        withdrawal_reason=reason,
        lease_id=None,
        lease_until=None,
        tries=0,
    )
    session.execute(update(batches).where(batches.c.id == batch_id).values(**told))
    undecided = and_(quarantined.c.batch_id == batch_id, quarantined.c.decision.is_(None))
    session.execute(
        update(quarantined).where(undecided).values(
            decision="withdrawn", content=None, decided_at=clock.now(), decided_by=sender.account_id,
            decision_reason=reason,
        )
    )  # fmt: skip
    trail.note(session, sender.account_id, sender.role, "batches.withdraw", "batch", batch_id, {"reason": reason})
    return batch_id
