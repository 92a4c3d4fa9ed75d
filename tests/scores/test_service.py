"""Computing, following, forgetting, and never showing yesterday's number."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from sqlalchemy import delete, event, func, select, update
from sqlalchemy.orm import Session

from backend.consents import service as consents
from backend.consents.errors import ConsentMissing
from backend.kit import clock, db, outbox
from backend.kit.city import Policy
from backend.kit.ids import NIL
from backend.records import service as records
from backend.scores import computing, jobs, models, runs, service
from backend.scores.causes import CAUSES
from tests.records.test_service import honour
from tests.scores import reference
from tests.scores.helpers import consent, file
from tests.scores.reference import Filed
from tests.scores.strategies import DAY, archives

NOON = datetime(DAY.year, DAY.month, DAY.day, 4, tzinfo=UTC)
ITEMS = ["NP-PRO-01", "NP-QUA-03", "NP-HON-01", "NP-HON-02", "NP-JUD-01", "NP-EXA-01", "NP-LST-02", "NP-BAS-01"]

pytestmark = pytest.mark.usefixtures("city")


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with clock.at(NOON):
        yield


@pytest.fixture
def wired(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wires of the composition root that this room needs."""
    wires: Any = {
        "records.changed": [service.on_records_changed],
        "records.loaded": [service.on_records_loaded],
        "consents.changed": [service.on_consent_changed],
    }
    monkeypatch.setattr(outbox, "_within", wires)


def filed(code: str, age_days: int = 0) -> Filed:
    decided_on = DAY - timedelta(days=age_days)
    return Filed(uuid4(), code, decided_on, date(2040, 1, 1))


def rows_of(session: Session, resident_id: UUID) -> list[int]:
    tables = (models.scores, models.history)
    return [
        session.execute(select(func.count()).select_from(t).where(t.c.resident_id == resident_id)).scalar_one()
        for t in tables
    ]


def value_of(session: Session, resident_id: UUID) -> int:
    found = service.current(session, resident_id)
    assert found is not None
    return found.value


def test_someone_without_records_has_the_base(session: Session) -> None:
    resident_id = uuid4()
    consent(session, resident_id)
    found = service.recompute(session, resident_id, "consent")
    assert found is not None
    assert (found.value, found.level.id, found.next_change_on) == (600, "B", None)
    assert service.explain(session, resident_id).reasons == []


@settings(max_examples=25)
@given(archive=archives(ITEMS, most=10))
def test_what_is_kept_is_what_the_reference_says(session: Session, city: Any, archive: list[Filed]) -> None:
    with clock.at(NOON):
        resident_id = uuid4()
        file(session, resident_id, archive)
        consent(session, resident_id)
        service.recompute(session, resident_id, "request")
        told = service.explain(session, resident_id)
        said = [(reason.record_id, reason.indicator_id, reason.points) for reason in told.reasons]
        assert said == reference.reasons(city["scoring"], archive, DAY)
        assert told.score == service.current(session, resident_id)
        assert told.score == service.explain_as_of(session, resident_id).score
        assert told.score.value == 600 + sum(reason.points for reason in told.reasons)
        assert told.score.value == reference.value(city["scoring"], archive, DAY)
        assert told.score.level == told.plan.level_of(told.score.value)


def test_without_consent_nothing_is_computed_stored_or_shown(session: Session) -> None:
    resident_id = uuid4()
    file(session, resident_id, [filed("NP-HON-01")])
    assert service.recompute(session, resident_id, "request") is None
    assert rows_of(session, resident_id) == [0, 0]
    assert service.current(session, resident_id) is None and service.level_rank(session, resident_id) is None
    for read in (service.require, service.explain, lambda s, r: service.history(s, r, 10)):
        with pytest.raises(ConsentMissing) as caught:
            read(session, resident_id)
        assert caught.value.members["opt_in"]["path"].endswith("/me/consents/score")


@pytest.mark.usefixtures("wired")
def test_the_score_follows_consent_and_withdrawal_within_the_transaction(session: Session) -> None:
    resident_id = uuid4()
    file(session, resident_id, [filed("NP-HON-01")])
    consent(session, resident_id)
    told = {"resident_id": str(resident_id), "purpose": "score"}
    outbox.tell(session, "consents.changed", {**told, "granted": True})
    assert value_of(session, resident_id) == 660
    outbox.tell(session, "consents.changed", {**told, "purpose": "community", "granted": False})
    assert rows_of(session, resident_id) == [1, 1]
    outbox.tell(session, "consents.changed", {**told, "granted": False})
    assert rows_of(session, resident_id) == [0, 0]


