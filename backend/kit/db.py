"""The database: one engine, two ways in.

``transaction()`` is opened by the edge (a route, a command, a job) and by nobody else; ``reading()`` gives an
autocommit connection for hot reads, one statement each. SQLite has one writer at a time in the whole machine
(thread lock and ``flock``, shared by server, worker and commands), because its own busy waiting costs a
hundred times the latency.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import re
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, TypeVar

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    DateTime,
    Engine,
    MetaData,
    Select,
    String,
    Table,
    TypeDecorator,
    Uuid,
    any_,
    create_engine,
    event,
    func,
    literal,
    make_url,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DisconnectionError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import NullPool

from backend.kit import deadline, prepared
from backend.kit.prepared import Prepared
from backend.kit.readers import IDLE_SECONDS, Readers

Reader = Session | Connection
T = TypeVar("T", bound=Select[Any])

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """An instant. Aware in Python, ``timestamptz`` on PostgreSQL, UTC text on SQLite; naive values are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime was given where an instant is meant")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Id = Uuid(as_uuid=True)
JsonDoc = JSON().with_variant(postgresql.JSONB(), "postgresql")


class Base(DeclarativeBase):
    """The base of every model. Models are private to their room."""

    metadata = metadata
    type_annotation_map = {
        datetime: UtcDateTime(),
        uuid.UUID: Id,
        dict[str, Any]: JsonDoc,
        list[Any]: JsonDoc,
    }


def distributed(column: str = "resident_id") -> dict[str, Any]:
    """Table arguments of what is kept shard by shard, by ``column``."""
    return {"info": {"citus": ("hash", column)}}


def reference() -> dict[str, Any]:
    """Table arguments of what is small, read often, written seldom: a copy on every node."""
    return {"info": {"citus": ("reference",)}}


def local() -> dict[str, Any]:
    """Table arguments of what the coordinator keeps for itself."""
    return {"info": {"citus": ("local",)}}


class WriterLock:
    """One writer at a time on one SQLite file: within the process by a lock, between processes by ``flock``.

    The wait for another process is not cut short: asking in turns instead of queueing costs every writer latency. Who
    gets the lock after the end of its time gives it back and has changed nothing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = threading.Lock()
        self._file: IO[bytes] | None = None
        self._pid = 0

    def close(self) -> None:
        """Give the lock's file back; the next holder opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @contextmanager
    def held(self) -> Iterator[None]:
        if not self._threads.acquire(timeout=deadline.left(threading.TIMEOUT_MAX)):
            raise deadline.DeadlineExceeded()
        try:
            if self._file is None or self._pid != os.getpid():
                self._file, self._pid = self._path.open("ab"), os.getpid()
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                deadline.check()
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)
        finally:
            self._threads.release()


