"""One piece of a batch: judged outside any transaction, filed and counted in one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import polars as pl
from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from backend.batches import uploads
from backend.batches.models import batches, findings, quarantined
from backend.catalogue import service as catalogue
from backend.catalogue.rules import Item
from backend.intake import faults, judging, older_codes, returned
from backend.intake.layouts import Layout
from backend.intake.tables import Piece
from backend.kit import city, clock, db
from backend.kit.db import Reader
from backend.kit.vault import Vault
from backend.records import bulk
from backend.records import service as records
from backend.records.bulk import Applied, Load

MISMATCH = "name-mismatch"
_NONE = Applied(0, 0, 0, 0, pl.DataFrame(schema=bulk.REFUSED), pl.Series("row", [], dtype=pl.UInt32), {})


@dataclass(frozen=True)
class Rules:
    """By what a piece was judged: a version of the catalogue, on a day."""

    version: str
    judge: judging.Judge


@dataclass(frozen=True)
class Prepared:
    """A judged piece. ``accepted``: its rows with each document once; ``same`` and ``other``: what else there was of
    those documents, saying the same or not."""

    piece: Piece
    rules: Rules
    judged: judging.Judged
    accepted: pl.DataFrame
    same: pl.Series
    other: pl.Series


def rules_of(reader: Reader, batch: Any) -> Rules:
    """The catalogue in force now for a batch's item. Raises NotFound when the item has gone."""
    item = catalogue.item(reader, batch.item_code)
    severities = city.get(reader, "deadlines").content.get("publicity", [])
    clocks = city.get(reader, "city").content.get("clocks", {})
    holidays = frozenset(date.fromisoformat(day) for day in clocks.get("extra_holidays", ()))
    judge = judging.Judge(
        item, severities, clock.today(), clock.shanghai_date(batch.received_at), holidays, batch.format == "xlsx"
    )
    return Rules(catalogue.version(reader), judge)


def prepare(reader: Reader, piece: Piece, layout: Layout, rules: Rules) -> Prepared:
    """Judge a piece."""
    judge = rules.judge
    texts = judging.texts(piece.frame, layout, judge.sheet)
    if judge.item.subject == "legal_entity" and (old := older_codes.old_codes(texts, judge.identity)).height:
        texts = older_codes.with_codes(texts, judge.identity, _new_codes(reader, old))
    judged = judging.judge(texts, judge)
    accepted, same, other = judging.split_repeats(judged.accepted)
    return Prepared(piece, rules, judged, accepted, same, other)


def _new_codes(reader: Reader, old: pl.DataFrame) -> pl.DataFrame:
    """The credit codes to which older codes (row, scheme, value) lead: row, code."""
    wanted = set(old.select("scheme", "value").unique().iter_rows())
    led = [(*alias, code) for alias, code in records.codes_of_aliases(reader, wanted).items()]
    known = pl.DataFrame(led, schema={"scheme": pl.String, "value": pl.String, "code": pl.String}, orient="row")
    return old.join(known, on=["scheme", "value"], maintain_order="left").select("row", "code")


@dataclass(frozen=True)
class Outcome:
    """What became of a piece. ``found``: all faults (``faults.SHAPE``); ``quarantined``: rows that wait."""

    applied: Applied
    found: pl.DataFrame
    quarantined: pl.Series
    counts: dict[str, int]


def apply(session: Session, prepared: Prepared, batch: Any, load: Load) -> Outcome:
    """File what a piece has, unless the batch is only a check, and say what became of every row."""
    judged = prepared.judged
    applied = _NONE._replace(added=prepared.accepted.height)
    if batch.mode != "check":
        applied = _file(session, prepared, load)
    refused = applied.refused.vstack(_as_fault(prepared.other, bulk.TWICE))
    found = judged.found.vstack(_row_faults(refused, judged, prepared.rules.judge))
    rejected = found["row"].n_unique()
    decided = judged.rows - rejected - len(applied.quarantined)
    counts = {
        "rows_judged": judged.rows, "rows_added": applied.added, "rows_corrected": applied.corrected,
        "rows_unchanged": decided - applied.added - applied.corrected, "rows_rejected": rejected,
        "rows_quarantined": len(applied.quarantined), "rows_duplicate": len(prepared.same) + len(prepared.other),
        "rows_late": _late(prepared, applied), "rows_bad_code": judged.bad_codes + len(applied.quarantined),
        "rows_related": max(0, decided - applied.new_subjects) if batch.mode != "check" else 0,
        "cells_expected": judged.expected, "cells_filled": judged.filled,
    }  # fmt: skip
    return Outcome(applied, found, applied.quarantined, counts)