@pytest.mark.usefixtures("wired")
@pytest.mark.parametrize("status", ["disputed", "repaired", "withdrawn", "expired"])
def test_a_record_that_leaves_leaves_the_sum_at_once(session: Session, status: str) -> None:
    resident_id = uuid4()
    consent(session, resident_id)
    first = records.add_record(session, resident_id, honour(1))
    records.add_record(session, resident_id, honour(2))
    assert value_of(session, resident_id) == 720
    records.change_status(session, resident_id, first, status, None, "")
    assert value_of(session, resident_id) == 660
    told = service.explain(session, resident_id)
    assert [reason.record_id == first for reason in told.reasons] == [False]
    assert [row.record_id for row in told.left_out] == ([first] if status == "disputed" else [])
    newest = service.history(session, resident_id, 1)[0]
    assert (newest.value, newest.previous_value, newest.cause) == (660, 720, f"record-{status}")
    assert newest.record_id == first and newest.cause in CAUSES


@pytest.mark.usefixtures("wired")
def test_an_objection_that_is_not_upheld_brings_the_points_back(session: Session) -> None:
    resident_id = uuid4()
    consent(session, resident_id)
    record_id = records.add_record(session, resident_id, honour())
    records.change_status(session, resident_id, record_id, "disputed", None, "")
    records.change_status(session, resident_id, record_id, "active", None, "")
    assert value_of(session, resident_id) == 660


@pytest.mark.usefixtures("wired")
def test_history_has_a_line_only_when_something_changed(session: Session) -> None:
    resident_id = uuid4()
    consent(session, resident_id)
    for _ in range(3):
        service.recompute(session, resident_id, "request")
    assert len(service.history(session, resident_id, 10)) == 1
    records.add_record(session, resident_id, honour())
    found = service.history(session, resident_id, 10)
    assert [(line.value, line.level_id, line.cause) for line in found] == [
        (660, "A", "record-added"), (600, "B", "request")
    ]  # fmt: skip
    assert service.history(session, resident_id, 10, (found[0].at, found[0].id)) == found[1:]


def test_a_number_is_never_shown_past_its_day(session: Session, city: dict[str, Any]) -> None:
    resident_id = uuid4()
    archive = [filed("NP-PRO-01", 360), filed("NP-EXA-01", 1824)]
    file(session, resident_id, archive)
    consent(session, resident_id)
    kept = service.recompute(session, resident_id, "request")
    assert kept is not None and kept.next_change_on == DAY + timedelta(days=2)
    for days in range(9):
        day = DAY + timedelta(days=days)
        with clock.at(NOON + timedelta(days=days)):
            told = service.explain(session, resident_id)
            assert told.score.value == value_of(session, resident_id)
            assert told.score.value == reference.value(city["scoring"], archive, day), day
            shown = service.current(session, resident_id)
            assert told.score.as_of_on == day and shown and shown.as_of_on == (DAY if days < 2 else day)
    row = session.execute(select(models.scores).where(models.scores.c.resident_id == resident_id)).one()
    assert row.as_of_on == DAY and row.value == kept.value


def test_the_nightly_run_touches_only_what_is_due(session: Session, city: dict[str, Any]) -> None:
    due, later, none = uuid4(), uuid4(), uuid4()
    archive_of = {due: [filed("NP-PRO-01", 364)], later: [filed("NP-PRO-01", 300)], none: []}
    for resident_id, archive in archive_of.items():
        file(session, resident_id, archive)
        consent(session, resident_id)
    assert service.recompute_many(session, archive_of, "request") == 3
    with clock.at(NOON + timedelta(days=1)):
        chunks, after = [], None
        while (chunk := service.recompute_due(session, clock.today(), after, limit=1)) is not None:
            chunks.append(chunk.done)
            after = chunk.after
        assert chunks == [(1, 1)]
        rows = {r.resident_id: r for r in session.execute(select(models.scores))}
        assert {key for key in archive_of if rows[key].as_of_on == clock.today()} == {due}
        assert rows[due].value == 609
        assert service.history(session, due, 1)[0].cause == "time"
        assert service.recompute_due(session, clock.today()) is None


def test_a_new_policy_counts_from_its_day_on(session: Session, city: dict[str, Any]) -> None:
    resident_id = uuid4()
    consent(session, resident_id)
    service.recompute(session, resident_id, "request")
    mine = models.scores.c.resident_id == resident_id
    session.execute(update(models.scores).where(mine).values(policy_version="2025.9", value=1, level_id="gone"))
    assert value_of(session, resident_id) == 600
    chunk = service.recompute_all(session, "policy")
    assert chunk is not None and chunk.done.changed >= 1
    assert service.recompute_all(session, "policy", chunk.after) is None
    assert session.execute(select(models.scores.c.policy_version).where(mine)).scalar() == city["scoring"]["version"]
    assert service.history(session, resident_id, 1)[0].cause == "policy"


