"""Statements of hot paths: built once, compiled once for each database, run by the driver itself.

They are ordinary SQLAlchemy statements, so that types, names and both dialects stay in one place. What is spared is the
work that an execution repeats each time: looking the statement up, building contexts and results. That costs more than
most of these statements do. Engine events are still told, and errors are wrapped and judged as everywhere else.
"""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import Connection, Dialect
from sqlalchemy.orm import Session

Reader = Session | Connection
Values = Mapping[str, Any]
_CONNECTION = "prepared.connection"
_NAMED = re.compile(r"%\((\w+)\)s|%%")
_NUMBERED = re.compile(r"\$(\d+)")


class _Ready(NamedTuple):
    """A statement as one driver takes it: values by place, each as its column wants it."""

    text: str
    makers: tuple[tuple[str, Callable[[Any], Any] | None, Any], ...]
    readers: tuple[tuple[int, Callable[[Any], Any]], ...]
    row: Callable[[Any], Any]

    def told(self, values: Values) -> tuple[Any, ...]:
        """The values in their places; a name of "" marks one that is always the same."""
        return tuple(
            [
                fixed if not name else values[name] if make is None else make(values[name])
                for name, make, fixed in self.makers
            ]
        )


class Part(NamedTuple):
    """What one room adds to a statement that asks several about one resident (``:resident``): columns, and the tables
    they stand in, each with the condition under which it is joined. Where it has no row its columns are null.
    """

    columns: tuple[Any, ...]
    joins: tuple[tuple[Any, Any], ...] = ()


class Prepared:
    """One statement. ``statement``: it, or a function of the dialect's name that builds it.

    Values are given by name, each of them every time; lists of changing length (``IN``) have no place here.
    ``columns``: what an INSERT without written values fills; all columns when it is left out.
    """

    def __init__(self, statement: Any, columns: Sequence[str] | None = None) -> None:
        self._build: Callable[[str], Any] = statement if callable(statement) else lambda _dialect: statement
        self._columns = columns
        self._ready: dict[str, _Ready] = {}

    def rows(self, reader: Reader, values: Values) -> list[Any]:
        """Every row, as named tuples of Python values."""
        connection = _connection(reader)
        ready = self.ready(connection.dialect)
        return [_read(ready, row) for row in run_text(connection, ready.text, ready.told(values)).fetchall()]

    def first(self, reader: Reader, values: Values) -> Any:
        """The first row; None when there is none."""
        connection = _connection(reader)
        ready = self.ready(connection.dialect)
        row = run_text(connection, ready.text, ready.told(values)).fetchone()
        return None if row is None else _read(ready, row)

    def run(self, session: Session, values: Values) -> None:
        """Run a statement that gives no rows."""
        connection = _connection(session)
        ready = self.ready(connection.dialect)
        run_text(connection, ready.text, ready.told(values))

    def ready(self, dialect: Dialect) -> _Ready:
        """The statement as this database takes it."""
        known = self._ready.get(dialect.name)
        if known is None:
            statement = self._build(dialect.name)
            known = self._ready[dialect.name] = _prepared(statement, self._columns, dialect)
        return known


class Batch:
    """What an act writes in the end, gathered from several rooms: one statement on PostgreSQL, where the round trips
    are what it costs, one after another on SQLite.

    No part may touch a row of another part or read what another writes. Foreign keys are checked at the end.
    """

    def __init__(self) -> None:
        self._parts: list[tuple[Prepared, Values]] = []

    def add(self, statement: Prepared, values: Values) -> None:
        """Another part; its rows, if it gives any, are not read."""
        self._parts.append((statement, values))

    def run(self, session: Session) -> None:
        """Write all of it and be empty again."""
        parts, self._parts = self._parts, []
        connection = _connection(session)
        if connection.dialect.name != "postgresql":
            for statement, values in parts:
                statement.run(session, values)
        elif parts:
            ready = [statement.ready(connection.dialect) for statement, _ in parts]
            told = [value for one, (_, values) in zip(ready, parts, strict=True) for value in one.told(values)]
            run_text(connection, _together(tuple(one.text for one in ready)), tuple(told))


