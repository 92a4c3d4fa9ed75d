"""Many rows written in one statement. PostgreSQL takes each column as one array, and a value that all rows share once:
a thousand rows cost one round trip and a dozen parameters. Arrays of ids, numbers and times are sent as one text, which
the driver need not go through value by value. SQLite, which is in the process, takes row after row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Table, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from backend.kit.db import UtcDateTime, dialect_of

Rows = Sequence[Mapping[str, Any]]


def insert_many(session: Session, table: Table, rows: Rows) -> None:
    """Insert rows that all fill the same columns."""
    if not rows:
        return
    if dialect_of(session) != "postgresql":
        session.execute(table.insert(), list(rows))
        return
    names = tuple(rows[0])
    shared = tuple(name for name in names if all(row[name] == rows[0][name] for row in rows))
    each = tuple(name for name in names if name not in shared) or names[:1]
    told = _columns(table, rows, each) | {f"new_{name}": rows[0][name] for name in names if name not in each}
    session.connection().execute(_insert(table, names, each), told)


def update_many(session: Session, table: Table, key: tuple[str, ...], added: str | None, rows: Rows) -> None:
    """Change one row for each of ``rows``, found by the columns ``key``: set the others, but add to the column
    ``added``. No two of them name the same row."""
    if not rows:
        return
    names = tuple(rows[0])
    if dialect_of(session) == "postgresql":
        session.connection().execute(_update(table, key, added, names), _columns(table, rows, names))
        return
    told = [{f"new_{name}": value for name, value in row.items()} for row in rows]
    session.connection().execute(_update_one(table, key, added, names), told)


def _columns(table: Table, rows: Rows, names: tuple[str, ...]) -> dict[str, Any]:
    return {
        f"new_{name}": _joined([row[name] for row in rows]) if _is_plain(table, name) else [row[name] for row in rows]
        for name in names
    }


def _is_plain(table: Table, name: str) -> bool:
    """Whether a column's values, as text, hold neither a comma nor nothing at all."""
    return isinstance(table.c[name].type, sa.Uuid | sa.Integer | sa.Date | UtcDateTime)


def _joined(values: list[Any]) -> str:
    return ",".join(["" if value is None else str(value) for value in values])


def _unnested(table: Table, names: tuple[str, ...]) -> Any:
    columns = [sa.column(name, table.c[name].type) for name in names]
    arrays = [_array(table, name) for name in names]
    return sa.func.unnest(*arrays).table_valued(*columns, name="given").render_derived()


def _array(table: Table, name: str) -> Any:
    kind = ARRAY(table.c[name].type)
    if _is_plain(table, name):
        return sa.cast(sa.func.string_to_array(bindparam(f"new_{name}", type_=sa.Text()), ",", ""), kind)
    return bindparam(f"new_{name}", type_=kind)


@lru_cache(maxsize=64)
def _insert(table: Table, names: tuple[str, ...], each: tuple[str, ...]) -> Any:
    given = _unnested(table, each)
    told = [given.c[name] if name in each else bindparam(f"new_{name}", type_=table.c[name].type) for name in names]
    return table.insert().from_select(list(names), sa.select(*told).select_from(given))


@lru_cache(maxsize=32)
def _update(table: Table, key: tuple[str, ...], added: str | None, names: tuple[str, ...]) -> Any:
    given = _unnested(table, names)
    values = {
        name: table.c[name] + given.c[name] if name == added else given.c[name] for name in names if name not in key
    }
    return sa.update(table).where(*(table.c[name] == given.c[name] for name in key)).values(values)


@lru_cache(maxsize=32)
def _update_one(table: Table, key: tuple[str, ...], added: str | None, names: tuple[str, ...]) -> Any:
    new = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in names}
    values = {name: table.c[name] + new[name] if name == added else new[name] for name in names if name not in key}
    return sa.update(table).where(*(table.c[name] == new[name] for name in key)).values(values)
