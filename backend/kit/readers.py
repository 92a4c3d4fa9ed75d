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
from contextlib import AbstractContextManager
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

    def one(self) -> AbstractContextManager[Connection]:
        """A connection for as long as the block lasts: the one that was used last, if it is free."""
        return _Reading(self)

    def give_back(self, connection: Connection, generation: int) -> None:
        """Let others read by it."""
        self._free.append(_Free(connection, generation, time.monotonic()))

    def take(self) -> tuple[Connection, int]:
        """A connection that stands, and its generation."""
        while True:
            try:
                free = self._free.pop()
            except IndexError:
                generation = self._generation
                return self._engine.connect(), generation
            if self._stands(free):
                return free.connection, free.generation
            self.drop(free.connection)

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

    def drop(self, connection: Connection) -> None:
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


class _Reading:
    """One reading. What runs on the connection is stopped when its holder's deadline is over; one that was stopped
    raises, so that nobody uses it again: the database may hear of it late, and would stop the next holder.

    A class, not a generator: every request passes here two or three times.
    """

    __slots__ = ("_connection", "_generation", "_readers", "_watched")

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    def __enter__(self) -> Connection:
        connection, self._generation = self._readers.take()
        try:
            self._watched = deadline.watch_statements(connection.connection.driver_connection)
        except BaseException:
            self._readers.drop(connection)
            raise
        self._connection = connection
        return connection

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: object) -> None:
        kept = False
        try:
            self._end(kind)
            kept = kind is None
        finally:
            if kept:
                self._readers.give_back(self._connection, self._generation)
            else:
                self._readers.drop(self._connection)

    def _end(self, kind: type[BaseException] | None) -> None:
        try:
            if kind is None and self._connection.in_transaction():
                self._connection.rollback()
        finally:
            if self._watched is not None and deadline.unwatch(self._watched):
                raise deadline.DeadlineExceeded()