_joined: dict[tuple[str, ...], str] = {}


def _together(texts: tuple[str, ...]) -> str:
    """Several statements as one; the places of their values follow one another."""
    known = _joined.get(texts)
    if known is None:
        numbered, before = [], 0
        for text in texts:
            numbered.append(_NUMBERED.sub(lambda found, by=before: f"${int(found[1]) + by}", text))  # type: ignore[misc]
            before += max((int(place) for place in _NUMBERED.findall(text)), default=0)
        *parts, last = numbered
        named = ", ".join(f"part{n} AS ({part})" for n, part in enumerate(parts))
        if len(_joined) > 500:
            _joined.clear()
        known = _joined[texts] = f"WITH {named} {last}" if named else last
    return known


def _prepared(statement: Any, columns: Sequence[str] | None, dialect: Dialect) -> _Ready:
    compiled = statement.compile(dialect=dialect, column_keys=columns)
    if "[POSTCOMPILE_" in compiled.string:
        raise ValueError("a prepared statement has a fixed number of values")
    makers = {name: _maker(name, bind, dialect) for name, bind in compiled.binds.items()}
    text, order = compiled.string, list(compiled.positiontup or ())
    if not compiled.positional:
        text, order = _by_place(text)
    shown = list(getattr(statement, "exported_columns", ()))
    processors = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in shown]
    row = namedtuple("Row", [column.key or "_" for column in shown], rename=True)  # type: ignore[misc]
    readers = tuple((place, read) for place, read in enumerate(processors) if read)
    return _Ready(text, tuple(makers[name] for name in order), readers, row._make)


def _maker(name: str, bind: Any, dialect: Dialect) -> tuple[str, Callable[[Any], Any] | None, Any]:
    make = bind.type.dialect_impl(dialect).bind_processor(dialect)
    if bind.required:
        return name, make, None
    return "", None, make(bind.effective_value) if make else bind.effective_value


def _by_place(text: str) -> tuple[str, list[str]]:
    """From ``%(name)s`` to ``$1``, which the driver need not translate anew each time."""
    order: list[str] = []

    def place(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        if found[1] not in order:
            order.append(found[1])
        return f"${order.index(found[1]) + 1}"

    return _NAMED.sub(place, text), order


def _connection(reader: Reader) -> Connection:
    """The connection behind a reader; a session's is looked up once in a transaction and once in each savepoint.

    A session sends its SAVEPOINT when it is first asked for its connection, so each savepoint has to ask.
    """
    if isinstance(reader, Connection):
        return reader
    within = reader.get_nested_transaction() or reader.get_transaction()
    known: tuple[Any, Connection] | None = reader.info.get(_CONNECTION)
    if known is not None and within is not None and known[0] is within and not known[1].closed:
        return known[1]
    connection = reader.connection()
    reader.info[_CONNECTION] = (reader.get_nested_transaction() or reader.get_transaction(), connection)
    return connection


def run_text(connection: Connection, text: str, told: tuple[Any, ...] = ()) -> Any:
    """Have the driver run a text with its values by place; its cursor. Told and judged as every other execution."""
    raw = connection.connection.driver_connection
    assert raw is not None
    cursor: Any = raw.cursor() if connection.dialect.name == "sqlite" else psycopg.RawCursor(raw)
    events = connection.dispatch if connection._has_events else connection.engine.dispatch
    for hear in events.before_cursor_execute if events.before_cursor_execute else ():
        hear(connection, cursor, text, told, None, False)
    try:
        cursor.execute(text, told)
    except connection.dialect.loaded_dbapi.Error as error:
        connection._handle_dbapi_exception(error, text, told, cursor, None)
    for hear in events.after_cursor_execute if events.after_cursor_execute else ():
        hear(connection, cursor, text, told, None, False)
    return cursor


def _read(ready: _Ready, row: Any) -> Any:
    if ready.readers:
        row = list(row)
        for place, read in ready.readers:
            row[place] = read(row[place])
    return ready.row(row)
