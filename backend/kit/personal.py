"""What a room tells of a person's data: what it keeps, why, on what basis, how long, and what becomes of it.

Each room has one :class:`Keeper`. Whoever answers a person's request (a copy, a departure) asks all of them; nobody
else knows their tables. A section is read page by page, so that a long life costs no more memory than a short one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Table, select, tuple_
from sqlalchemy.orm import Session

from backend.kit.db import Reader

PAGE = 500
"""Rows read at a time."""

KINDS = ("text", "whole", "instant", "day", "flag", "json")
Row = Mapping[str, Any]


class Page(NamedTuple):
    """Rows, and the position after them (None: there are no more)."""

    rows: Sequence[Row]
    after: Any


@dataclass(frozen=True)
class Column:
    """A field of a section. ``words``: what its coded values, or the names within it, mean in Chinese."""

    name: str
    title: str
    kind: str = "text"
    words: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Section:
    """One list of what is kept about a person. ``kept`` may name periods of the city (``{access_log_years}``).

    ``own_words``: what the city's own codes mean, by column.
    """

    id: str
    title: str
    purpose: str
    basis: str
    kept: str
    columns: tuple[Column, ...]
    page: Callable[[Reader, UUID, Any], Page]
    own_words: Callable[[Reader], Mapping[str, Mapping[str, str]]] | None = None

    def worded(self, reader: Reader) -> Section:
        """The section with the city's own words in its columns."""
        if self.own_words is None:
            return self
        words = self.own_words(reader)
        return replace(self, columns=tuple(replace(one, words=words.get(one.name, one.words)) for one in self.columns))


class Kept(NamedTuple):
    """What outlives a departure: what, in which shape, for how long, on what basis. For the person to read."""

    title: str
    shape: str
    period: str
    basis: str


@dataclass(frozen=True)
class Leaving:
    """Who is leaving. ``digests``: (key id, keyed digest) of the id number for what guards first-timer offers until
    ``guarded_until_on``; ``kept_items``: the catalogue's codes whose records the law orders kept; ``operation_key``:
    of the departure itself.
    """

    resident_id: UUID
    account_id: UUID | None = None
    digests: tuple[tuple[str, bytes], ...] = ()
    guarded_until_on: date | None = None
    kept_items: frozenset[str] = frozenset()
    operation_key: UUID | None = None


@dataclass(frozen=True)
class Keeper:
    """A room's word on every table of its that knows of persons.

    ``deleted``: table → what it is called, in Chinese; its rows go. ``kept``: table → what stays, and why.
    ``apart``: table → why none of a person's is in it although a column's name looks so. ``erase`` says how many rows
    went, by table; a second call finds nothing.
    """

    room: str
    sections: tuple[Section, ...]
    erase: Callable[[Session, Leaving], dict[str, int]]
    deleted: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, Kept] = field(default_factory=dict)
    apart: Mapping[str, str] = field(default_factory=dict)

    @property
    def tables(self) -> frozenset[str]:
        return frozenset((*self.deleted, *self.kept, *self.apart))


def table_of(model: Any) -> Table:
    """The Core table of one's own model."""
    found = model.__table__
    assert isinstance(found, Table)
    return found


def listing(
    table: Table, key: str | tuple[str, ...], columns: Sequence[Column], *, whose: str = "resident_id",
    where: ColumnElement[bool] | None = None,
) -> Callable[[Reader, UUID, Any], Page]:  # fmt: skip
    """A section's ``page`` that reads columns of one table as they are, in the order of ``key``.

    ``key``: one column or several that are unique among one person's rows.
    """
    keys = [table.c[name] for name in ((key,) if isinstance(key, str) else key)]
    marks = [column.label(f"_key{n}") for n, column in enumerate(keys)]
    wanted = select(*marks, *(table.c[column.name] for column in columns)).order_by(*keys).limit(PAGE)

    def page(reader: Reader, resident_id: UUID, after: Any) -> Page:
        query = wanted.where(table.c[whose] == resident_id)
        if where is not None:
            query = query.where(where)
        if after is not None:
            query = query.where(tuple_(*keys) > tuple_(*after))
        rows = reader.execute(query).all()
        found = [{column.name: getattr(row, column.name) for column in columns} for row in rows]
        return Page(found, tuple(rows[-1][: len(keys)]) if len(rows) == PAGE else None)

    return page


def named(reader: Reader, key: ColumnElement[Any], name: ColumnElement[Any]) -> dict[str, str]:
    """What each row of a small table is called, by its id."""
    return {str(identity): called for identity, called in reader.execute(select(key, name)).all()}


def delete_where(session: Session, table: Table, **those: Any) -> int:
    """Delete the rows whose columns have these values, and say how many went."""
    statement = table.delete()
    for name, value in those.items():
        statement = statement.where(table.c[name] == value)
    first = next(iter(table.primary_key.columns))
    return len(session.execute(statement.returning(first)).all())
