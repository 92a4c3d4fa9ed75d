"""Scores: the whole city, one resident inside a request, and what her phone reads; each beside the same by hand."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import bindparam, select, update

from backend import app as house
from backend.kit import city, clock, db, outbox
from backend.kit.prepared import Prepared
from backend.records import service as records
from backend.scores import computing, jobs, runs
from backend.scoring.rules import plan_of
from tests.bench import by_hand
from tests.bench.city import city_of, plain
from tests.bench.measure import Line, Slices, compared, in_turns
from tests.bench.over_http import DOOR_CLIENTS, RESIDENTS, ROUNDS, Bench, serving
from tests.bench.scores_by_hand import MARK, change, grouped, recompute
from tests.support.databases import own_database
from tests.support.load import Answer, flood
from tests.support.prepare import Wanted
from tests.support.real_server import RealServer

PEOPLE, FEWER = 1_000_000, 100_000
CITY_ROUNDS = 3
ONE_SECONDS, ONE_ROUNDS = 2.0, 8
AT_LEAST_READS = {"/me/score": 0.6, "/me/score/reasons": 0.5}


# --- the city --------------------------------------------------------------------------------------------------------


def whole_city() -> list[Line]:
    """All scores anew beside one INSERT … SELECT, a night in which 1 % changed beside all, and both sizes of a city."""
    with city_of(FEWER) as url:
        few = _Town(url, FEWER)
        smaller = [few.all_anew() for _ in range(CITY_ROUNDS)]
    with city_of(PEOPLE) as url:
        town = _Town(url, PEOPLE)
        anew, hand, nights = [], [], []
        for _ in range(CITY_ROUNDS):
            hand.append(town.by_hand())
            anew.append(town.all_anew())
            nights.append(town.a_night())
    each = [few / FEWER for few in smaller], [many / PEOPLE for many in anew]
    return [
        _line(f"city recomputed ÷ INSERT … SELECT, {PEOPLE:,} residents", hand, anew, 0.5, town.words),
        _line("a night with 1 % due: at most 0.03 of it, all anew ÷ night", anew, nights, 1 / 0.03, town.night_words),
        _line(f"time per resident, {FEWER:,} ÷ {PEOPLE:,}: grows less than 1.3", *each, 1 / 1.3, "s a resident"),
    ]


def _line(name: str, theirs: list[float], ours: list[float], at_least: float, words: str) -> Line:
    """Seconds of the floor over seconds of the subject, round by round; the median."""
    rounds = sorted(a / b for a, b in zip(theirs, ours, strict=True))
    detail = {"subject": ours, "floor": theirs}
    said = (f"{min(ours):.3g} s, {words}", f"{min(theirs):.3g} s")
    return Line(name, *said, rounds[len(rounds) // 2], at_least, detail, (rounds[0], rounds[-1]))


KEPT_BY_HAND = """CREATE TABLE by_hand (resident_id uuid PRIMARY KEY, value integer, level_id varchar(20),
policy_version varchar(40), as_of_on date, next_change_on date, computed_at timestamptz)"""


class _Town:
    """A seeded city. Everybody's first score is computed, then each act is timed."""

    def __init__(self, url: str, people: int) -> None:
        self.hand = psycopg.connect(plain(url), autocommit=True)
        self.hand.execute(KEPT_BY_HAND)
        self.versions = itertools.count(1)
        self.words = self.night_words = ""
        with db.reading() as reader:
            self.content = city.get(reader, "scoring").content
        list(runs.asked("first"))
        self._settle()

    def _settle(self) -> None:
        """What autovacuum would have done by the time that anybody does this again."""
        self.hand.execute("VACUUM ANALYZE scores")
        self.hand.execute("VACUUM ANALYZE score_history")
        self.hand.execute("CHECKPOINT")

    def all_anew(self) -> float:
        """A new policy, under which one indicator counts other than it did, comes into force: every row is written."""
        number = next(self.versions)
        content = deepcopy(self.content) | {"version": f"test.{number}"}
        next(raw for raw in content["indicators"] if raw["id"] == "promise-broken")["points"] -= number
        with db.transaction() as session:
            city.load(session, {"scoring": content})
        started = time.perf_counter()
        *_, progress = runs.renewed(content["version"])
        seconds = time.perf_counter() - started
        self.words = f"{progress.computed:,} computed, {progress.changed:,} changed"
        self._settle()
        return seconds

    def by_hand(self) -> float:
        """The same grouping over the same rows into an empty table, with the same memory."""
        with db.reading() as reader:
            policy, text = city.get(reader, "scoring"), computing.text_version(reader)
        plan = plan_of(policy.version, policy.content)
        self.hand.execute("TRUNCATE by_hand")
        self.hand.execute("SET work_mem = '128MB'; SET jit = off")
        statement = grouped(plan, "SELECT resident_id FROM consents WHERE purpose = 'score' AND granted"
                                  " AND text_version = %(text)s", "true")  # fmt: skip
        started = time.perf_counter()
        self.hand.execute(
            f"INSERT INTO by_hand SELECT resident_id, value, level_id, '{plan.version}', %(today)s, next_change_on,"
            f" now() FROM ({statement}) told",
            {"text": text, "today": clock.today()},
        )
        seconds = time.perf_counter() - started
        self.hand.execute("CHECKPOINT")
        return seconds

    def a_night(self) -> float:
        """One in a hundred residents is due, and her number is another than the one that stands."""
        one_in_100 = "('x' || right(resident_id::text, 8))::bit(32)::int % 100 = 0"
        self.hand.execute(f"UPDATE scores SET value = value - 1, next_change_on = '{clock.today()}' WHERE {one_in_100}")
        self._settle()
        started = time.perf_counter()
        self.night_words = jobs.recompute_due(clock.today())
        seconds = time.perf_counter() - started
        self._settle()
        return seconds


