"""Seal what was noted: batch by batch, each naming the one before it; and end what may be kept no longer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from backend.codes import service as codes
from backend.consents import service as consents
from backend.kit import clock, db, trail
from backend.kit.chained import Chained, signed_bytes
from backend.kit.db import Reader, insert_if_absent
from backend.kit.errors import NotFound
from backend.kit.evidence import Entry, Evidence, Key
from backend.oversight import rules
from backend.oversight.models import LeavesRow, SealRow

TABLES: dict[str, Evidence] = {one.name: one for one in (trail.EVIDENCE, consents.EVIDENCE)}
MOST_ROWS = 1000
"""Rows of one table that one batch seals: a batch is one small transaction, and is verified in memory."""
MOST_CLOSED = 200
"""Batches whose rows one closing ends."""
COUNTED = 100_000
"""How far rows that wait are counted."""


class Overtaken(Exception):
    """Another process sealed at the same moment. Nothing was changed."""


@dataclass(frozen=True)
class Seal(Chained):
    """One seal. ``told``: the statement; ``text``: exactly as it was signed."""

    domain = rules.DOMAIN
    number: int
    text: str
    signature: str


def newest(reader: Reader) -> Seal | None:
    """The newest seal; None before the first."""
    return next(iter(seals(reader, 1)), None)


def newest_published(reader: Reader) -> dict[str, Any]:
    """The newest seal for anyone. Raises NotFound before the first."""
    if (last := newest(reader)) is None:
        raise NotFound("还没有任何封存。", "Nothing has been sealed yet.")
    return last.published()


def seals(reader: Reader, limit: int, before: int | None = None) -> list[Seal]:
    """Up to ``limit`` seals, the newest first, those before a number."""
    rows = select(SealRow.number, SealRow.statement, SealRow.signature).order_by(SealRow.number.desc()).limit(limit)
    if before is not None:
        rows = rows.where(SealRow.number < before)
    return [Seal(*row) for row in reader.execute(rows)]


def chain(reader: Reader, first: int = 1) -> Iterator[Seal]:
    """Every seal from ``first`` on, in order, a page at a time."""
    after = first - 1
    while True:
        page = select(SealRow.number, SealRow.statement, SealRow.signature).where(SealRow.number > after)
        rows = reader.execute(page.order_by(SealRow.number).limit(200)).all()
        yield from (Seal(*row) for row in rows)
        if len(rows) < 200:
            return
        after = rows[-1].number


def waiting(reader: Reader) -> tuple[int, datetime | None]:
    """How many rows wait for a seal (counted to 100,000 a table), and the oldest time among them."""
    found = [table.waiting(reader, COUNTED) for table in TABLES.values()]
    return sum(count for count, _ in found), min((at for _, at in found if at is not None), default=None)


# --- sealing -----------------------------------------------------------------------------------------------------


def seal_next(session: Session) -> Seal | None:
    """Seal up to 1,000 waiting rows of each table as the next batch; None when nothing waits.

    Rows that are being written at this moment are not seen, and belong to a later batch. Raises Overtaken when
    another process sealed meanwhile, and SigningKeyMissing.
    """
    last = newest(session)
    found = {name: table.unsealed(session, MOST_ROWS + 1) for name, table in TABLES.items()}
    parts = {name: entries[:MOST_ROWS] for name, entries in found.items()}
    if not any(parts.values()):
        return None
    tables = {name: rules.table_part([(e.at, e.digest) for e in entries]) for name, entries in parts.items()}
    complete = not any(len(entries) > MOST_ROWS for entries in found.values())
    # The number first: whoever takes it has the rows to itself, and others leave before they touch any.
    seal = _append(session, last, {"kind": rules.ROWS, "tables": tables, "complete": complete})
    for name, entries in parts.items():
        _take(session, TABLES[name], seal.number, entries)
    return seal


def _take(session: Session, table: Evidence, number: int, entries: list[Entry]) -> None:
    if table.mark(session, [entry.key for entry in entries], number) != len(entries):
        raise Overtaken()
    if entries:
        session.execute(insert(LeavesRow).values(number=number, table_name=table.name, content=pack(entries)))


def pack(entries: list[Entry]) -> bytes:
    """Keys and digests, one after the other."""
    return b"".join(b"".join(part.bytes for part in entry.key) + entry.digest for entry in entries)


def unpack(content: bytes, width: int) -> Iterator[tuple[Key, bytes]]:
    """Keys of ``width`` ids, and digests. Raises ValueError when the content cannot be such a list."""
    size = 16 * width + 32
    if len(content) % size:
        raise ValueError("not a list of leaves")
    for at in range(0, len(content), size):
        key = tuple(UUID(bytes=content[at + 16 * n : at + 16 * n + 16]) for n in range(width))
        yield key, content[at + 16 * width : at + size]


def leaves(reader: Reader, number: int, table: Evidence) -> list[tuple[Key, bytes]]:
    """What a batch's list says it holds of a table. Raises ValueError for a list that is none."""
    kept = select(LeavesRow.content).where(LeavesRow.number == number, LeavesRow.table_name == table.name)
    content = reader.execute(kept).scalar()
    return list(unpack(content, len(table.key))) if content is not None else []


