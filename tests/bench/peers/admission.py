"""Admission over HTTP beside pretix's check-in redeem: one PostgreSQL server, one Redis, as many workers, in turns.

Ours reads a signed code, admits the coupon once, pays its points to the partner, keeps the scan and tells the other
rooms; pretix looks a secret up, writes a check-in and a line of its log. Either is as its handbook says: Granian with
kept connections, gunicorn's plain workers with a connection for each request; Redis counts our rate limits and is
pretix's cache and Celery's broker. What follows after the answer waits on both sides in its queue (our outbox, its
broker) with no worker running, so that neither pays for it within the measurement.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

from sqlalchemy import create_engine, text

from tests.bench.measure import Line, Slices, compared, cpu_seconds, in_turns
from tests.bench.over_http import OPEN, Bench
from tests.bench.peers import pretix_server
from tests.bench.peers.pretix_server import Pretix, redis_of_its_own
from tests.support import real_server
from tests.support.load import Answer, flood, request
from tests.support.prepare import Wanted

CLIENTS, WORKERS = 8, 2
SLICE_SECONDS, ROUNDS = 2.0, 5
WARM_UP = 240
RESIDENTS, TICKETS = 128, 6000
FIRST_PILE = 600
AT_LEAST = 10.0
"""How many times as many admissions a second as pretix's check-ins."""


def beside_pretix() -> list[Line]:
    """Every answer is read, and afterwards each side's database must hold as many admissions as were answered."""
    wanted = Wanted(residents=RESIDENTS, points=1_000_000, devices=1, offers=[OPEN])
    with (
        redis_of_its_own() as redis_url,
        pretix_server.serving(TICKETS, WORKERS, redis_url) as peer,
        real_server.serving("postgresql", wanted, log_level="info", redis_url=f"{redis_url}/0") as server,
    ):
        ours, theirs = _Ours(Bench(server)), _Theirs(peer)
        for side in (ours, theirs):
            side.slice(WARM_UP, None)
        subject, floor = Slices(), Slices()
        in_turns({"ours": _act(ours, subject), "pretix": _act(theirs, floor)}, ROUNDS)
        for side in (ours, theirs):
            side.prove()
    title = f"admission ÷ pretix's check-in, {WORKERS} workers, {CLIENTS} clients"
    return [compared(title, subject, floor, AT_LEAST)]


class _Side:
    """One of the two. ``admitted`` counts what was answered with an entry."""

    def __init__(self, pid: int, database_url: str, stand: str) -> None:
        self.pid, self.database_url, self.stand = pid, database_url, stand
        self.admitted = 0

    def ready(self) -> None:
        """Make what the next slice will use; not measured."""

    def send(self, most: int, seconds: float | None) -> list[Answer]:
        raise NotImplementedError

    def is_entry(self, said: dict[str, Any]) -> bool:
        raise NotImplementedError

    def slice(self, most: int, seconds: float | None) -> tuple[list[Answer], float, float]:
        """Answers, all of them entries; the seconds they took, and the server's processor seconds."""
        self.ready()
        cpu, started = cpu_seconds(self.pid), time.perf_counter()
        answers = self.send(most, seconds)
        took, cpu = time.perf_counter() - started, cpu_seconds(self.pid) - cpu
        wrong = [each for each in answers if each.status != 201 or not self.is_entry(each.json())]
        if wrong or not answers:
            raise RuntimeError(f"{type(self).__name__}: {wrong[:1] or 'nothing was left to admit'}")
        self.admitted += len(answers)
        return answers, took, cpu

    def prove(self) -> None:
        """As many admissions stand in the database as were answered."""
        engine = create_engine(self.database_url)
        with engine.connect() as hand:
            stand = hand.execute(text(self.stand)).scalar_one()
        engine.dispose()
        if stand != self.admitted:
            raise RuntimeError(f"{type(self).__name__}: {self.admitted} were admitted, {stand} stand")


class _Ours(_Side):
    """Coupons of one use each, redeemed and shown before each slice."""

    def __init__(self, bench: Bench) -> None:
        server = bench.server
        super().__init__(
            server.processes["web"].pid, server.env["DATABASE_URL"], "SELECT count(*) FROM perks_admissions"
        )
        self.address, self.device = server.address, server.made.devices[0]["token"]
        self._redemptions, self._tokens = bench.redemptions(server.made.offers), bench.tokens()
        self._pile: list[bytes] = []
        self._pile_wanted = FIRST_PILE

    def ready(self) -> None:
        short = self._pile_wanted - len(self._pile)
        if short <= 0:
            return
        bought = flood(self.address, list(itertools.islice(self._redemptions, short)))
        shown = [
            request("POST", f"/api/v1/me/coupons/{answer.json()['coupon']['id']}/codes", token)
            for answer, token in zip(bought, self._tokens, strict=False)
        ]
        for answer in flood(self.address, shown):
            body = {"code": answer.json()["code"]}
            self._pile.append(request("POST", "/api/v1/venue/admissions", self.device, key=uuid4(), body=body))

    def send(self, most: int, seconds: float | None) -> list[Answer]:
        answers = flood(self.address, self._pile[:most], CLIENTS, seconds=seconds)
        self._pile = self._pile[len(answers) :]
        self._pile_wanted = max(self._pile_wanted, 2 * len(answers))
        return answers

    def is_entry(self, said: dict[str, Any]) -> bool:
        return bool(said["verdict"] == "admitted")


class _Theirs(_Side):
    """Tickets, each scanned once."""

    def __init__(self, peer: Pretix) -> None:
        super().__init__(peer.pid, peer.database_url, "SELECT count(*) FROM pretixbase_checkin WHERE successful")
        self.peer = peer
        self._tickets: Iterator[str] = iter(peer.seed["secrets"])
        self._pile: list[bytes] = []

    def ready(self) -> None:
        self._pile = self._pile or [self.peer.redeem(ticket, uuid4()) for ticket in self._tickets]

    def send(self, most: int, seconds: float | None) -> list[Answer]:
        answers = flood(self.peer.address, self._pile[:most], CLIENTS, seconds=seconds, fresh=True)
        self._pile = self._pile[len(answers) :]
        return answers

    def is_entry(self, said: dict[str, Any]) -> bool:
        return bool(said["status"] == "ok")


def _act(side: _Side, slices: Slices) -> Callable[[], None]:
    return lambda: slices.add(*side.slice(20_000, SLICE_SECONDS))