def _late(prepared: Prepared, applied: Applied) -> int:
    """How many rows are filed for the first time and came too late. What is on file already had its day."""
    others = [*applied.refused["row"], *applied.quarantined, *applied.known]
    decided = prepared.accepted.filter(~pl.col("row").is_in(others))["decided_on"]
    return sum(rows for day, rows in decided.value_counts().iter_rows() if prepared.rules.judge.is_late(day))


def _file(session: Session, prepared: Prepared, load: Load) -> Applied:
    if not prepared.accepted.height:
        return _NONE
    if load.item.subject == "natural_person":
        return bulk.file_people(session, prepared.accepted, load)
    return bulk.file_entities(session, prepared.accepted, prepared.judged.aliases, load)


def _as_fault(rows: pl.Series, fault: str) -> pl.DataFrame:
    return pl.DataFrame({"row": rows, "fault": [fault] * len(rows)}, schema=bulk.REFUSED)


def _row_faults(refused: pl.DataFrame, judged: judging.Judged, judge: judging.Judge) -> pl.DataFrame:
    """Rows that the archive refuses, as faults in the column of their document's number."""
    told = refused.join(judged.accepted.select("row", pl.col("document_no").alias("value")), on="row", how="left")
    column = pl.lit("document_no" if "document_no" in judge.sheet.by_name else faults.ROW)
    return told.select("row", column.alias("column"), "fault", "value")


def load_of(batch: Any, item: Item) -> Load:
    return Load(item, batch.id, batch.organisation_id, batch.received_by, correcting=batch.mode == "correction")


# --- what is kept of it ----------------------------------------------------------------------------------------------


def keep(session: Session, prepared: Prepared, outcome: Outcome, layout: Layout, vault: Vault, number: int) -> None:
    """Keep what was found, what goes back and what waits for a decision."""
    _keep_findings(session, vault.row, outcome.found)
    sheet = prepared.rules.judge.sheet
    if outcome.found.height:
        rows = returned.faulty_rows(prepared.piece.frame, layout, sheet, outcome.found)
        uploads.keep_return(session, vault, number, rows.height, returned.csv_text(rows))
    if len(outcome.quarantined):
        _keep_quarantined(session, prepared, outcome.quarantined, layout, vault)


def _keep_findings(session: Session, batch_id: UUID, found: pl.DataFrame) -> None:
    counted = found.group_by("column", "fault").agg(pl.col("row").n_unique().alias("rows")).sort("column", "fault")
    for column, fault, rows in counted.iter_rows():
        values = dict(batch_id=batch_id, column_name=column, fault=fault, rows=rows)
        statement = db.insert(session, findings).values(**values)
        more = {"rows": findings.c.rows + statement.excluded.rows}
        session.execute(statement.on_conflict_do_update(index_elements=["batch_id", "column_name", "fault"], set_=more))


def _keep_quarantined(session: Session, prepared: Prepared, rows: pl.Series, layout: Layout, vault: Vault) -> None:
    """The records as they would be filed, and the rows as they would go back."""
    instant, sheet = clock.now(), prepared.rules.judge.sheet
    waiting = prepared.accepted.filter(pl.col("row").is_in(rows.implode()))
    name = prepared.rules.judge.identity.name.name
    told = waiting.select(
        "row", pl.lit(name).alias("column"), pl.lit("quarantine-rejected").alias("fault"), pl.col("name").alias("value")
    )
    back = returned.faulty_rows(prepared.piece.frame, layout, sheet, told)
    lines = dict(
        zip(waiting["row"].sort(), (returned.csv_text(back[n]).decode() for n in range(back.height)), strict=True)
    )
    aliases = prepared.judged.aliases
    session.execute(
        insert(quarantined),
        [
            {
                "batch_id": vault.row, "row_number": record["row"], "reason": MISMATCH, "created_at": instant,
                "decision": None, "decision_reason": "", "decided_at": None, "decided_by": None,
                "content": vault.put(_content(record, aliases, lines), uploads.QUARANTINE, record["row"]),
            }
            for record in waiting.iter_rows(named=True)
        ],
    )  # fmt: skip


def _content(record: dict[str, Any], aliases: pl.DataFrame, lines: dict[int, str]) -> bytes:
    mine = aliases.filter(pl.col("row") == record["row"]).select("scheme", "value").rows()
    kept = {"record": record, "aliases": mine, "back": lines[record["row"]]}
    return json.dumps(kept, ensure_ascii=False, default=str).encode()


def count(session: Session, batch_id: UUID, counts: dict[str, int], **told: Any) -> None:
    """Add to a batch's figures."""
    grown = {name: batches.c[name] + number for name, number in counts.items() if number}
    if grown or told:
        session.execute(update(batches).where(batches.c.id == batch_id).values(**grown, **told))