def holds_list(reader: Reader, number: int, table: Evidence) -> bool:
    """Whether a batch's list of a table is there."""
    kept = select(LeavesRow.number).where(LeavesRow.number == number, LeavesRow.table_name == table.name)
    return reader.execute(kept).first() is not None


def _append(session: Session, last: Seal | None, what: Mapping[str, Any]) -> Seal:
    """Sign the next statement and add it to the chain. Raises Overtaken when its number is taken."""
    tables: dict[str, Any] = what.get("tables", {})
    number = last.number + 1 if last else 1
    kid = codes.statement_key(session, codes.Purpose.SEAL)
    told = {
        **what,
        "count": sum(part["count"] for part in tables.values()),
        "kid": kid,
        "number": number,
        "previous": last.value if last else rules.BEGINNING,
        "root": rules.whole_root(tables),
        "sealed_at": rules.told(clock.now()),
        "version": 1,
    }
    text = rules.text_of(told)
    signature = codes.sign_statement(session, kid, signed_bytes(rules.DOMAIN, text))
    row = {"number": number, "statement": text, "signature": signature}
    if not insert_if_absent(session, SealRow, row, ("number",)):
        raise Overtaken()
    return Seal(number, text, signature)


def seal_all(most_batches: int = 10_000) -> int:
    """Seal until nothing waits, each batch in a transaction of its own, and return how many batches that made.

    Safe to run in several processes at once. For jobs and commands: it opens its own transactions.
    """
    for made in range(most_batches):
        try:
            with db.transaction() as session:
                sealed = seal_next(session)
        except Overtaken:
            return made
        if sealed is None:
            return made
    return most_batches


# --- ending what may be kept no longer ---------------------------------------------------------------------------


def close_next(session: Session, table: Evidence, before: datetime, kept_years: int) -> int | None:
    """Delete a run of batches' rows of one table that all lie before an instant, and say so in a signed closing.

    The rows, and their keys and digests in the batches' lists, go; the batches' seals stay in the chain. Returns how
    many rows went, None when no further batch is due. Raises Overtaken.
    """
    due = _due(session, table, before)
    if not due:
        return None
    first, last_number = due[0].number, due[-1].number
    gone = table.forget(session, first, last_number)
    session.execute(
        delete(LeavesRow).where(LeavesRow.table_name == table.name, LeavesRow.number.between(first, last_number))
    )
    closes = {
        "table": table.name, "first": first, "last": last_number, "rows": gone, "before": rules.told(before),
        "kept_years": kept_years,
    }  # fmt: skip
    _append(session, newest(session), {"kind": rules.CLOSING, "closes": closes, "complete": False})
    return gone


def _due(session: Session, table: Evidence, before: datetime) -> list[Seal]:
    """The next batches without a gap, after those that are closed already, whose rows are all older."""
    due: list[Seal] = []
    for seal in chain(session, _closed_through(session, table) + 1):
        part = seal.told.get("tables", {}).get(table.name, {"count": 0, "last_at": None})
        if len(due) == MOST_CLOSED or (part["last_at"] is not None and rules.instant(part["last_at"]) >= before):
            break
        due.append(seal)
    return due if any(seal.told.get("tables", {}).get(table.name, {}).get("count") for seal in due) else []


def _closed_through(reader: Reader, table: Evidence) -> int:
    """The last batch whose rows of this table are gone. What is left has a list of leaves, or comes after one."""
    lists = select(LeavesRow.number).where(LeavesRow.table_name == table.name).order_by(LeavesRow.number).limit(1)
    first: int | None = reader.execute(lists).scalar()
    return first - 1 if first is not None else 0


# --- searching ---------------------------------------------------------------------------------------------------


class Searcher(NamedTuple):
    """Who searches."""

    account_id: UUID
    role: str


Position = tuple[datetime, UUID] | None


def search_looks(
    session: Session, who: Searcher, wanted: consents.Wanted, limit: int, before: Position = None
) -> list[consents.LookFound]:
    """Looks at anybody, the newest first, after the search was noted in the trail."""
    _note_search(session, who, "oversight.search-looks", vars(wanted), before)
    return consents.search_looks(session, wanted, limit, before)


def search_trail(
    session: Session,
    who: Searcher,
    where: Mapping[str, Any],
    times: trail.Times,
    limit: int,
    before: Position = None,
) -> list[trail.Act]:
    """Acts, the newest first, after the search was noted. ``where``: columns of the trail, None for any value."""
    given = {name: value for name, value in where.items() if value is not None}
    _note_search(session, who, "oversight.search-trail", {**given, **times._asdict()}, before)
    return trail.acts(session, given, times, limit, before)


def _note_search(session: Session, who: Searcher, action: str, by: Mapping[str, Any], before: Position) -> None:
    """What was asked for, by ids and times. Of words only that they were given: they may name somebody."""
    detail: dict[str, Any] = {"further_page": before is not None}
    for name, value in by.items():
        if isinstance(value, UUID):
            detail[name] = str(value)
        elif isinstance(value, datetime):
            detail[name] = rules.told(value)
        elif value is not None:
            detail[name] = "(given)"
    trail.note(session, who.account_id, who.role, action, "search", "", detail)
