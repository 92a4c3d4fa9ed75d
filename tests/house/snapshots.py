"""What the database holds, table by table, so that a test can say that nothing changed."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from backend.kit import db
from backend.models import metadata

Found = dict[str, tuple[int, str]]


class _Watch:
    """SQLite says to one connection whether any other has written: while none has, the last snapshot holds."""

    def __init__(self) -> None:
        self._path: str | None = None
        self._connection: sqlite3.Connection | None = None
        self._version, self._found = -1, Found()

    def unwritten(self) -> Found | None:
        """The last snapshot, if nothing was written since; for the database that is bound now."""
        url = db.current().engine.url
        path = url.database if url.get_backend_name() == "sqlite" else None
        if path != self._path or self._connection is None:
            if self._connection is not None:
                self._connection.close()
            self._path, self._version = path, -1
            self._connection = sqlite3.connect(path, check_same_thread=False) if path else None
        if self._connection is None:
            return None
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        held, self._version = version == self._version, version
        return self._found if held else None

    def keep(self, found: Found) -> None:
        self._found = found


_watch = _Watch()


def snapshot() -> Found:
    """Rows and a checksum of every table."""
    if (last := _watch.unwritten()) is not None:
        return last
    found = {}
    with db.current().engine.connect() as connection:
        for name in metadata.tables:
            quoted = connection.dialect.identifier_preparer.quote(name)
            rows = sorted(repr(tuple(row)) for row in connection.exec_driver_sql(f"SELECT * FROM {quoted}"))
            found[name] = (len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest())
    _watch.keep(found)
    return found


def changed(before: Found, after: Found) -> set[str]:
    """The tables that are not what they were."""
    return {name for name in after if before[name] != after[name]}


@contextmanager
def unchanged(*apart_from: str) -> Iterator[None]:
    """Fail when anything in the database is not afterwards what it was before."""
    before = snapshot()
    yield
    assert changed(before, snapshot()) <= set(apart_from)
