"""Rows that a department's own system sends as JSON: judged and filed within the request, a verdict for each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.batches import pieces, uploads
from backend.batches.models import batches
from backend.batches.pieces import Outcome, Prepared
from backend.batches.service import Batch, NewBatch, Sender, receive
from backend.catalogue import service as catalogue
from backend.intake import faults
from backend.intake.tables import Table, json_table
from backend.kit import clock
from backend.kit.db import Reader
from backend.kit.operations import Operation
from backend.kit.vault import Vault
from backend.records.bulk import CORRECT

MOST_BYTES = 1024 * 1024
MOST_ROWS = 1_000
_WORDS = {CORRECT: "corrected"}


def push(
    session: Session,
    operation: Operation,
    sender: Sender,
    new: NewBatch,
    rows: Sequence[Mapping[str, Any]],
    body: bytes,
) -> UUID:
    """Judge and file rows; the batch that they are or, repeated, were. Raises FileRefused: nothing is kept then."""
    vault = Vault.new(new.id)
    known = receive(session, operation, sender, new, vault)
    if known != new.id:
        return known
    table = json_table(rows, catalogue.item(session, new.item_code))
    uploads.keep_frame(session, vault, 0, body)
    batch = session.execute(select(batches).where(batches.c.id == new.id)).one()
    for piece in table.pieces(None, MOST_BYTES):  # one, by its size
        prepared = pieces.prepare(session, piece, table.layout, pieces.rules_of(session, batch))
        _file(session, batch, prepared, table, vault)
    return new.id


def _file(session: Session, batch: Batch, prepared: Prepared, table: Table, vault: Vault) -> None:
    outcome = pieces.apply(session, prepared, batch, pieces.load_of(batch, prepared.rules.judge.item))
    pieces.keep(session, prepared, outcome, table.layout, vault, 0)
    verdicts = json.dumps(_verdicts(prepared, outcome, batch.mode), ensure_ascii=False, default=str).encode()
    uploads.keep_return(session, vault, uploads.VERDICTS, outcome.counts["rows_judged"], verdicts)
    pieces.count(session, batch.id, outcome.counts)
    instant = clock.now()
    told: dict[str, Any] = dict(
        status="done", heads=list(table.layout.heads), rows_total=outcome.counts["rows_judged"], chunks_done=1,
        catalogue_version=prepared.rules.version, started_at=instant, finished_at=instant,
    )  # fmt: skip
    session.execute(update(batches).where(batches.c.id == batch.id).values(**told))


def _verdicts(prepared: Prepared, outcome: Outcome, mode: str) -> list[dict[str, Any]]:
    """What became of each row, and why."""
    explained = faults.explained(outcome.found, prepared.rules.judge.sheet)
    why: dict[int, list[dict[str, str]]] = {}
    for row, column, fault, title, reason in explained.select("row", "column", "fault", "title", "reason").iter_rows():
        why.setdefault(row, []).append({"column": column, "title": title, "fault": fault, "detail": reason})
    said = {row: _WORDS.get(verdict, "unchanged") for row, verdict in outcome.applied.known.items()}
    said |= dict.fromkeys(prepared.same.to_list(), "unchanged") | dict.fromkeys(why, "rejected")
    said |= dict.fromkeys(outcome.quarantined.to_list(), "quarantined")
    otherwise = "accepted" if mode == "check" else "added"
    rows = prepared.judged.accepted["row"].to_list() + list(why)
    return [{"row": row, "verdict": said.get(row, otherwise), "faults": why.get(row, [])} for row in sorted(set(rows))]


def verdicts_of(reader: Reader, batch: Batch) -> list[dict[str, Any]]:
    """The verdicts on rows that came as JSON; none once they are deleted."""
    if batch.format != "json" or batch.data_key_sealed is None:
        return []
    vault = uploads.vault_of(batch.id, batch.data_key_sealed)
    kept = uploads.one_return(reader, vault, uploads.VERDICTS)
    found: list[dict[str, Any]] = json.loads(kept) if kept else []
    return found
