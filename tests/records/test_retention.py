"""What is past its day goes, by itself and provably; publicity is another clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from backend.kit import clock, db
from backend.records import jobs, models, retention, service
from tests.records.test_service import CODE, honour, penalty

pytestmark = pytest.mark.usefixtures("city")

TABLES = (models.records, models.record_versions, models.entity_records, models.entity_record_versions)


@pytest.fixture
def empty(city: Any) -> Iterator[None]:
    """Archives with nothing in them, before and after: the job commits, and looks at all there is."""

    def clear() -> None:
        with db.transaction() as session:
            for table in (*TABLES, models.retention_runs):
                session.execute(delete(table))

    clear()
    yield
    clear()


def count(table: Any) -> int:
    with db.reading() as reader:
        return int(reader.execute(select(func.count()).select_from(table)).scalar_one())


def file_some(people: int) -> None:
    """Of each person one honour and one corrected honour; of an entity one listing that was disputed once."""
    with db.transaction() as session:
        for _ in range(people):
            resident_id = uuid4()
            service.add_record(session, resident_id, honour(1))
            record_id = service.add_record(session, resident_id, honour(2))
            changed = honour(2, title="诚信标兵", decided_on=clock.today() - timedelta(days=40))
            service.correct_record(session, resident_id, record_id, changed, by=None, reason="笔误")
        record_id = service.add_entity_record(session, CODE, "演示公司", penalty())
        service.change_entity_status(session, CODE, record_id, "disputed", None, "异议")


def age(days: int) -> None:
    """Let everything on file be so many days nearer to its last day than it is."""
    with db.transaction() as session:
        for table in TABLES:
            rows = session.execute(select(table.c.id, table.c.counts_until_on).distinct()).all()
            for row in rows:
                until = row.counts_until_on - timedelta(days=days)
                these = (table.c.id == row.id, table.c.counts_until_on == row.counts_until_on)
                session.execute(update(table).where(*these).values(counts_until_on=until))


def prove(app: Flask) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=["records", "prove-retention"])
    return result.exit_code, result.output


@pytest.mark.usefixtures("empty")
def test_a_record_goes_with_its_versions_the_day_after_its_last_and_the_proof_says_so(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "CHUNK", 3)
    file_some(people=4)
    today = clock.today()
    assert prove(app)[0] == 0
    age(1825 - 40)  # of the corrected ones today is the last day
    assert "0 records" in jobs.delete_past_retention(today)
    age(1)
    code, said = prove(app)
    assert code == 1 and "超期 records NP-HON-01：4 条" in said
    assert jobs.delete_past_retention(today) == "4 records and versions of 2 items"
    assert (count(models.records), count(models.record_versions)) == (4, 0)
    assert (count(models.entity_records), count(models.entity_record_versions)) == (1, 1)
    assert prove(app)[0] == 0
    with db.reading() as reader:
        runs = {run.item_code: run for run in retention.runs_of(reader, today)}
    assert (runs["NP-HON-01"].deleted, runs["LE-LST-02"].deleted) == (4, 0)
    assert runs["NP-HON-01"].oldest_left_on == today + timedelta(days=38)
    age(40)
    assert jobs.delete_past_retention(today) == "5 records and versions of 2 items"
    assert [count(table) for table in TABLES] == [0, 0, 0, 0]
    with db.reading() as reader:
        assert sum(run.deleted for run in retention.runs_of(reader, today)) == 9


@pytest.mark.usefixtures("empty")
def test_before_the_day_s_job_has_run_the_proof_is_of_the_day_before(app: Flask) -> None:
    file_some(people=1)
    today = clock.today()
    jobs.delete_past_retention(today - timedelta(days=1))
    age(1825 - 39)  # the last day of the corrected one was yesterday
    code, said = prove(app)
    assert code == 0 and f"截至 {today - timedelta(days=1)}" in said
    age(1)  # and now it is late whatever the hour
    assert prove(app)[0] == 1
    assert jobs.delete_past_retention(today) == "1 records and versions of 2 items"
    code, said = prove(app)
    assert code == 0 and f"截至 {today}" in said


@pytest.mark.usefixtures("empty")
def test_a_version_that_may_be_kept_for_less_time_goes_before_its_record(app: Flask) -> None:
    with db.transaction() as session:
        resident_id = uuid4()
        old = honour(1, decided_on=clock.today() - timedelta(days=1825))
        record_id = service.add_record(session, resident_id, old)
        service.correct_record(session, resident_id, record_id, honour(1), by=None, reason="日期有误")
    tomorrow = clock.today() + timedelta(days=1)
    jobs.delete_past_retention(clock.today())
    assert (count(models.records), count(models.record_versions)) == (1, 1)
    jobs.delete_past_retention(tomorrow)
    assert (count(models.records), count(models.record_versions)) == (1, 0)


@pytest.mark.usefixtures("empty")
def test_a_run_that_was_broken_off_is_taken_up(session: Session) -> None:
    people = [uuid4() for _ in range(5)]
    service.add_records(session, [(one, honour(1)) for one in people])
    day = clock.today() + timedelta(days=4000)
    assert retention.delete_due(session, "NP-HON-01", day, 2) == 2
    assert [retention.delete_due(session, "NP-HON-01", day, 2) for _ in range(3)] == [2, 1, 0]
    retention.close_day(session, "NP-HON-01", day)
    assert retention.runs_of(session, day) == [retention.Run(day, "NP-HON-01", 5, None)]


def test_publicity_ends_and_the_record_stays_until_its_own_day(session: Session) -> None:
    record_id = service.add_entity_record(session, CODE, "演示公司", penalty())
    record = service.entity_record(session, CODE, record_id)
    shown_until, kept_until = record.publicity_until_on, record.counts_until_on
    assert shown_until is not None and shown_until < kept_until
    after: date = shown_until + timedelta(days=1)
    assert service.entity_records_of(session, CODE, after) == []
    assert retention.delete_due(session, "LE-LST-02", after, 10) == 0
    assert retention.delete_due(session, "LE-LST-02", kept_until, 10) == 0
    assert retention.delete_due(session, "LE-LST-02", kept_until + timedelta(days=1), 10) == 1


@pytest.mark.usefixtures("empty")
def test_what_is_due_is_found_by_an_index(database: db.Database) -> None:
    if database.dialect != "postgresql":
        return
    with db.transaction() as session:
        service.add_records(session, [(uuid4(), honour(n)) for n in range(1, 400)])
        session.connection().exec_driver_sql("SET LOCAL enable_seqscan = off")
        due = "SELECT count(*) FROM records WHERE item_code = 'NP-HON-01' AND counts_until_on < '2020-01-01'"
        plan = "\n".join(session.connection().exec_driver_sql(f"EXPLAIN {due}").scalars())
    assert "ix_records_kept_until" in plan
