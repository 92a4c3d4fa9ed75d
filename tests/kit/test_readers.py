"""Connections for reads are kept between them, and never a broken or a stale one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError

from backend.kit import clock, db, readers
from backend.kit.ids import new_id
from backend.kit.outbox import OutboxRow

NEWS: Any = OutboxRow.__table__


def driver(connection: Any) -> Any:
    return connection.connection.driver_connection


def test_reads_go_by_one_connection_and_a_nested_read_by_another(database: db.Database) -> None:
    with db.reading() as first:
        kept = driver(first)
        with db.reading() as nested:
            assert driver(nested) is not kept
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(_read).result() is not kept
    assert _read() is kept


def test_a_connection_outlives_the_thread_that_opened_it(database: db.Database) -> None:
    """Destroyed with its thread, SQLite's connection would call into a Python that is gone already."""
    with ThreadPoolExecutor(1) as pool:
        kept = pool.submit(_read).result()
    assert _read() is kept


def _read() -> Any:
    with db.reading() as reader:
        assert reader.execute(text("SELECT 1")).scalar() == 1
        return driver(reader)


def test_a_read_sees_what_was_committed_a_moment_ago(database: db.Database) -> None:
    shard = new_id()
    ours = select(NEWS.c.id).where(NEWS.c.shard_id == shard)
    for count in range(3):
        with db.reading() as reader:
            assert len(reader.execute(ours).all()) == count
            reader.execute(select(NEWS.c.id)).first()  # left before its end
        with db.transaction() as session:
            row = dict(shard_id=shard, id=new_id(), topic="t", subscriber="s", payload={}, state="done", tries=0,
                       due_at=clock.now(), created_at=clock.now(), last_error="")  # fmt: skip
            session.execute(insert(NEWS), row)


def test_a_failed_read_leaves_nothing_behind(database: db.Database) -> None:
    with pytest.raises(DBAPIError), db.reading() as reader:
        reader.execute(text("SELECT nothing FROM nowhere"))
    with pytest.raises(RuntimeError), db.reading():
        raise RuntimeError("of the caller")
    with db.reading() as reader:
        assert reader.execute(text("SELECT 1")).scalar() == 1


def test_an_idle_connection_that_has_died_is_replaced_unnoticed(
    database: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with db.reading() as reader:
        dead = driver(reader)
    dead.close()
    monkeypatch.setattr(readers, "IDLE_SECONDS", 0.0)
    with db.reading() as reader:
        assert reader.execute(text("SELECT 1")).scalar() == 1 and driver(reader) is not dead


def test_one_broken_connection_makes_every_older_one_be_replaced(database: db.Database) -> None:
    with db.reading() as first, db.reading() as second:
        broken, older = driver(first), driver(second)
    with pytest.raises(DBAPIError), db.reading() as reader:
        assert driver(reader) is broken
        broken.close()
        reader.invalidate()
        raise DBAPIError("", {}, Exception())
    assert _read() not in (broken, older)


def test_nothing_stays_open_after_the_end(database: db.Database) -> None:
    own = db.Database(database.url.render_as_string(hide_password=False))
    with own.read() as reader:
        kept = reader
    own.dispose()
    assert kept.closed
    with own.read() as reader:
        assert reader.execute(text("SELECT 1")).scalar() == 1
    own.dispose()
