"""Tables that only this connection sees, filled in one go: COPY on PostgreSQL, where rows come by the ten thousand."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import polars as pl
import psycopg
from sqlalchemy import (
    JSON,
    Column,
    MetaData,
    Select,
    Table,
    Uuid,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    true,
)
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateTable

from backend.kit import db

SLICE_ROWS = 4_096
_own = MetaData()


def staged(name: str, *columns: Column[Any]) -> Table:
    """A table for the time of a transaction."""
    return Table(name, _own, *columns, prefixes=["TEMPORARY"], postgresql_on_commit="DELETE ROWS")


def copied(table: Table, *names: str) -> list[Column[Any]]:
    """Columns like those of another table."""
    return [Column(name, table.c[name].type) for name in names]


def insert_unless_there(
    session: Session, table: Table, names: list[str], rows: Select[Any], conflict: list[str]
) -> int | None:
    """Insert what a query finds, unless a row with the same ``conflict`` columns stands. How many were inserted; None
    where the database cannot say it without listing them (SQLite)."""
    if rows.whereclause is None:
        rows = rows.where(true())  # else SQLite takes ON CONFLICT for a join's ON
    statement = db.insert(session, table).from_select(names, rows).on_conflict_do_nothing(index_elements=conflict)
    if db.dialect_of(session) == "sqlite":
        session.execute(statement)
        return None
    arrived = statement.returning(literal(1).label("one")).cte("arrived")
    return int(session.execute(select(func.count()).select_from(arrived)).scalar_one())


@contextmanager
def row_by_row(session: Session) -> Iterator[None]:
    """Have what is joined to a staged table found through its index. The planner knows nothing of the rows that have
    just come, and would rather read the whole of a large table for each ten thousand."""
    ways = ("hashjoin", "mergejoin") if db.dialect_of(session) == "postgresql" else ()
    for way in ways:
        session.execute(text(f"SET LOCAL enable_{way} = off"))
    yield
    for way in ways:
        session.execute(text(f"SET LOCAL enable_{way} TO DEFAULT"))


@contextmanager
def filled(session: Session, table: Table, rows: pl.DataFrame) -> Iterator[None]:
    """The rows in a table that only this connection sees, for as long as the block lasts."""
    connection = session.connection()
    connection.execute(CreateTable(table, if_not_exists=True))
    rows = rows.select(column.name for column in table.columns)
    if db.dialect_of(session) == "postgresql":
        copy(session, table, rows)
    elif rows.height:
        session.execute(insert(table), _plain(table, rows))
    yield
    session.execute(text(f"TRUNCATE {table.name}") if db.dialect_of(session) == "postgresql" else delete(table))


def copy(session: Session, table: Table, rows: pl.DataFrame) -> None:
    """Rows into a table of PostgreSQL's, by their columns' names, in COPY's own text format: it is read quicker than
    CSV. No text may hold a NUL.

    They go in slices, so that the database reads one while the next is written. Raises SQLAlchemy's errors.
    """
    driver: Any = session.connection().connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({', '.join(rows.columns)}) FROM STDIN") as to:
            for part in rows.iter_slices(SLICE_ROWS):
                out = io.BytesIO()
                part.with_columns(_escaped(part)).write_csv(
                    out, include_header=False, separator="\t", quote_style="never", null_value="\\N"
                )
                to.write(out.getbuffer())
    except psycopg.OperationalError as error:
        raise OperationalError("COPY", None, error) from error
    except psycopg.IntegrityError as error:
        raise IntegrityError("COPY", None, error) from error


_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_ESCAPED = r"[\\\t\n\r]"


def _escaped(rows: pl.DataFrame) -> list[pl.Series]:
    """The columns of texts that say something to COPY's format, saying it as a text."""
    texts = [column for column in rows if column.dtype == pl.String and column.str.contains(_ESCAPED).any()]
    return [_plainly(column) for column in texts]


def _plainly(texts: pl.Series) -> pl.Series:
    for sign, said in _ESCAPES.items():
        texts = texts.str.replace_all(sign, said, literal=True)
    return texts


def _plain(table: Table, rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows as the table's types take them."""
    made: list[dict[str, Any]] = rows.to_dicts()
    read: dict[str, Callable[[str], Any]] = {
        column.name: UUID if isinstance(column.type, Uuid) else _object
        for column in table.columns
        if isinstance(column.type, Uuid | JSON)
    }
    for row in made:
        row.update({name: parse(row[name]) for name, parse in read.items()})
    return made


def _object(text: str) -> Any:
    return json.loads(text)