def test_a_consent_to_an_older_text_no_longer_counts(session: Session) -> None:
    resident_id = uuid4()
    consent(session, resident_id)
    service.recompute(session, resident_id, "request")
    table = consents.consents_table()
    session.execute(update(table).where(table.c.resident_id == resident_id).values(text_version="2020.1"))
    assert service.current(session, resident_id) is None
    with pytest.raises(ConsentMissing):
        service.require(session, resident_id)
    assert service.forget_lapsed(session) == 1
    assert rows_of(session, resident_id) == [0, 0]


@pytest.mark.usefixtures("wired")
def test_a_load_of_many_records_is_followed_at_once(session: Session) -> None:
    residents = [uuid4() for _ in range(40)]
    for resident_id in residents[::2]:
        consent(session, resident_id)
    records.add_records(session, [(resident_id, honour(n)) for resident_id in residents for n in (1, 2)])
    found = [service.current(session, resident_id) for resident_id in residents]
    assert [score.value if score else None for score in found] == [720, None] * 20


def test_ranks_ascend_with_the_levels(session: Session, city: dict[str, Any]) -> None:
    assert [(level.id, level.rank) for level in service.levels(session)] == [
        ("C", 0), ("B", 1), ("A", 2), ("A+", 3), ("A++", 4)
    ]  # fmt: skip
    policy = Policy("scoring", "x", DAY, city["scoring"])
    assert service.level_rank_of(policy, "A+") == 3
    resident_id = uuid4()
    consent(session, resident_id)
    service.recompute(session, resident_id, "request")
    assert service.level_rank(session, resident_id) == ("B", 1)


def test_reading_a_score_takes_few_statements(session: Session) -> None:
    resident_id = uuid4()
    consent(session, resident_id)
    service.recompute(session, resident_id, "request")
    service.current(session, resident_id)
    asked: list[str] = []
    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    service.current(session, resident_id)
    assert len(asked) <= 3, asked


def test_an_unknown_cause_is_a_mistake_in_the_code(session: Session) -> None:
    with pytest.raises(ValueError, match="unknown cause"):
        service.recompute(session, uuid4(), "because")


def test_the_job_says_what_it_did(city: Any) -> None:
    assert "lapsed" in jobs.recompute_due(clock.today())


def test_a_run_over_the_city_goes_on_where_it_was_cut_off(city: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    residents = [uuid4() for _ in range(3)]
    with db.transaction() as session:
        for resident_id in residents:
            consent(session, resident_id)
            session.execute(delete(models.runs))
        service.recompute_many(session, residents, "consent")
    stretch, tries = computing.recompute_all, []

    def broken(session: Session, cause: str, after: UUID) -> Any:
        tries.append(after)
        if len(tries) == 2:
            raise ConnectionError
        return stretch(session, cause, after, 1)

    monkeypatch.setattr(computing, "recompute_all", broken)
    with pytest.raises(ConnectionError):
        list(runs.renewed("2026.1"))
    told = list(runs.renewed("2026.1"))
    assert tries[1] == tries[2] != tries[0] and len(set(tries)) == len(tries) - 1
    assert told[-1].computed == len(tries) - 2 and list(runs.renewed("2026.1")) == []
    assert next(runs.renewed("2026.2")).computed == 1


def test_a_draft_is_tried_on_those_who_consent_and_nothing_is_written(session: Session, city: dict[str, Any]) -> None:
    with_honour, without, refusing = uuid4(), uuid4(), uuid4()
    file(session, with_honour, [filed("NP-HON-01")])
    for resident_id in (with_honour, without):
        consent(session, resident_id)
    consent(session, refusing, granted=False)
    service.recompute(session, with_honour, "consent")
    content = {**city["scoring"], "levels": [{"id": "Z", "name": "待提升", "from": 0}]}
    draft = service.compile_policy(Policy("scoring", "draft", DAY, content), db.dialect_of(session))
    found: list[service.Tried] = []
    after = NIL
    while True:
        some, last = service.simulate_chunk(session, draft, city["scoring"]["version"], after, limit=1)
        if last is None:
            break
        assert len(some) == 1 and last > after
        after, found = last, [*found, *some]
    assert len(found) == service.consenting(session)
    assert service.Tried("A", 660, "Z", 660, 1) in found and service.Tried(None, None, "Z", 600, 1) in found
    beside_another, _ = service.simulate_chunk(session, draft, "2020.1")
    assert {one.from_level for one in beside_another} == {None}
    assert rows_of(session, without) == rows_of(session, refusing) == [0, 0]
    assert service.current(session, with_honour) is not None
