"""Figures that answer questions: counters of what happened, and gauges that are read from tables.

Counters live in each process; where ``PROMETHEUS_MULTIPROC_DIR`` names a folder they lie there in files that every
process shares, so that whichever worker is asked answers for all of them and for the background worker. Gauges are
one cheap query each when somebody asks, at most every few seconds, and never cost more as the city grows.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from backend.kit import db
from backend.kit.db import Reader

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
FRESH_SECONDS = 5.0
log = structlog.get_logger("figures")

REGISTRY = CollectorRegistry()
REDEMPTIONS = Counter(
    "xinyi_redemptions_total", "Answers to redemptions: redeemed, or the refusal", ("verdict",), registry=REGISTRY
)
ADMISSIONS = Counter(
    "xinyi_admissions_total", "Answers to admissions: admitted, or why not", ("how", "verdict"), registry=REGISTRY
)
VERIFICATIONS = Counter(
    "xinyi_verifications_total", "Answers to verifications: valid, or why not", ("verdict",), registry=REGISTRY
)
SIGN_INS = Counter(
    "xinyi_sign_ins_total", "Sign-ins by kind: signed-in, or why not", ("kind", "verdict"), registry=REGISTRY
)
REFUSALS = Counter(
    "xinyi_refusals_total", "Problems answered, by route, status and slug", ("route", "status", "slug"),
    registry=REGISTRY,
)  # fmt: skip
POOL_EXHAUSTED = Counter(
    "xinyi_database_pool_exhausted_total", "Requests that waited for a connection in vain", registry=REGISTRY
)
POOL_IN_USE = Gauge(
    "xinyi_database_pool_in_use", "Connections in use, sampled each second", registry=REGISTRY,
    multiprocess_mode="livesum",
)  # fmt: skip
POOL_SIZE = Gauge(
    "xinyi_database_pool_size", "Connections that may be in use at once", registry=REGISTRY, multiprocess_mode="livesum"
)

Row = tuple[tuple[str, ...], float]


@dataclass(frozen=True)
class Table:
    """A gauge that a query answers: label values and a number a row, cheaply."""

    name: str
    words: str
    labels: tuple[str, ...]
    read: Callable[[Reader], Iterable[Row]]


class Tables:
    """All gauges that are read from tables, kept for a few seconds. One that cannot be read is left out."""

    def __init__(self) -> None:
        self._tables: dict[str, Table] = {}
        self._lock = threading.Lock()
        self._kept: list[Metric] = []
        self._read_at = float("-inf")

    def register(self, table: Table) -> None:
        self._tables[table.name] = table

    def forget(self) -> None:
        """Let the next question read anew."""
        self._read_at = float("-inf")

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            if time.monotonic() - self._read_at > FRESH_SECONDS:
                self._kept = [metric for table in self._tables.values() if (metric := _asked(table)) is not None]
                self._read_at = time.monotonic()
            kept = list(self._kept)
        yield from kept


def _asked(table: Table) -> Metric | None:
    metric = GaugeMetricFamily(table.name, table.words, labels=table.labels)
    try:
        with db.reading() as reader:
            for labels, value in table.read(reader):
                metric.add_metric(labels, value)
    except Exception as error:  # a figure that is missing is itself told of; the others are still wanted
        log.warning("figures.unread", figure=table.name, error=type(error).__name__)
        return None
    return metric


TABLES = Tables()


def sampler() -> Callable[[], None]:
    """What notes the use of the connection pool, once a second at most. Cheap enough for every request."""
    noted_at = float("-inf")

    def sample() -> None:
        nonlocal noted_at
        now = time.monotonic()
        if now - noted_at < 1:
            return
        noted_at = now
        if (bound := db.bound()) is not None:
            pool: Any = bound.engine.pool
            POOL_IN_USE.set(pool.checkedout())
            POOL_SIZE.set(bound.most_connections)

    return sample


def rendered(*registries: CollectorRegistry) -> bytes:
    """Everything in Prometheus's text format: the counters of ``registries`` and the house's, and the tables'."""
    folder = os.environ.get(FOLDER)
    if folder:
        _bury(Path(folder))
        shared = CollectorRegistry()
        MultiProcessCollector(shared, path=folder)
        registries = (shared,)
    else:
        registries = (*registries, REGISTRY)
    tables = CollectorRegistry()
    tables.register(TABLES)
    return b"".join(generate_latest(registry) for registry in (*registries, tables))


def _bury(folder: Path) -> None:
    """Forget the gauges of processes that are gone. Their counters stay: what they counted has happened."""
    for path in folder.glob("gauge_live*_*.db"):
        pid = path.stem.rpartition("_")[2]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            mark_process_dead(pid, str(folder))