class Database:
    """An engine and its manners. ``url``: ``sqlite:////path/file.db`` or ``postgresql+psycopg://…``."""

    def __init__(self, url: str, *, pool_size: int = 10, statement_timeout_seconds: int = 30) -> None:
        self.url = make_url(url)
        self.dialect = self.url.get_backend_name()
        self.lock: WriterLock | None = None
        self.most_connections = 2 * pool_size
        self._places = threading.BoundedSemaphore(2 * pool_size)
        pooled: dict[str, Any] = {"pool_size": pool_size, "max_overflow": pool_size}
        if self.dialect == "sqlite":
            self.engine, reading = self._sqlite(pooled), self._sqlite({"poolclass": NullPool})
        elif self.dialect == "postgresql":
            options = f"-c statement_timeout={statement_timeout_seconds * 1000} -c timezone=UTC"
            connect = {"options": options, "connect_timeout": 5}
            self.engine = create_engine(
                self.url, hide_parameters=True, isolation_level="READ COMMITTED", connect_args=connect, **pooled
            )
            _ask_idle_connections(self.engine)
            reading = create_engine(
                self.url, hide_parameters=True, isolation_level="AUTOCOMMIT", connect_args=connect, poolclass=NullPool
            )
        else:
            raise ValueError("DATABASE_URL must name sqlite or postgresql+psycopg")
        _watch_statements(self.engine)
        self.reading_engine = reading.execution_options(reading=True)
        self.readers = Readers(self.reading_engine)

    def _sqlite(self, pooled: dict[str, Any]) -> Engine:
        path = Path(self.url.database or "")
        if not self.url.database or self.url.database == ":memory:":
            raise ValueError("SQLite needs a file: server, worker and commands share it")
        path.parent.mkdir(parents=True, exist_ok=True)
        self.lock = self.lock or WriterLock(path.with_name(path.name + ".lock"))
        engine = create_engine(
            self.url, hide_parameters=True, connect_args={"timeout": 30, "check_same_thread": False}, **pooled
        )

        @event.listens_for(engine, "do_connect")
        def make(*_: Any) -> None:
            """A new file is this user's alone; SQLite gives its -wal and -shm the same mode."""
            if path.parent.is_dir() and not path.exists():
                path.touch(mode=0o600)

        @event.listens_for(engine, "connect")
        def configure(raw: Any, _record: Any) -> None:
            raw.isolation_level = None
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
                raw.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            options = connection.get_execution_options()
            if not options.get("reading") and options.get("isolation_level") != "AUTOCOMMIT":
                prepared.run_text(connection, "BEGIN IMMEDIATE")

        return engine

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session in a transaction that commits at the end or leaves no trace."""
        with self._place(), Session(self.engine, expire_on_commit=False) as session:
            with self.lock.held() if self.lock else nullcontext(), session.begin():
                yield session
                deadline.check()

    def read(self) -> AbstractContextManager[Connection]:
        """An autocommit connection: a statement is its own snapshot and nothing is locked."""
        deadline.check()
        return self.readers.one()

    @contextmanager
    def _place(self) -> Iterator[None]:
        """A place at the database, waited for no longer than the deadline lets us: the pool knows one time for all."""
        deadline.check()
        if not self._places.acquire(timeout=deadline.left(PLACE_SECONDS)):
            deadline.check()
            raise PoolTimeout("no place at the database became free")
        try:
            yield
        finally:
            self._places.release()

    def dispose(self) -> None:
        """Close every connection."""
        self.readers.close()
        self.engine.dispose()
        if self.lock is not None:
            self.lock.close()


PLACE_SECONDS = 30.0


def _watch_statements(engine: Engine) -> None:
    """Have whatever runs on a connection stopped when its holder's deadline is over.

    A connection that was stopped is not used again: the database may hear of it late, and would stop the next holder.
    """

    @event.listens_for(engine, "checkout")
    def watch(raw: Any, record: Any, _proxy: Any) -> None:
        if record.info.pop("stopped", False):
            raise DisconnectionError()
        record.info["watched"] = deadline.watch_statements(raw)

    @event.listens_for(engine, "checkin")
    def unwatch(_raw: Any, record: Any) -> None:
        watched = record.info.pop("watched", None)
        if watched is not None and deadline.unwatch(watched):
            record.info["stopped"] = True


def _ask_idle_connections(engine: Engine) -> None:
    """Ask a connection that has lain idle whether it still stands before it is used; a dead one is replaced.

    One that was in use a moment ago is not asked: the question is a round trip, two for each request. Should the
    database have gone in that moment, one request hears of it, and the pool forgets every older connection.
    """

    @event.listens_for(engine, "checkin")
    def note(_raw: Any, record: Any) -> None:
        record.info["used_at"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ask(raw: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("used_at", math.inf) < IDLE_SECONDS:
            return
        try:
            engine.dialect.do_ping(raw)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError() from error


_bound: Database | None = None
_open: ContextVar[Session | None] = ContextVar("open_transaction", default=None)


def bind(database: Database | None) -> None:
    """Say which database this process works on; the composition root does, once."""
    global _bound
    _bound = database


def bound() -> Database | None:
    """The database of this process, if one is bound."""
    return _bound


def current() -> Database:
    if _bound is None:
        raise RuntimeError("no database is bound; the composition root does that")
    return _bound


_last_word: Callable[[Session], None] | None = None


def set_last_word(check: Callable[[Session], None] | None) -> None:
    """Register what is asked at the end of every edge's transaction, after its waiting; what it raises undoes it."""
    global _last_word
    _last_word = check


