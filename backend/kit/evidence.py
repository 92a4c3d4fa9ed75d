"""Rows that must be provable later: how a row is spelt, digested, and marked as sealed.

A table of evidence is insert-only. Its one column that ever changes is ``sealed_in``, the number of the batch that
sealed the row; it is written once, by the sealing transaction alone, and is no part of the row's digest. A row
belongs to no batch until that transaction has *seen* it: so a row whose transaction commits late, with an older
time or an older id than rows already sealed, is merely sealed in the next batch, and none is ever passed over.
There is no sequence and no counter that writers would queue for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Table, bindparam, delete, func, select, tuple_, update
from sqlalchemy.orm import Session

from backend.kit.db import Reader
from backend.kit.merkle import leaf as leaf

PAGE = 1000
Key = tuple[UUID, ...]


class Entry(NamedTuple):
    """One row of evidence: the batch that sealed it (None before), its key, its own time, its digest (32 bytes)."""

    batch: int | None
    key: Key
    at: datetime
    digest: bytes


def canonical(table: str, row: dict[str, Any]) -> bytes:
    """A row as bytes that every database and every release agree on.

    JSON in UTF-8 with sorted names and no spaces; ids as text, instants in UTC to the microsecond. What is null is
    left out, so that a column added later does not change what was sealed before it.
    """
    told = {name: _plain(value) for name, value in row.items() if value is not None}
    text = json.dumps([table, told], sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value) if isinstance(value, UUID) else value


@dataclass(frozen=True)
class Evidence:
    """A table of evidence. ``key``: the columns of its primary key, all of them ids."""

    table: Table
    key: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.table.name

    def _entry(self, row: Any) -> Entry:
        told = dict(row._mapping)
        batch = told.pop("sealed_in")
        key = tuple(told[name] for name in self.key)
        return Entry(batch, key, told["at"], leaf(canonical(self.name, told)))

    def unsealed(self, reader: Reader, most: int) -> list[Entry]:
        """Up to ``most`` rows that no batch has sealed, the oldest first, by time and key."""
        waiting = select(self.table).where(self.table.c.sealed_in.is_(None))
        return [self._entry(row) for row in reader.execute(waiting.order_by(*self._order()).limit(most))]

    def waiting(self, reader: Reader, most: int) -> tuple[int, datetime | None]:
        """How many rows wait to be sealed, counted to ``most``, and the oldest time among those counted."""
        some = select(self.table.c.at).where(self.table.c.sealed_in.is_(None)).limit(most).subquery()
        row = reader.execute(select(func.count(), func.min(some.c.at))).one()
        return row[0], row[1]

    def mark(self, session: Session, keys: Sequence[Key], batch: int) -> int:
        """Write down that ``batch`` seals these rows, unless another has, and return how many rows are now its own.

        Row by row, by their keys: a list of keys in one statement makes SQLite read all that waits.
        """
        these = [self.table.c[name] == bindparam(f"key_{name}") for name in self.key]
        taken = update(self.table).where(*these, self.table.c.sealed_in.is_(None)).values(sealed_in=batch)
        rows = [{f"key_{name}": part for name, part in zip(self.key, key, strict=True)} for key in keys]
        if rows:
            session.execute(taken, rows)
        its_own = select(func.count()).where(self.table.c.sealed_in == batch)
        return int(session.execute(its_own).scalar_one())

    def sealed(self, reader: Reader, first: int, last: int | None = None) -> Iterator[Entry]:
        """The rows of the batches from ``first`` on (through ``last``), by batch, time and key, a page at a time."""
        order = (self.table.c.sealed_in, *self._order())
        after: tuple[Any, ...] | None = None
        while True:
            page = select(self.table).where(self.table.c.sealed_in >= first).order_by(*order).limit(PAGE)
            if last is not None:
                page = page.where(self.table.c.sealed_in <= last)
            if after is not None:
                page = page.where(tuple_(*order) > after)
            rows = [self._entry(row) for row in reader.execute(page)]
            yield from rows
            if len(rows) < PAGE:
                return
            after = (rows[-1].batch, rows[-1].at, *rows[-1].key)

    def forget(self, session: Session, first: int, last: int) -> int:
        """Delete the rows of the batches from ``first`` through ``last``; how many there were."""
        gone = delete(self.table).where(self.table.c.sealed_in.between(first, last))
        return len(session.execute(gone.returning(self.table.c[self.key[-1]])).all())

    def _keys(self) -> list[Any]:
        return [self.table.c[name] for name in self.key]

    def _order(self) -> list[Any]:
        return [self.table.c.at, *self._keys()]
