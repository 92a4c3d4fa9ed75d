"""Ids, days, working days, transactions and daily jobs."""

from __future__ import annotations

import os
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import RFC_4122

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.kit import clock, db, jobs, workdays
from backend.kit.ids import new_id


def test_ids_are_version_7_and_distinct() -> None:
    made = {new_id() for _ in range(2000)}
    assert len(made) == 2000
    assert all(i.version == 7 and i.variant == RFC_4122 for i in made)


def test_a_shanghai_day_begins_at_sixteen_hours_utc() -> None:
    assert clock.shanghai_date(datetime(2026, 3, 4, 15, 59, 59, tzinfo=UTC)) == date(2026, 3, 4)
    assert clock.shanghai_date(datetime(2026, 3, 4, 16, 0, tzinfo=UTC)) == date(2026, 3, 5)


@given(st.dates(date(1992, 1, 1), date(2200, 1, 1)))
def test_the_end_of_a_day_is_the_first_instant_that_is_not_in_it(day: date) -> None:
    end = clock.end_of_day(day)
    assert clock.shanghai_date(end - timedelta(microseconds=1)) == day
    assert clock.shanghai_date(end) == day + timedelta(days=1)
    assert clock.start_of_day(day) < end


def test_holidays_of_2026_are_known_and_later_years_say_that_they_are_guessed() -> None:
    assert workdays.is_workday(date(2026, 10, 1)) == (False, True)
    assert workdays.add_workdays(date(2026, 9, 30), 1).certain
    assert workdays.is_workday(date(2035, 1, 2)) == (True, False)
    assert not workdays.add_workdays(date(2035, 1, 1), 1).certain


@given(st.dates(date(2026, 1, 1), date(2026, 11, 1)), st.integers(0, 20))
def test_adding_working_days_lands_on_one_and_counts_them(start: date, count: int) -> None:
    deadline = workdays.add_workdays(start, count)
    days = [start + timedelta(days=n) for n in range(1, (deadline.on - start).days + 1)]
    assert sum(workdays.is_workday(day)[0] for day in days) == count
    assert count == 0 or workdays.is_workday(deadline.on)[0]


def test_transactions_do_not_nest(database: db.Database) -> None:
    with db.transaction(), pytest.raises(RuntimeError), db.transaction():
        pass
    with db.transaction():
        assert db.in_transaction()
    assert not db.in_transaction()


def test_naive_times_are_refused(database: db.Database) -> None:
    with pytest.raises(ValueError):
        db.UtcDateTime().process_bind_param(datetime(2026, 1, 1), database.engine.dialect)


def test_a_daily_job_runs_once_however_often_the_clock_ticks(database: db.Database) -> None:
    runs: list[date] = []
    job = jobs.Job(f"test-{new_id().hex}", "试验", lambda day: runs.append(day) or "ok")  # type: ignore[func-returns-value]
    jobs.register(job)
    try:
        threads = [threading.Thread(target=jobs.run_due, args=(date(2026, 3, 5),)) for _ in range(1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        jobs.run_due(date(2026, 3, 5))
        jobs.run_due(date(2026, 3, 6))
    finally:
        jobs._jobs.pop(job.name)
    assert runs == [date(2026, 3, 5), date(2026, 3, 6)]


def test_a_failed_job_is_due_again_at_the_next_tick(database: db.Database) -> None:
    outcomes = iter([False, True])

    def work(day: date) -> str:
        if not next(outcomes):
            raise RuntimeError("not yet")
        return "ok"

    job = jobs.Job(f"test-{new_id().hex}", "试验", work)
    jobs.register(job)
    try:
        assert job.name not in jobs.run_due(date(2026, 3, 5))
        assert job.name in jobs.run_due(date(2026, 3, 5))
        assert job.name not in jobs.run_due(date(2026, 3, 5))
    finally:
        jobs._jobs.pop(job.name)


def test_a_new_sqlite_file_is_this_users_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        made = db.Database(f"sqlite:///{tmp_path / 'x.db'}")
        with made.write() as session:
            session.connection().exec_driver_sql("CREATE TABLE t (x)")
            modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("x.db*")}
        made.dispose()
    finally:
        os.umask(before)
    assert {name: mode for name, mode in modes.items() if name != "x.db.lock"} == dict.fromkeys(
        ("x.db", "x.db-wal", "x.db-shm"), 0o600
    )
