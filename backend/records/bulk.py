"""Filing whole pieces of a file at once: thousands of records in a few statements, in the caller's transaction.

The rows go into a table of this connection alone (COPY on PostgreSQL), and from there into the archive in one
statement. What is on file already is compared: the same is left alone, something else is refused, or corrected with
the old version kept. Rows about the same document are filed in one order by everybody, so that two batches wait for
each other instead of blocking one another.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import polars as pl
from sqlalchemy import Column, ColumnElement, Integer, Table, and_, func, literal, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.catalogue.rules import Item
from backend.kit import clock, db
from backend.kit.staging import copied, copy, filled, insert_unless_there, row_by_row, staged
from backend.records import archives, models
from backend.records.archives import Archive, keep_versions
from backend.records.changing import CORRECTABLE
from backend.records.filing import REPORTED_AGAIN
from backend.records.naming import name_entities
from backend.records.telling import tell_entities_loaded, tell_loaded

REFUSED = pl.Schema({"row": pl.UInt32, "fault": pl.String})
SAID = ("source_name", "title", "decided_on", "ended_on")
"""What two reports of one document are compared by, beside their ``fields``."""
SAME, CORRECT, REVIVE = "same", "correct", "revive"
SAME_DOCUMENT, TWICE, OTHERS, CLOSED = "same-document", "twice-in-file", "others-record", "closed-record"
CORRECTED = "来源单位更正"
SAMPLE = 20


@dataclass(frozen=True)
class Load:
    """Where rows come from. ``correcting``: what the same organisation reported before may say something new."""

    item: Item
    batch_id: UUID
    organisation_id: UUID
    by: UUID | None
    correcting: bool = False
    trusted: bool = False
    """Whether somebody has looked, so that another name under a known code is its new name."""


class Applied(NamedTuple):
    """What became of rows. ``refused``: (row, fault); ``quarantined``: rows whose name is not the code's.

    ``known``: the rows that were corrected (CORRECT) or left alone (SAME); all others were added.
    """

    added: int
    corrected: int
    unchanged: int
    new_subjects: int
    refused: pl.DataFrame
    quarantined: pl.Series
    known: Mapping[int, str]


_DOCUMENT = (
    "id", "source_name", "document_no", "title", "decided_on", "ended_on", "counts_until_on", "publicity_until_on",
    "fields",
)  # fmt: skip
_people = staged("bulk_people", Column("row", Integer), *copied(models.records, "resident_id", *_DOCUMENT))
_entities = staged(
    "bulk_entities", Column("row", Integer),
    *copied(models.entity_records, "entity_code", "entity_name", *_DOCUMENT),
)  # fmt: skip


@dataclass(frozen=True)
class _Way:
    """Into which archive rows go, by way of which table."""

    archive: Archive
    staged: Table

    @property
    def key(self) -> str:
        return self.archive.key

    @property
    def table(self) -> Table:
        return self.archive.records

    @property
    def mine(self) -> tuple[str, ...]:
        """The columns that rows bring with them."""
        return tuple(column.name for column in self.staged.columns if column.name != "row")

    def same_document(self, item_code: str) -> ColumnElement[bool]:
        kept, rows = self.table.c, self.staged.c
        document = and_(kept.item_code == item_code, kept.document_no == rows.document_no)
        return and_(kept[self.key] == rows[self.key], document)


PEOPLE = _Way(archives.PEOPLE, _people)
ENTITIES = _Way(archives.ENTITIES, _entities)


def file_people(session: Session, accepted: pl.DataFrame, load: Load) -> Applied:
    """File admitted rows about persons; whoever is not known is made. ``code``: the id number. Call it before any
    other lock.

    ``accepted``: row, code, name, source_name, document_no, title, decided_on, ended_on, counts_until_on,
    publicity_until_on, fields (JSON), one row for each person and document. Tells ``records.loaded``.
    """
    pairs = accepted.select("name", "code").unique(maintain_order=True)
    matches = accounts.match_people(session, list(pairs.iter_rows()))
    known = pairs.with_columns(
        pl.Series("resident_id", [m.resident_id.hex if m.resident_id else None for m in matches], dtype=pl.String),
        pl.Series("verdict", [m.verdict for m in matches], dtype=pl.String),
    )
    if load.trusted:
        known = _whatever_their_names(session, known)
    rows = accepted.join(known, on=["name", "code"], how="left", maintain_order="left")
    mismatched = rows.filter(pl.col("verdict") == "mismatch")["row"]
    rows = rows.filter(pl.col("resident_id").is_not_null() & (pl.col("verdict") != "mismatch"))
    # people before their records, as everything does that computes from them
    accounts.lock_people(session, [UUID(key) for key in rows["resident_id"].unique()])
    filed, touched = _file(session, PEOPLE, rows, load)
    tell_loaded(session, touched)
    made = known.filter(pl.col("verdict") == "made")["code"].n_unique()
    return filed._replace(new_subjects=made, quarantined=mismatched)


def _whatever_their_names(session: Session, known: pl.DataFrame) -> pl.DataFrame:
    """Somebody has compared: the number says who it is."""
    found = accounts.find_people(session, known["code"].to_list())
    ids = pl.Series("resident_id", [found[code].hex for code in known["code"]], dtype=pl.String)
    return known.with_columns(ids, pl.lit("known").alias("verdict"))


def file_entities(session: Session, accepted: pl.DataFrame, aliases: pl.DataFrame, load: Load) -> Applied:
    """File admitted rows about legal entities; whichever is not known is made. ``code``: its credit code.

    ``accepted`` as for ``file_people``; ``aliases``: (row, scheme, value) of older codes in normal form. Tells
    ``records.entities-loaded`` {entity_codes}.
    """
    named = name_entities(session, accepted, aliases, load.by, trusted=load.trusted)
    rows = accepted.filter(~pl.col("row").is_in(named.mismatched.implode()))
    filed, touched = _file(session, ENTITIES, rows.rename({"code": "entity_code", "name": "entity_name"}), load)
    tell_entities_loaded(session, touched)
    return filed._replace(new_subjects=named.made, quarantined=named.mismatched)


def _no_rows() -> pl.Series:
    return pl.Series("row", [], dtype=pl.UInt32)


# --- records ---------------------------------------------------------------------------------------------------------


def _file(session: Session, way: _Way, rows: pl.DataFrame, load: Load) -> tuple[Applied, list[Any]]:
    """Rows whose subjects are known into the archive; and the keys of those who have something new."""
    nothing = Applied(0, 0, 0, 0, pl.DataFrame(schema=REFUSED), _no_rows(), {})
    if not rows.height:
        return nothing, []
    rows = rows.sort(way.key, "document_no").with_columns(_new_ids(rows.height))
    instant = clock.now()
    verdicts: list[tuple[int, str]] = []
    if not _copied(session, way, rows, load, instant):
        verdicts = _merged(session, way, rows, load, instant)
    said = [verdict for _, verdict in verdicts]
    refused = [each for each in verdicts if each[1] not in (SAME, CORRECT, REVIVE)]
    old = [row for row, verdict in verdicts if verdict not in (CORRECT, REVIVE)]
    touched = rows.filter(~pl.col("row").is_in(old))[way.key].unique().sort().to_list()
    applied = nothing._replace(
        added=rows.height - len(verdicts) + said.count(REVIVE), corrected=said.count(CORRECT),
        unchanged=said.count(SAME), refused=pl.DataFrame(refused, schema=REFUSED, orient="row"),
        known={row: verdict for row, verdict in verdicts if verdict in (SAME, CORRECT)},
    )  # fmt: skip
    return applied, [UUID(key) for key in touched] if way is PEOPLE else touched


def _new_ids(count: int) -> pl.Series:
    """``kit.ids.new_id`` for many: UUIDs of version 7, as hexadecimal text."""
    head = f"{time.time_ns() // 1_000_000:012x}7"
    noise = pl.Series("id", [os.urandom(16 * count).hex()]).str.extract_all("[0-9a-f]{32}").explode()
    return (head + noise.str.slice(0, 3) + "8" + noise.str.slice(4, 15)).alias("id")


def _told(load: Load, instant: datetime) -> dict[str, Any]:
    """The columns that are the same in all rows of a load."""
    return {
        "item_code": load.item.code, "effect": load.item.effect, "source_organisation_id": load.organisation_id,
        "status": "active", "batch_id": load.batch_id, "known_from": instant, "changed_at": instant,
        "changed_by": load.by, "change_reason": "", "version": 1,
    }  # fmt: skip


def _copied(session: Session, way: _Way, rows: pl.DataFrame, load: Load, instant: datetime) -> bool:
    """Try rows that look new right into the archive, which takes them fastest. False, and nothing done, where that is
    not possible: on SQLite, or because a document is on file."""
    if db.dialect_of(session) != "postgresql" or _some_on_file(session, way, rows, load):
        return False
    told = [
        pl.lit(value if isinstance(value, int) else str(value)).alias(name)
        for name, value in _told(load, instant).items()
        if value is not None
    ]
    new = rows.select(*way.mine, *told)
    attempt = session.begin_nested()
    try:
        copy(session, way.table, new)
    except IntegrityError:
        attempt.rollback()
        return False
    attempt.commit()
    return True


def _some_on_file(session: Session, way: _Way, rows: pl.DataFrame, load: Load) -> bool:
    """Whether any of a handful of these documents is on file: then many may be."""
    table = way.table
    some = rows.gather_every(max(1, rows.height // SAMPLE)).select(way.key, "document_no")
    read = UUID if way is PEOPLE else str
    these = [(read(subject), load.item.code, number) for subject, number in some.iter_rows()]
    document = tuple_(table.c[way.key], table.c.item_code, table.c.document_no)
    return session.execute(select(literal(1)).where(document.in_(these)).limit(1)).first() is not None


def _merged(session: Session, way: _Way, rows: pl.DataFrame, load: Load, instant: datetime) -> list[tuple[int, str]]:
    """File rows some of which may be on file: what became of those (row, verdict)."""
    with row_by_row(session):
        with filled(session, way.staged, rows):
            added = _insert(session, way, load, instant)
            leftover = [] if added == rows.height else _leftover(session, way, load)
        verdicts = [(row.row, _verdict(row, load)) for row in leftover]
        for verdict, reason in ((CORRECT, CORRECTED), (REVIVE, REPORTED_AGAIN)):
            these = [row for row, said in verdicts if said == verdict]
            if these:
                with filled(session, way.staged, rows.filter(pl.col("row").is_in(these))):
                    _rewrite(session, way, load, instant, reason)
    return verdicts


def _insert(session: Session, way: _Way, load: Load, instant: datetime) -> int | None:
    own, told = way.staged.c, _told(load, instant)
    values = [literal(value, way.table.c[name].type) for name, value in told.items()]
    news = select(*(own[name] for name in way.mine), *values).order_by(own[way.key], own.document_no)
    document = [way.key, "item_code", "document_no"]
    return insert_unless_there(session, way.table, [*way.mine, *told], news, document)


def _leftover(session: Session, way: _Way, load: Load) -> Sequence[Any]:
    """The staged rows that did not arrive because the document is on file: what stands there, and whether it is the
    same. They are held until the transaction ends, in one order."""
    kept, own = way.table.c, way.staged.c
    columns = (kept.status, kept.recalled, kept.source_organisation_id, kept.batch_id)
    if db.dialect_of(session) == "postgresql":
        fields = func.jsonb_strip_nulls(kept.fields) == own.fields
        same = and_(fields, *(own[name].is_not_distinct_from(kept[name]) for name in SAID))
        query = select(own.row, *columns, same.label("same"))
    else:
        new = [own[name].label(f"new_{name}") for name in (*SAID, "fields")]
        query = select(own.row, *columns, *(kept[name] for name in (*SAID, "fields")), *new)
    query = query.join_from(way.staged, way.table, way.same_document(load.item.code)).where(kept.id != own.id)
    query = query.order_by(kept[way.key], kept.document_no)
    return session.execute(query.with_for_update(of=way.table)).all()


def _verdict(row: Any, load: Load) -> str:
    """What becomes of a row whose document is on file: SAME, CORRECT, REVIVE, or a fault."""
    same = row.same if hasattr(row, "same") else _same(row)
    if row.batch_id == load.batch_id:
        return SAME if same else TWICE
    if row.recalled:
        return REVIVE
    if same:
        return SAME
    if not load.correcting:
        return SAME_DOCUMENT
    if row.source_organisation_id != load.organisation_id:
        return OTHERS
    return CORRECT if row.status in CORRECTABLE else CLOSED


def _same(row: Any) -> bool:
    kept = {name: value for name, value in row.fields.items() if value is not None}
    return bool(kept == row.new_fields and all(getattr(row, n) == getattr(row, f"new_{n}") for n in SAID))


def _rewrite(session: Session, way: _Way, load: Load, instant: datetime, reason: str) -> None:
    """Let documents on file say what the staged rows say; what stood there stays as a version."""
    table, own = way.table, way.staged.c
    these = and_(way.same_document(load.item.code), table.c.id != own.id)
    keep_versions(session, way.archive, these, instant)
    said = (*SAID, "counts_until_on", "publicity_until_on", "fields")
    told: dict[str, Any] = {name: own[name] for name in said}
    told |= dict(
        version=table.c.version + 1, batch_id=load.batch_id, changed_at=instant, changed_by=load.by,
        change_reason=reason,
    )  # fmt: skip
    if reason == REPORTED_AGAIN:
        anew = dict(status="active", recalled=None, source_organisation_id=load.organisation_id)
        told |= anew | {"effect": load.item.effect}
    session.execute(update(table).where(these).values(**told))