_guard: Callable[[], None] | None = None


def guard(asked: Callable[[], None] | None) -> None:
    """Register what is asked before every transaction and may raise; the composition root does."""
    global _guard
    _guard = asked


@contextmanager
def transaction() -> Iterator[Session]:
    """The edge's one transaction. Nesting is a mistake in the design and raises."""
    if _open.get() is not None:
        raise RuntimeError("a transaction is already open: services take the session, only the edge opens one")
    if _guard is not None:
        _guard()
    with current().write() as session:
        token = _open.set(session)
        try:
            yield session
            if _last_word is not None:
                _last_word(session)
        finally:
            _open.reset(token)


def reading() -> AbstractContextManager[Connection]:
    """A connection for reads: autocommit, Core rows. It never opens a write transaction."""
    return current().read()


def in_transaction() -> bool:
    """Whether this context holds the edge's transaction."""
    return _open.get() is not None


DISK_FULL = "53100"
DEADLOCKS = ("40P01", "40001", "55P03")


def is_deadlock(error: OperationalError) -> bool:
    """Whether the database gave up this transaction for another's sake, so that repeating it is right."""
    return getattr(error.orig, "sqlstate", None) in DEADLOCKS


def dialect_of(reader: Reader) -> str:
    return reader.get_bind().dialect.name if isinstance(reader, Session) else reader.dialect.name


def for_update(statement: T) -> T:
    """Lock the rows read. SQLite has none of that and needs none: its one writer already holds the whole file."""
    return statement.with_for_update()


def insert(reader: Reader, table: Table | type[Base]) -> Any:
    """The dialect's INSERT, which knows ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    return insert_of(dialect_of(reader), table)


def among(reader: Reader, column: Any, texts: Collection[str]) -> ColumnElement[bool]:
    """As ``column IN (…)`` for tens of thousands of texts: one parameter, however many they are."""
    told = list(texts)
    if dialect_of(reader) == "postgresql":
        found: ColumnElement[bool] = column == any_(literal(told, postgresql.ARRAY(String)))
        return found
    each = func.json_each(literal(json.dumps(told))).table_valued("value")
    among_them: ColumnElement[bool] = column.in_(select(each.c.value))
    return among_them


def insert_of(dialect: str, table: Table | type[Base]) -> Any:
    """The same for statements that are built once, ahead of any session."""
    target: Any = table if isinstance(table, Table) else table.__table__
    return postgresql.insert(target) if dialect == "postgresql" else sqlite.insert(target)


def insert_if_absent(
    reader: Reader, table: Table | type[Base], values: Mapping[str, Any], conflict: Sequence[str]
) -> bool:
    """Insert unless a row with the same ``conflict`` columns stands. True when this call inserted.

    It asks RETURNING, never ``rowcount``, which one driver reports as -1.
    """
    target: Any = table if isinstance(table, Table) else table.__table__
    return _insert_absent(target, tuple(conflict), tuple(values)).first(reader, values) is not None


@lru_cache(maxsize=256)
def _insert_absent(table: Table, conflict: tuple[str, ...], columns: tuple[str, ...]) -> Prepared:
    """Built once: building a statement costs more than sending it."""

    def build(dialect: str) -> Any:
        unless = insert_of(dialect, table).on_conflict_do_nothing(index_elements=list(conflict))
        return unless.returning(table.c[conflict[0]])

    return Prepared(build, columns)


def sqlstate(error: Exception) -> str:
    """The SQLSTATE behind a driver's error; SQLite's messages are mapped to the same codes. Never shown to callers."""
    orig = getattr(error, "orig", error)
    if state := getattr(orig, "sqlstate", None):
        return str(state)
    text = str(orig)
    if "database or disk is full" in text:
        return DISK_FULL
    for pattern, state in (("UNIQUE", "23505"), ("CHECK", "23514"), ("NOT NULL", "23502"), ("FOREIGN KEY", "23503")):
        if re.search(f"{pattern} constraint failed", text):
            return state
    return ""
