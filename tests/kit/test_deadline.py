"""A budget of time: what waits asks how much is left, what runs is stopped, and nothing is half done."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from backend.kit import db, deadline
from backend.kit.deadline import DeadlineExceeded

LONG = {
    "postgresql": "SELECT pg_sleep(30)",
    "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n",
}
"""A statement that does not end by itself, as good as."""


@pytest.fixture(autouse=True)
def no_budget_is_left_open() -> Iterator[None]:
    yield
    deadline.end()


def test_without_a_budget_everything_has_its_own_time() -> None:
    assert deadline.left(7.5) == 7.5 and not deadline.over()
    deadline.check()
    assert deadline.watch(lambda: None) is None


def test_a_budget_bounds_every_wait_and_then_is_over() -> None:
    deadline.begin(60)
    assert deadline.left(7.5) == 7.5 and 59 < deadline.left(100) <= 60
    deadline.begin(0)
    assert deadline.left(7.5) == 0 and deadline.over()
    with pytest.raises(DeadlineExceeded):
        deadline.check()


def test_a_moment_is_given_to_put_things_back() -> None:
    deadline.grace()
    assert deadline.left(9) == 9, "where there is no budget none is opened"
    deadline.begin(0)
    deadline.grace()
    assert 0 < deadline.left(9) <= deadline.GRACE_SECONDS


def test_a_budget_is_its_own_threads() -> None:
    deadline.begin(0)
    told: list[bool] = []
    thread = threading.Thread(target=lambda: told.append(deadline.over()))
    thread.start()
    thread.join()
    assert told == [False]


def test_what_is_done_in_time_is_not_stopped() -> None:
    stopped = threading.Event()
    deadline.begin(60)
    watched = deadline.watch(stopped.set)
    assert watched is not None and deadline.unwatch(watched) is False
    watched.ends_at = 0
    assert not stopped.wait(3 * deadline.LOOK_SECONDS)


def test_what_is_late_is_stopped_until_it_is_done() -> None:
    calls = threading.Semaphore(0)
    deadline.begin(0)
    watched = deadline.watch(calls.release)
    assert watched is not None
    assert calls.acquire(timeout=5) and calls.acquire(timeout=5)
    assert deadline.unwatch(watched) is True


def test_a_stop_that_fails_does_not_end_the_watch() -> None:
    def fail() -> None:
        raise RuntimeError("gone")

    deadline.begin(0)
    first = deadline.watch(fail)
    reached = threading.Event()
    second = deadline.watch(reached.set)
    assert reached.wait(5) and first and second
    deadline.unwatch(first)
    deadline.unwatch(second)


# --- the database ------------------------------------------------------------------------------------------------


def run_late(database: db.Database, *, writing: bool) -> None:
    deadline.begin(0.3)
    with database.write() if writing else database.read() as reader:
        reader.execute(text(LONG[database.dialect]))


def standing(way: Callable[[], AbstractContextManager[Any]]) -> Any:
    """The driver's connection that this way in gives."""
    with way() as reader:
        connection = reader if isinstance(reader, Connection) else reader.connection()
        return connection.connection.driver_connection


@pytest.mark.parametrize("writing", [True, False])
def test_a_statement_that_runs_on_is_stopped_in_time(database: db.Database, writing: bool) -> None:
    begun = time.monotonic()
    with pytest.raises(OperationalError if writing else DeadlineExceeded):
        run_late(database, writing=writing)
    assert time.monotonic() - begun < 10 and deadline.over()
    deadline.end()
    for _ in range(3):
        with database.read() as reader:
            assert reader.execute(text("SELECT 1")).scalar() == 1


def test_what_was_written_before_the_end_is_not_kept(database: db.Database) -> None:
    with database.write() as session:
        session.execute(text("CREATE TABLE deadline_trial (x INTEGER)"))
    try:
        with pytest.raises(DeadlineExceeded), database.write() as session:
            session.execute(text("INSERT INTO deadline_trial VALUES (1)"))
            deadline.begin(0)  # the end comes between the last statement and the commit
        deadline.end()
        with pytest.raises(DeadlineExceeded), database.write() as session:
            deadline.begin(0.3)
            session.execute(text("INSERT INTO deadline_trial VALUES (2)"))
            with database.read() as other:
                other.execute(text(LONG[database.dialect]))
        deadline.end()
        with database.read() as reader:
            assert reader.execute(text("SELECT count(*) FROM deadline_trial")).scalar() == 0
    finally:
        deadline.end()
        with database.write() as session:
            session.execute(text("DROP TABLE deadline_trial"))


def test_a_late_request_does_not_even_begin(database: db.Database) -> None:
    deadline.begin(0)
    for way in (database.write, database.read):
        with pytest.raises(DeadlineExceeded), way():
            pytest.fail("it began")


def test_a_full_house_is_waited_for_no_longer_than_the_budget(database: db.Database) -> None:
    """Reads have connections of their own: they go on beside writers who take every place."""
    small = db.Database(database.url.render_as_string(hide_password=False), pool_size=1)
    try:
        with small._place(), small._place():
            deadline.begin(0.2)
            begun = time.monotonic()
            with pytest.raises(DeadlineExceeded), small.write():
                pytest.fail("there was no place")
            assert time.monotonic() - begun < 5
            deadline.end()
            with small.read() as reader:
                assert reader.execute(text("SELECT 1")).scalar() == 1
        with small.write() as session:
            assert session.execute(text("SELECT 1")).scalar() == 1
    finally:
        small.dispose()


def test_a_stopped_connection_is_not_given_to_the_next(database: db.Database) -> None:
    small = db.Database(database.url.render_as_string(hide_password=False), pool_size=1)
    try:
        for way, told in ((small.read, DeadlineExceeded), (small.write, OperationalError)):
            before = standing(way)
            assert standing(way) is before
            with pytest.raises(told):
                run_late(small, writing=way == small.write)
            deadline.end()
            assert standing(way) is not before
    finally:
        small.dispose()


def test_on_sqlite_another_writer_is_waited_for_no_longer_than_the_budget(tmp_path: object) -> None:
    lone = db.Database(f"sqlite:///{tmp_path}/x.db", pool_size=2)
    inside, leave, told = threading.Event(), threading.Event(), []

    def late() -> None:
        deadline.begin(0.2)
        inside.wait(5)
        try:
            with lone.write():
                told.append("it began")
        except DeadlineExceeded:
            told.append("gave up")
        leave.set()

    thread = threading.Thread(target=late)
    thread.start()
    with lone.write():
        inside.set()
        assert leave.wait(10)
    thread.join()
    assert told == ["gave up"]
    with lone.write() as session:
        session.execute(text("CREATE TABLE t (x INTEGER)"))
    lone.dispose()
