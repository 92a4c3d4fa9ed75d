"""Connections for reads, one kept open by each thread that reads.

A request reads two or three times for a moment each; taking a connection from a pool and giving it back costs as much
as a small statement. One that has lain idle is asked whether it still stands before it is used; when one is found
broken, every older one is replaced at its next use.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakSet

from sqlalchemy import Connection, Engine

from backend.kit import deadline

IDLE_SECONDS = 1.0


class _Own(threading.local):
    """What one thread keeps."""

    connection: Connection | None = None
    generation = -1
    used_at = 0.0
    busy = False


class Readers:
    """Autocommit connections of one engine, whose pool keeps none itself."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._own = _Own()
        self._all: WeakSet[Connection] = WeakSet()
        self._generation = 0

    @contextmanager
    def one(self) -> Iterator[Connection]:
        """This thread's connection; another one where it is in use already, further up."""
        own = self._own
        if own.busy:
            with self._engine.connect() as connection, _watched(connection):
                yield connection
            return
        connection = self._standing(own)
        own.busy = True
        try:
            with _watched(connection):
                yield connection
                if connection.in_transaction():
                    connection.rollback()
        except BaseException:
            self._drop(own)
            raise
        finally:
            own.busy, own.used_at = False, time.monotonic()

    def _standing(self, own: _Own) -> Connection:
        known = own.connection
        if known is not None and not known.closed and own.generation == self._generation:
            if time.monotonic() - own.used_at < IDLE_SECONDS or self._answers(known):
                return known
            self._generation += 1
        self._drop(own)
        own.connection, own.generation = self._engine.connect(), self._generation
        self._all.add(own.connection)
        return own.connection

    def _answers(self, connection: Connection) -> bool:
        raw = connection.connection.driver_connection
        try:
            return raw is not None and self._engine.dialect.do_ping(raw)
        except self._engine.dialect.loaded_dbapi.Error:
            return False

    def _drop(self, own: _Own) -> None:
        """Close what the thread keeps. A broken one takes those of its age with it."""
        if own.connection is not None:
            if own.connection.invalidated:
                self._generation += 1
            own.connection.close()
            own.connection = None

    def close(self) -> None:
        """Close every thread's connection; each opens another when it reads again."""
        self._generation += 1
        for connection in list(self._all):
            connection.close()
        self._engine.dispose()


@contextmanager
def _watched(connection: Connection) -> Iterator[None]:
    """Have what runs on the connection stopped when its holder's deadline is over. One that was stopped raises, so that
    nobody uses it again: the database may hear of it late, and would stop the next holder."""
    watched = deadline.watch_statements(connection.connection.driver_connection)
    try:
        yield
    finally:
        if watched is not None and deadline.unwatch(watched):
            raise deadline.DeadlineExceeded()
