"""A draft on the whole city: the same as really publishing it; cut off, taken over, overtaken."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from backend.kit import city as cities
from backend.kit import clock, db, outbox
from backend.kit.errors import NotFound
from backend.kit.ids import NIL
from backend.modelling import models, service, simulations
from backend.modelling.errors import SimulationUnderWay
from backend.modelling.rules import Tally, bars_over
from backend.scores import computing
from backend.scores import models as score_models
from backend.scores import service as scores
from tests.modelling.helpers import AFAR, act, begun, draft_of, officer, scored, taken
from tests.scores.helpers import consent
from tests.scores.reference import Filed
from tests.scores.strategies import archives

City = dict[str, dict[str, Any]]
ITEMS = ["NP-PRO-01", "NP-QUA-03", "NP-HON-01", "NP-HON-02", "NP-JUD-01", "NP-EXA-01"]


def standing(session: Session) -> dict[UUID, tuple[str, int]]:
    """Everybody's level and number as they are kept."""
    own = score_models.scores.c
    return {row[0]: (row[1], row[2]) for row in session.execute(select(own.resident_id, own.level_id, own.value))}


@settings(max_examples=12)
@given(people=st.lists(archives(ITEMS, most=6), min_size=1, max_size=4), data=st.data())
def test_a_simulation_says_what_publishing_then_does(
    session: Session, city: City, people: list[list[Filed]], data: st.DataObject
) -> None:
    content = draft_of(city)
    for raw in content["indicators"]:
        raw["points"] = data.draw(st.integers(1, 150)) * (1 if raw["points"] > 0 else -1)
    bounds = sorted(data.draw(st.sets(st.integers(1, 999), min_size=4, max_size=4)))
    for raw, bound in zip(content["levels"][1:], bounds, strict=True):
        raw["from"] = bound
    with clock.at(clock.now()), session.begin_nested() as undone:
        for archive in people:
            scored(session, archive)
        policy = cities.Policy("scoring", content["version"], clock.today(), content)
        draft = scores.compile_policy(policy, db.dialect_of(session))
        found, after = Counter[tuple[Any, ...]](), NIL
        while True:
            rows, last = scores.simulate_chunk(session, draft, city["scoring"]["version"], after, 2)
            if last is None:
                break
            after = last
            for row in rows:
                found[row[:4]] += row.residents
        before = standing(session)
        cities._keep(session, policy)
        for step in (computing.recompute_all, computing.recompute_missing):
            chunk = step(session, "policy")
            while chunk is not None:
                chunk = step(session, "policy", chunk.after)
        after_all = standing(session)
        undone.rollback()
    really = Counter((*before.get(who, (None, None)), *now) for who, now in after_all.items())
    assert found == really


# --- at work, committed ----------------------------------------------------------------------------------------------


@pytest.fixture
def residents(city: City) -> list[UUID]:
    """Some who consent, with a number and without."""
    with db.transaction() as session:
        made = [scored(session, [Filed(uuid4(), "NP-HON-01", clock.today(), clock.today() + timedelta(days=99))])
                for _ in range(7)]  # fmt: skip
        without = uuid4()
        consent(session, without)
    return [*made, without]


def start(city: City) -> tuple[UUID, UUID]:
    """A simulation that waits: (draft, simulation)."""
    with db.transaction() as session:
        made = begun(session, draft_of(city, honour_listed=10))
    return made.draft_id, made.id


def whole(city: City, draft_id: UUID) -> Tally:
    """The same counted at once."""
    tally = Tally()
    with db.reading() as reader:
        content = simulations.content_of(reader, draft_id)
        draft = scores.compile_policy(cities.Policy("scoring", "x", clock.today(), content), db.dialect_of(reader))
        rows, _ = scores.simulate_chunk(reader, draft, city["scoring"]["version"], NIL, 100_000)
    tally.add(rows, bars_over(content["scale"]))
    return tally


def read(made: tuple[UUID, UUID]) -> service.Simulation:
    with db.reading() as reader:
        return service.simulation(reader, *made)


