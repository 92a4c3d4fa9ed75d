"""Sealing: nothing is passed over, nothing is sealed twice, and what must go leaves a signed word behind."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from backend.codes import service as codes
from backend.codes.errors import SigningKeyMissing
from backend.codes.models import CodeKey
from backend.kit import clock, db, jobs
from backend.kit.trail import note
from backend.oversight import jobs as oversight_jobs
from backend.oversight import rules, service, verification
from tests.oversight.conftest import PEOPLE, ask, clear, hours_later, noted, sql


def findings(**wanted: object) -> list[verification.Finding]:
    with db.reading() as reader:
        return list(verification.verify(reader, **wanted))  # type: ignore[arg-type]


def newest() -> service.Seal:
    with db.reading() as reader:
        found = service.newest(reader)
    assert found is not None
    return found


def test_a_chain_begins_links_and_says_what_it_holds(chain: int) -> None:
    with db.reading() as reader:
        first, *_, last = service.chain(reader)
    assert (first.number, last.number, first.told["previous"]) == (1, chain, rules.BEGINNING)
    assert last.told["count"] == 5 and last.told["complete"] is True
    assert {name: part["count"] for name, part in last.told["tables"].items()} == {"trail": 2, "access_log": 3}
    assert findings() == []


def test_nothing_waits_twice_and_an_empty_batch_is_not_made(chain: int) -> None:
    assert service.seal_all() == 0
    noted(looks=1, acts=0)
    with db.reading() as reader:
        assert service.waiting(reader)[0] == 1
    assert service.seal_all() == 1
    with db.reading() as reader:
        assert service.waiting(reader) == (0, None)
    assert findings() == []


def test_what_waits_is_sealed_in_bounded_batches(own: db.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    clear()
    monkeypatch.setattr(service, "MOST_ROWS", 3)
    noted(looks=8, acts=4)
    assert service.seal_all() == 3
    with db.reading() as reader:
        seals = list(service.chain(reader))
    assert [seal.told["complete"] for seal in seals] == [False, False, True]
    assert [seal.told["count"] for seal in seals] == [6, 4, 2]
    assert findings() == []
    assert ask("SELECT count(*) FROM access_log WHERE sealed_in IS NULL") == 0


def test_old_rows_in_a_backlog_are_not_late(own: db.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    clear()
    monkeypatch.setattr(service, "MOST_ROWS", 2)
    with hours_later(-48):
        noted(looks=5, acts=5)
    assert service.seal_all() == 3
    assert findings() == []


@pytest.mark.postgresql
def test_a_row_that_commits_after_its_time_was_sealed_is_sealed_next(chain: int) -> None:
    """The slow transaction took its time and its id first, and commits when the batch has been sealed."""
    if db.current().dialect == "sqlite":
        pytest.skip("one writer at a time")
    with db.current().write() as slow:
        note(slow, PEOPLE[0], "office", "test.slow", "test", 1)
        slow.flush()
        noted(looks=1, acts=1)
        assert service.seal_all() == 1
        sealed = newest().number
    assert service.seal_all() == 1
    assert ask("SELECT sealed_in FROM trail WHERE action = 'test.slow'") == sealed + 1
    assert findings() == []


def test_several_who_seal_at_once_make_one_chain(own: db.Database) -> None:
    clear()
    noted(looks=30, acts=30)
    barrier, failures = threading.Barrier(4), []

    def work() -> None:
        barrier.wait()
        try:
            for _ in range(3):
                noted(looks=1, acts=1)
                service.seal_all()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    service.seal_all()
    assert not failures
    assert findings() == []
    assert ask("SELECT count(*) FROM trail WHERE sealed_in IS NULL") == 0


def test_a_seal_stands_under_a_key_that_has_retired(chain: int) -> None:
    with db.transaction() as session:
        codes.rotate_key(session, codes.Purpose.SEAL, timedelta(0))
    with hours_later(1):
        noted()
        service.seal_all()
        assert newest().told["kid"] != _first_kid()
        assert findings() == []
    with hours_later(24 * 366 * 12), db.transaction() as session:
        codes.tend_keys(session)
    assert findings() == []


def test_a_withdrawn_key_keeps_its_seals_and_signs_no_more(chain: int) -> None:
    kid = newest().told["kid"]
    with db.transaction() as session:
        codes.withdraw_key(session, kid)
    with hours_later(24 * 400):
        with db.transaction() as session:
            codes.tend_keys(session)
        noted()
        service.seal_all()
        assert newest().told["kid"] != kid
        assert findings() == []


def _first_kid() -> str:
    with db.reading() as reader:
        return str(next(service.chain(reader)).told["kid"])


def test_without_a_key_nothing_is_sealed_and_nothing_is_lost(chain: int) -> None:
    noted()
    with pytest.raises(SigningKeyMissing):
        with db.transaction() as session:
            for key in session.scalars(select(CodeKey).where(CodeKey.purpose == "seal")):
                session.delete(key)
            session.flush()
            codes.forget_keys()
            service.seal_next(session)
    codes.forget_keys()
    assert service.seal_all() == 1 and findings() == []


# --- what may be kept no longer ----------------------------------------------------------------------------------


def at_years(years: int) -> datetime:
    return datetime(2026 - years, 3, 2, 4, tzinfo=UTC)


@pytest.fixture
def decade(own: db.Database) -> date:
    """Batches of 12, 11, 9 and 0 years ago; the day that is today."""
    clear()
    for years in (12, 11, 9, 0):
        with clock.at(at_years(years)):
            noted()
            service.seal_all()
    return date(2026, 3, 2)


def test_looks_of_more_than_ten_years_are_destroyed_and_the_chain_stands(decade: date) -> None:
    with clock.at(at_years(0)):
        assert oversight_jobs.forget_old_looks(decade) == "kept 10 years, 6 looks destroyed"
        assert findings() == []
        assert oversight_jobs.forget_old_looks(decade) == "kept 10 years, 0 looks destroyed"
    assert ask("SELECT count(*) FROM access_log") == 6 and ask("SELECT count(*) FROM trail") == 8
    last = newest().told
    assert last["kind"] == "closing" and (last["closes"]["first"], last["closes"]["last"]) == (1, 2)
    assert ask("SELECT count(*) FROM oversight_leaves WHERE table_name = 'access_log'") == 2
    with clock.at(at_years(-2)):
        assert oversight_jobs.forget_old_looks(date(2028, 3, 2)) == "kept 10 years, 3 looks destroyed"
        noted()
        service.seal_all()
        assert findings() == []


def test_a_look_is_kept_through_its_tenth_anniversary(own: db.Database) -> None:
    clear()
    with clock.at(datetime(2016, 2, 29, 4, tzinfo=UTC)):
        noted(looks=1, acts=0)
        service.seal_all()
    for day, left in ((date(2026, 2, 27), 1), (date(2026, 2, 28), 1), (date(2026, 3, 1), 0)):
        with clock.at(clock.start_of_day(day)):
            oversight_jobs.forget_old_looks(day)
        assert ask("SELECT count(*) FROM access_log") == left, day


def test_the_years_end_by_the_index(decade: date) -> None:
    """What is old is found by batch, so that a run costs what is due and not what the city has."""
    with db.reading() as reader:
        table = service.TABLES["access_log"].table
        query = select(table.c.id).where(table.c.sealed_in.between(1, 2))
        plan = _plan(reader, query)
    assert "ix_access_log_sealed_in_at_resident_id_id" in plan


def _plan(reader: object, query: object) -> str:
    """How the database would find it; PostgreSQL is told that the table is no longer small."""
    words = str(query.compile(dialect=db.current().engine.dialect, compile_kwargs={"literal_binds": True}))  # type: ignore[attr-defined]
    if db.current().dialect == "sqlite":
        return str(reader.exec_driver_sql(f"EXPLAIN QUERY PLAN {words}").fetchall())  # type: ignore[attr-defined]
    reader.exec_driver_sql("SET enable_seqscan = off")  # type: ignore[attr-defined]
    told = str(reader.exec_driver_sql(f"EXPLAIN {words}").fetchall())  # type: ignore[attr-defined]
    reader.exec_driver_sql("RESET enable_seqscan")  # type: ignore[attr-defined]
    return told


def test_a_closing_before_its_time_is_found(decade: date) -> None:
    with clock.at(at_years(0)), db.transaction() as session:
        service.close_next(session, service.TABLES["access_log"], clock.start_of_day(date(2020, 1, 1)), 10)
    with clock.at(at_years(0)):
        assert [(one.what, one.batch) for one in findings()] == [("closed-too-early", 5)]


def test_rows_that_come_back_after_a_closing_are_found(decade: date) -> None:
    with clock.at(at_years(0)):
        oversight_jobs.forget_old_looks(decade)
        noted(looks=1, acts=0)
    sql("UPDATE access_log SET sealed_in = 2 WHERE sealed_in IS NULL")
    assert [(one.what, one.batch, one.table) for one in findings()] == [("row-after-closing", 2, "access_log")]


# --- the worker --------------------------------------------------------------------------------------------------


def test_the_worker_seals_every_few_minutes_and_daily(chain: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_stepped", {})
    noted()
    assert "oversight.seal-often" in jobs.run_steps()
    assert newest().number == chain + 1
    noted()
    assert "oversight.seal-often" not in jobs.run_steps()
    assert "oversight.seal" in {job.name for job in jobs.registered()}


def test_a_step_that_fails_is_due_again_and_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise OSError

    monkeypatch.setattr(jobs, "_steps", {})
    monkeypatch.setattr(jobs, "_stepped", {})
    jobs.often(jobs.Step("bad", 300, fail))
    jobs.often(jobs.Step("good", 300, lambda: ""))
    assert jobs.run_steps() == ["good"] and jobs.run_steps() == []
    jobs.often(jobs.Step("bad", 300, lambda: ""))
    assert jobs.run_steps() == ["bad"]


def test_rows_are_only_ever_marked(chain: int) -> None:
    """A mark is set once: what a batch has taken no other can take."""
    with db.transaction() as session:
        for table in service.TABLES.values():
            keys = [entry.key for entry in table.sealed(session, 1)]
            assert keys and table.mark(session, keys, 99) == 0
            assert [entry.batch for entry in table.sealed(session, 1)] != [99] * len(keys)
