"""What a rate limit and a deadline add to one request: microseconds, in this process and with Redis on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable

from flask import Flask
from prometheus_client import CollectorRegistry

from backend.kit import deadline
from backend.kit.rates import Memory, Shared, Store
from backend.web import limits
from backend.web.limits import Meter
from tests.bench.measure import Line
from tests.suites import REDIS, redis_missing

ROUNDS, TIMES = 5, 2_000


def costs() -> list[Line]:
    """Per request, the least of several rounds."""
    lines = [_line("a rate limit in memory", _spending(Memory())), _line("a deadline and two connections", _budget)]
    if not redis_missing():
        lines.append(_line("a rate limit through Redis, one round trip", _spending(Shared.at(REDIS))))
    return lines


def _line(name: str, act: Callable[[int], None]) -> Line:
    rounds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        act(TIMES)
        rounds.append((time.perf_counter() - begun) / TIMES * 1e6)
    return Line(name, f"{min(rounds):.1f} µs", "", None, detail={"microseconds": rounds})


def _spending(store: Store) -> Callable[[int], None]:
    app = Flask("bench")
    app.extensions["limits"] = Meter(store, b"s" * 32, "count", CollectorRegistry())

    def act(times: int) -> None:
        with app.test_request_context("/", environ_base={"REMOTE_ADDR": "192.0.2.1"}):
            for _ in range(times):
                limits.count_stranger("", "browse")

    return act


def _budget(times: int) -> None:
    for _ in range(times):
        deadline.begin(20)
        for watched in (deadline.watch(lambda: None), deadline.watch(lambda: None)):
            if watched is not None:
                deadline.unwatch(watched)
        deadline.end()
