"""Connections for reads, kept open between them.

A request reads two or three times for a moment each; taking a connection from a pool and giving it back costs as much
as a small statement. One that has lain idle is asked whether it still stands before it is used; when one is found
broken, every older one is replaced at its next use.

They belong to nobody: what a thread keeps for itself is destroyed while the thread ends, and SQLite's driver calls back
into Python when a connection is destroyed, which takes a server's idle thread, and with it the process, down.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from backend.kit import deadline

IDLE_SECONDS = 1.0


class _Free(NamedTuple):
    """A connection that nobody reads by. ``used_at``: when it was given back, by the monotonic clock."""

    connection: Connection
    generation: int
    used_at: float


class Readers:
    """Autocommit connections of one engine, whose pool keeps none itself. As many as were ever in use at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._free: deque[_Free] = deque()
        self._generation = 0

    @contextmanager
    def one(self) -> Iterator[Connection]:
        """A connection for as long as the block lasts: the one that was used last, if it is free."""
        connection, generation = self._take()
        try:
            with _watched(connection):
                yield connection
                if connection.in_transaction():
                    connection.rollback()
        except BaseException:
            self._drop(connection)
            raise
        self._free.append(_Free(connection, generation, time.monotonic()))

    def _take(self) -> tuple[Connection, int]:
        while True:
            try:
                free = self._free.pop()
            except IndexError:
                generation = self._generation
                return self._engine.connect(), generation
            if self._stands(free):
                return free.connection, free.generation
            self._drop(free.connection)

    def _stands(self, free: _Free) -> bool:
        if free.connection.closed or free.generation != self._generation:
            return False
        if time.monotonic() - free.used_at < IDLE_SECONDS or self._answers(free.connection):
            return True
        self._generation += 1
        return False

    def _answers(self, connection: Connection) -> bool:
        raw = connection.connection.driver_connection
        try:
            return raw is not None and self._engine.dialect.do_ping(raw)
        except self._engine.dialect.loaded_dbapi.Error:
            return False

    def _drop(self, connection: Connection) -> None:
        """Close it. A broken one takes those of its age with it."""
        if connection.invalidated:
            self._generation += 1
        connection.close()

    def close(self) -> None:
        """Close every one; one that is in use now is replaced when somebody would read by it again."""
        self._generation += 1
        while self._free:
            self._free.pop().connection.close()
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