# --- one resident ----------------------------------------------------------------------------------------------------


def one_resident() -> list[Line]:
    """A record changes and the score follows: one process, one thread, one committed transaction after another."""
    with own_database("postgresql") as url:
        server = RealServer(url, Wanted(residents=RESIDENTS, scores=True))
        try:
            with server.wechat:
                server.prepare()
                house.prepare(server.settings)
                return _one_resident([UUID(each["id"]) for each in server.made.residents])
        finally:
            db.current().dispose()
            by_hand.close()
            server.close()


def _one_resident(residents: list[UUID]) -> list[Line]:
    with db.reading() as reader:
        policy, text = city.get(reader, "scoring"), computing.text_version(reader)
        table = records.records_table()
        scored = {raw["item"] for raw in policy.content["indicators"]}
        rows = reader.execute(select(table.c.resident_id, table.c.id).where(table.c.item_code.in_(scored))).all()
    plan, of = plan_of(policy.version, policy.content), dict[UUID, UUID](map(tuple, rows))
    chosen = [(resident_id, of[resident_id]) for resident_id in residents if resident_id in of]

    def followed(resident_id: UUID, record_id: UUID, status: str) -> None:
        with db.transaction() as session:
            _MARK.run(session, {"new": status, "resident": resident_id, "record": record_id})
            told = {"resident_id": str(resident_id), "record_id": str(record_id), "change": status}
            outbox.tell(session, "records.changed", told, shard=resident_id)

    def changed(resident_id: UUID, record_id: UUID, status: str) -> None:
        with db.transaction() as session:
            records.change_status(session, resident_id, record_id, status, None, "")

    def by_hand_way(before: Callable[..., Any]) -> Callable[..., None]:
        def act(resident_id: UUID, record_id: UUID, status: str) -> None:
            hand = by_hand.Hand()
            hand.begin()
            before(hand, resident_id, record_id, status)
            recompute(hand, plan, text, resident_id, record_id, status)
            hand.commit()

        return act

    def mark(hand: by_hand.Hand, resident_id: UUID, record_id: UUID, status: str) -> None:
        hand.run(MARK, (status, resident_id, record_id))

    lines = []
    for title, ours, floor, at_least in (
        ("a score that follows its record", followed, by_hand_way(mark), 0.5),
        ("with the record's own room", changed, by_hand_way(change), None),
    ):
        mine, theirs = Slices(), Slices()
        in_turns({"house": _act(ours, chosen, mine), "hand": _act(floor, chosen, theirs)}, ONE_ROUNDS)
        for name, p in (("p50", 50), ("p99", 99)):
            ratio = theirs.percentile(p) / mine.percentile(p)
            detail = {"subject": mine.told(), "floor": theirs.told()}
            lines.append(Line(f"{title} ÷ by hand, {name}", mine.words(), theirs.words(), ratio, at_least, detail))
    return lines


_MARK = Prepared(
    update(records.records_table())
    .values(status=bindparam("new"))
    .where(records.records_table().c.resident_id == bindparam("resident"))
    .where(records.records_table().c.id == bindparam("record"))
)


def _act(act: Callable[..., None], chosen: list[tuple[UUID, UUID]], slices: Slices) -> Callable[[], None]:
    """Each resident's record is disputed and restored in turn, so that every act changes the number."""

    def run() -> None:
        answers: list[Answer] = []
        started, cpu = time.perf_counter(), time.process_time()
        turns: Iterator[Any] = itertools.cycle([(*one, status) for one in chosen for status in ("disputed", "active")])
        while (before := time.perf_counter()) - started < ONE_SECONDS or len(answers) % 2:
            act(*next(turns))
            answers.append(Answer(200, b"", time.perf_counter() - before))
        slices.add(answers, time.perf_counter() - started, time.process_time() - cpu)

    return run


# --- reads -----------------------------------------------------------------------------------------------------------


def reads(kind: str) -> list[Line]:
    """The number, and the number taken apart, beside bare views that read the same rows by hand."""
    with serving(kind, Wanted(residents=RESIDENTS, scores=True)) as server:
        bench, lines = Bench(server), []
        floor = server.start_beside("floor", target="tests.bench.floor:app")
        for path, at_least in AT_LEAST_READS.items():
            ours, theirs = bench.reads(f"/api/v1{path}"), bench.reads(path.removeprefix("/me"))
            [one], [other] = flood(server.address, [next(ours)]), flood(floor, [next(theirs)])
            if one.json() != other.json():
                raise RuntimeError(f"the floor says {other.json()} where the house says {one.json()}")
            acts = {
                path: bench.slice(path, "web", server.address, ours, clients=DOOR_CLIENTS, expect=200),
                f"{path}'": bench.slice(f"{path}'", "floor", floor, theirs, clients=DOOR_CLIENTS, expect=200),
            }
            in_turns(acts, ROUNDS)
            title = f"GET {path} ÷ by hand in a bare view, {kind}"
            lines.append(compared(title, bench.slices[path], bench.slices[f"{path}'"], at_least))
        return lines
