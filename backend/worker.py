"""The worker: delivers the outbox as it fills, works on what may take long beside it, and at each minute asks which
daily jobs are still owed.

huey is only the clock (SQLite by default, Redis where ``XINYI_REDIS_URL`` is set): what is due and what is done
stands in tables. While maintenance is on it does nothing, and says by a file's time that it lives.
"""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from huey import PriorityRedisHuey, SqliteHuey, crontab
from sqlalchemy.exc import DBAPIError

from backend.kit import jobs, maintenance, outbox
from backend.operating.check_installation import ALIVE
from config.settings import Settings

PAUSE_SECONDS = 0.5
PAUSE_AFTER_FAILURE_SECONDS = 5.0
ALIVE_SECONDS = 5.0
FINISH_SECONDS = 10
log = structlog.get_logger("worker")


def clockwork(settings: Settings) -> tuple[Any, Any]:
    """The clock for ``settings``, and its one task: each minute, or at once when called."""
    if settings.redis_url:
        parts = urlsplit(settings.redis_url)
        name = f"xinyi-{settings.city}-{parts.path.strip('/') or '0'}"
        huey = PriorityRedisHuey(name, url=settings.redis_url, results=False)
    else:
        settings.instance_root.mkdir(parents=True, exist_ok=True)
        huey = SqliteHuey("xinyi", filename=str(settings.instance_root / "clock.db"), results=False)
    return huey, huey.periodic_task(crontab(minute="*"), name="run_due_jobs")(_run_due)


def _run_due() -> None:
    if maintenance.noticed() is not None:
        return
    if names := jobs.run_due():
        log.info("jobs.done", jobs=names)
    jobs.run_steps()


def deliver_until(stop: threading.Event, alive: Path | None = None) -> None:
    """Deliver the outbox until told to stop; a database that is away for a while is asked again.

    ``alive``: a file that is touched every few seconds while this goes on.
    """
    touched = 0.0
    while not stop.is_set():
        if alive is not None and time.monotonic() - touched > ALIVE_SECONDS:
            alive.touch(mode=0o600)
            touched = time.monotonic()
        try:
            delivered = 0 if maintenance.noticed() else outbox.deliver(stopped=stop.is_set)
        except DBAPIError as error:
            log.warning("outbox.database_away", error=type(error).__name__)
            delivered = 0
        if not delivered:
            stop.wait(PAUSE_SECONDS)


def labour_until(stop: threading.Event, labour: jobs.Labour) -> None:
    """Do what waits until told to stop. A failure is noted, and what it left undone is taken up again."""
    while not stop.is_set():
        try:
            worked = maintenance.noticed() is None and labour.run(stop.is_set)
        except Exception:
            log.exception("labour.failed", labour=labour.name)
            stop.wait(PAUSE_AFTER_FAILURE_SECONDS)
            continue
        if not worked:
            stop.wait(PAUSE_SECONDS)


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT. ``create_app`` or ``wire`` has been called before.

    The row at hand is delivered to its end; a job that is still at work is rolled back with the process. Signals only
    set flags: an exception thrown into whatever runs at that moment could leave a transaction open behind it.
    """
    stop = threading.Event()
    huey, first = clockwork(settings)
    consumer = huey.create_consumer(workers=1, periodic=True, check_worker_health=False)

    def leave(_signal: int, _frame: object) -> None:
        stop.set()
        consumer.stop_flag.set()

    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, leave)  # until the clock takes them over
    settings.instance_root.mkdir(parents=True, exist_ok=True)
    arguments = (stop, settings.instance_root / ALIVE)
    courier = threading.Thread(target=deliver_until, args=arguments, name="outbox", daemon=True)
    beside = [
        threading.Thread(target=labour_until, args=(stop, each), name=each.name, daemon=True) for each in jobs.labours()
    ]
    for thread in (courier, *beside):
        thread.start()
    first()
    try:
        consumer.run()
    finally:
        stop.set()
        ends_at = time.monotonic() + FINISH_SECONDS
        for thread in (courier, *beside):
            thread.join(timeout=max(0.0, ends_at - time.monotonic()))


def main() -> None:
    from backend.app import create_app, follow_keys

    settings = Settings.from_env()
    create_app(settings)
    follow_keys(settings)
    run(settings)


if __name__ == "__main__":
    main()
