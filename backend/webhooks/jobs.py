"""What goes on by itself: webhooks take turns in a few threads, and what is long over is forgotten."""

from __future__ import annotations

import contextvars
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import structlog
from sqlalchemy import delete, select, tuple_

from backend.kit import clock, db, jobs
from backend.webhooks import delivery, secrets
from backend.webhooks.delivery import Key, Stopped
from backend.webhooks.models import Delivery

MOST_THREADS = 8
FIRST_REST_SECONDS, LONGEST_REST_SECONDS = 15.0, 600.0
KEPT_DAYS = 30
FORGOTTEN_AT_ONCE = 1_000
log = structlog.get_logger("webhooks")
_ROWS: Any = Delivery.__table__


class Courier:
    """Gives each webhook that has something due a turn in one of a few threads, whoever waits longest first.

    A webhook has one thread at most, so that a slow one holds up itself alone. One that fails rests, each time longer,
    so that many dead ones do not keep every thread waiting. Rests are this process's own and lose nothing when it ends.
    """

    def __init__(self, threads: int = MOST_THREADS) -> None:
        self._most = threads
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._busy: set[Key] = set()
        self._served: dict[Key, float] = {}
        self._rests: dict[Key, tuple[float, float]] = {}

    def run(self, stopped: Stopped = lambda: False) -> bool:
        """Begin turns as far as threads are free; whether any began."""
        with self._lock:
            free = self._most - len(self._busy)
        if free <= 0:
            return False
        with db.reading() as reader:
            waiting = delivery.due(reader)
        chosen = self._choose(waiting, free)
        for key in chosen:
            context = contextvars.copy_context()
            self._threads().submit(context.run, self._turn, key, stopped)
        return bool(chosen)

    def settle(self) -> None:
        """Wait until the turns that have begun are over."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._most, thread_name_prefix="webhooks")
        return self._pool

    def _choose(self, waiting: list[Key], free: int) -> list[Key]:
        now = time.monotonic()
        with self._lock:
            able = [key for key in waiting if key not in self._busy and self._rests.get(key, (0.0, 0.0))[0] <= now]
            chosen = sorted(able, key=lambda key: self._served.get(key, 0.0))[:free]
            self._busy |= set(chosen)
            self._served |= dict.fromkeys(chosen, now)
        return chosen

    def _turn(self, key: Key, stopped: Stopped) -> None:
        well = False
        try:
            well = delivery.turn(key, stopped)
        except Exception:  # a database that is away for a while; the rows are taken up again after their lease
            log.exception("webhook.turn_failed")
        finally:
            with self._lock:
                self._busy.discard(key)
                if well:
                    self._rests.pop(key, None)
                else:
                    last = self._rests.get(key, (0.0, FIRST_REST_SECONDS / 2))[1]
                    seconds = min(last * 2, LONGEST_REST_SECONDS)
                    self._rests[key] = (time.monotonic() + seconds, seconds)


_courier = Courier()


def forget(_day: date) -> str:
    """Delete deliveries that are thirty days old, and secrets whose time is over."""
    old = _ROWS.c.created_at < clock.now() - timedelta(days=KEPT_DAYS)
    key = (_ROWS.c.partner_id, _ROWS.c.webhook_id, _ROWS.c.id)
    some, forgotten = select(*key).where(old).limit(FORGOTTEN_AT_ONCE), 0
    while True:
        with db.transaction() as session:
            gone = session.execute(delete(_ROWS).where(tuple_(*key).in_(some)).returning(_ROWS.c.id)).all()
        forgotten += len(gone)
        if len(gone) < FORGOTTEN_AT_ONCE:
            break
    with db.transaction() as session:
        ended = secrets.forget_ended(session)
    return f"{forgotten} deliveries and {ended} secrets forgotten"


def register() -> None:
    """Register the labour and the daily job."""
    jobs.beside(jobs.Labour("webhooks", _courier.run))
    jobs.register(jobs.Job("webhooks.forget", "清理过期的回调记录", forget))
