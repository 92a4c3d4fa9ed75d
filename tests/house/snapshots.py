"""What the database holds, table by table, so that a test can say that nothing changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from backend.kit import db
from backend.models import metadata


def snapshot() -> dict[str, tuple[int, str]]:
    """Rows and a checksum of every table."""
    found = {}
    with db.current().engine.connect() as connection:
        for name in metadata.tables:
            quoted = connection.dialect.identifier_preparer.quote(name)
            rows = sorted(repr(tuple(row)) for row in connection.exec_driver_sql(f"SELECT * FROM {quoted}"))
            found[name] = (len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest())
    return found


def changed(before: dict[str, tuple[int, str]], after: dict[str, tuple[int, str]]) -> set[str]:
    """The tables that are not what they were."""
    return {name for name in after if before[name] != after[name]}


@contextmanager
def unchanged(*apart_from: str) -> Iterator[None]:
    """Fail when anything in the database is not afterwards what it was before."""
    before = snapshot()
    yield
    assert changed(before, snapshot()) <= set(apart_from)
