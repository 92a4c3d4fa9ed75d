"""Whether everything that is sealed still opens, row by row.

A column whose name ends in ``_sealed`` holds a sealed value. In a table that is keyed by ``resident_id`` it is a
person's, sealed with the person's data key; in any other it is a secret of the system, bound to the row's UUID. A
table whose rows are bound by something else says by what (``bound_by``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import Table, Uuid, select

from backend.kit import seal
from backend.kit.db import Reader
from backend.models import metadata

PAGE = 500
SAMPLES = 5
DATA_KEYS = ("people", "data_key")
RowId = Callable[[Any], UUID]
Told = Callable[[int], None]
_bound: dict[str, RowId] = {}


def bound_by(table: str, row_id: RowId) -> None:
    """Say by which UUID a row of ``table`` is bound, given its primary key. The composition root does."""
    _bound[table] = row_id


def sealed_columns() -> dict[str, list[str]]:
    """Every table that keeps something sealed, with those columns."""
    found = {
        table.name: [column.name for column in table.columns if column.name.endswith("_sealed")]
        for table in metadata.sorted_tables
    }
    return {name: columns for name, columns in found.items() if columns}


def is_personal(table: Table) -> bool:
    return "resident_id" in table.primary_key.columns


def way_to_open(table: Table) -> RowId | None:
    """By which UUID the rows of a table of system secrets are bound. None when nobody has said and none can be told."""
    if table.name in _bound:
        return _bound[table.name]
    [*key] = table.primary_key.columns
    return (lambda value: value) if len(key) == 1 and isinstance(key[0].type, Uuid) else None


def open_all(reader: Reader, told: Told = lambda _: None) -> tuple[int, list[str]]:
    """Open every sealed value: how many there are, and which do not open (table, column and key, never a value)."""
    count, broken = 0, []
    for name, columns in sealed_columns().items():
        for opened, problem in _open_table(reader, metadata.tables[name], columns):
            count += opened
            if problem:
                broken.append(problem)
            if count % PAGE == 0:
                told(count)
    return count, broken


def open_samples(reader: Reader) -> list[str]:
    """Open what the first rows of each table have sealed, which is quick, and name what does not open."""
    broken = []
    for name, columns in sealed_columns().items():
        for _, problem in islice(_open_table(reader, metadata.tables[name], columns), SAMPLES):
            broken += [problem] if problem else []
    return broken


def _open_table(reader: Reader, table: Table, columns: list[str]) -> Iterator[tuple[int, str]]:
    personal = is_personal(table)
    row_id = None if personal else way_to_open(table)
    if not personal and row_id is None:
        yield 0, f"{table.name}：没有说明封存值绑定到什么"
        return
    for row in _rows(reader, table, columns, personal):
        for column in columns:
            if (sealed := row[column]) is not None and sealed != "":
                yield 1, _problem(table, column, row, sealed, row_id)


def _rows(reader: Reader, table: Table, columns: list[str], personal: bool) -> Iterator[Any]:
    """All rows by their key, a page at a time; a person's fields come with the person's data key."""
    people = metadata.tables[DATA_KEYS[0]]
    key = list(table.primary_key.columns)
    wanted = [*key, *(table.c[name] for name in columns)]
    statement = select(*wanted).order_by(*key).limit(PAGE)
    if personal:
        joined = table if table is people else table.join(people, people.c.resident_id == table.c.resident_id)
        statement = select(*wanted, people.c[DATA_KEYS[1]].label("_data_key")).select_from(joined)
        statement = statement.where(people.c[DATA_KEYS[1]].is_not(None)).order_by(*key).limit(PAGE)
    after: tuple[Any, ...] = ()
    while rows := list(reader.execute(_after(statement, key, after)).mappings()):
        yield from rows
        after = tuple(rows[-1][column.name] for column in key)


def _after(statement: Any, key: list[Any], after: tuple[Any, ...]) -> Any:
    """Continue behind a key: (a, b) > (x, y), spelled out, since not every type compares in a row value."""
    if not after:
        return statement
    condition = key[-1] > after[-1]
    for column, value in reversed(list(zip(key[:-1], after[:-1], strict=True))):
        condition = (column > value) | ((column == value) & condition)
    return statement.where(condition)


def _problem(table: Table, column: str, row: Any, sealed: str, row_id: RowId | None) -> str:
    try:
        if row_id is None:
            seal.open(row["_data_key"], sealed, table=table.name, column=column, person=row["resident_id"])
        else:
            first = next(iter(table.primary_key.columns)).name
            seal.open_system(sealed, table=table.name, column=column, row=row_id(row[first]))
    except seal.SealBroken as error:
        key = "/".join(str(row[part.name]) for part in table.primary_key.columns)
        return f"{table.name}.{column} {key}：{error}"
    return ""