@pytest.mark.usefixtures("residents")
def test_a_simulation_that_was_cut_off_goes_on_and_counts_nobody_twice(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, chunk, tries = start(city), scores.simulate_chunk, []

    def broken(*args: Any) -> Any:
        tries.append(args[3])
        if len(tries) == 2:
            raise ConnectionError
        return chunk(*args)

    monkeypatch.setattr(scores, "simulate_chunk", broken)
    with pytest.raises(ConnectionError):
        simulations.work(made[1], limit=3)
    stopped = read(made)
    assert (stopped.state, stopped.residents_done, stopped.tries, stopped.lease) == ("running", 3, 1, None)
    assert simulations.work(made[1], limit=3)
    assert tries[1] == tries[2] != tries[0]
    done = read(made)
    assert done.state == "done" and done.residents_done == done.residents_total == sum(done.tally.moves.values())
    assert done.tally == whole(city, made[0]) and done.after_id == NIL


@pytest.mark.usefixtures("residents")
def test_a_slice_of_time_ends_with_the_rest_told_again(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    made = start(city)
    monkeypatch.setattr(simulations, "SLICE_SECONDS", 0.0)
    waiting = select(func.count()).where(outbox.OutboxRow.topic == service.BEGUN)
    with db.reading() as reader:
        before = reader.execute(waiting).scalar_one()
    service.on_begun({"simulation_id": str(made[1])})
    with db.reading() as reader:
        assert reader.execute(waiting).scalar_one() == before + 1
    while read(made).state != "done":
        service.on_begun({"simulation_id": str(made[1])})
    assert read(made).tally == whole(city, made[0])


@pytest.mark.usefixtures("residents")
def test_of_two_workers_one_counts(city: City) -> None:
    made, barrier, counted = start(city), threading.Barrier(4), list[bool]()

    def work() -> None:
        barrier.wait()
        counted.append(simulations.work(made[1], limit=2))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted == [True] * 4
    assert read(made).state == "done" and read(made).tally == whole(city, made[0])


@pytest.mark.usefixtures("residents")
def test_a_worker_that_lost_its_lease_writes_nothing(city: City) -> None:
    made = start(city)
    slow = simulations._claim(made[1], uuid4())
    assert simulations._claim(made[1], uuid4()) is None, "the lease holds"
    tools = simulations._tools(slow)
    slow = simulations._step(simulations._step(slow, tools, 2), tools, 2)
    with clock.shifted(simulations.LEASE * 2):
        assert simulations.take_up() >= "1"
        assert not simulations.work(made[1], 0.0, 2), "another takes over, and pauses"
    assert simulations._step(slow, tools, 2) is None
    assert simulations.work(made[1])
    assert read(made).state == "done" and read(made).tally == whole(city, made[0])


@pytest.mark.usefixtures("residents")
def test_midnight_begins_the_count_anew(city: City) -> None:
    made = start(city)
    assert not simulations.work(made[1], 0.0, 2) and not simulations.work(made[1], 0.0, 2)
    assert read(made).residents_done == 2
    with clock.shifted(timedelta(days=1)):
        assert simulations.work(made[1], limit=3)
        done = read(made)
        assert done.as_of_on == clock.today() and done.tally == whole(city, made[0])


def test_a_simulation_that_fails_again_and_again_ends(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    made = start(city)

    def broken(*_: Any) -> Any:
        raise ConnectionError

    monkeypatch.setattr(scores, "consenting", broken)
    for _ in range(simulations.MOST_TRIES):
        with pytest.raises(ConnectionError):
            simulations.work(made[1])
    assert (read(made).state, read(made).failure) == ("failed", "ConnectionError")
    assert simulations.work(made[1]), "there is nothing left to do"


# --- what it was compared with ---------------------------------------------------------------------------------------


def test_another_version_makes_a_simulation_outdated_and_its_own_does_not(session: Session, city: City) -> None:
    mine = draft_of(city, (clock.today() + timedelta(days=1)).isoformat())
    made = begun(session, mine)
    cities.publish(session, "scoring", mine)
    assert service.simulation(session, made.draft_id, made.id).outdated_by is None
    other = draft_of(city, AFAR)
    cities.publish(session, "scoring", other)
    assert service.simulation(session, made.draft_id, made.id).outdated_by == other["version"]
    again = begun(session, draft_of(city))
    assert service.simulation(session, again.draft_id, again.id).outdated_by is None
    with clock.shifted(timedelta(days=1)):
        assert service.simulation(session, again.draft_id, again.id).outdated_by == mine["version"], (
            "it is in force now"
        )


@pytest.fixture
def former(city: City) -> Iterator[str]:
    """A version that is long over."""
    policy = cities.Policy("scoring", "1999.1", date(1999, 1, 1), {**city["scoring"], "version": "1999.1"})
    with db.transaction() as session:
        cities._keep(session, policy)
    yield policy.version
    with db.transaction() as session:
        session.execute(delete(cities.PolicyRow).where(cities.PolicyRow.version == policy.version))


def test_a_simulation_ends_when_its_policy_is_no_longer_in_force(city: City, former: str) -> None:
    made = start(city)
    with db.transaction() as session:
        this = models.simulations.c.id == made[1]
        session.execute(update(models.simulations).where(this).values(base_version=former))
    assert simulations.work(made[1])
    assert (read(made).state, read(made).failure) == ("failed", "policy-changed")


def test_a_draft_is_simulated_once_at_a_time_and_found_by_its_own_draft(session: Session, city: City) -> None:
    made, by = begun(session, draft_of(city)), officer()
    with pytest.raises(SimulationUnderWay) as caught:
        service.simulate(session, act(by), by, made.draft_id)
    assert caught.value.members["simulation_id"] == str(made.id)
    with pytest.raises(NotFound):
        service.simulation(session, taken(session, draft_of(city)).id, made.id)
