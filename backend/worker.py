"""The worker: delivers the outbox as it fills, and at each minute asks which daily jobs are still owed.

huey is only the clock (SQLite by default, Redis where ``XINYI_REDIS_URL`` is set): what is due and what is done
stands in tables.
"""

from __future__ import annotations

import signal
import threading
from typing import Any
from urllib.parse import urlsplit

import structlog
from huey import PriorityRedisHuey, SqliteHuey, crontab
from sqlalchemy.exc import DBAPIError

from backend.kit import jobs, outbox
from config.settings import Settings

PAUSE_SECONDS = 0.5
log = structlog.get_logger("worker")


def clockwork(settings: Settings) -> Any:
    """The clock for ``settings``, with its one minute task."""
    if settings.redis_url:
        parts = urlsplit(settings.redis_url)
        name = f"xinyi-{settings.city}-{parts.path.strip('/') or '0'}"
        huey = PriorityRedisHuey(name, url=settings.redis_url, results=False)
    else:
        settings.instance_root.mkdir(parents=True, exist_ok=True)
        huey = SqliteHuey("xinyi", filename=str(settings.instance_root / "clock.db"), results=False)
    huey.periodic_task(crontab(minute="*"), name="run_due_jobs")(_run_due)
    return huey


def _run_due() -> None:
    if names := jobs.run_due():
        log.info("jobs.done", jobs=names)
    jobs.run_steps()


def deliver_until(stop: threading.Event) -> None:
    """Deliver the outbox until told to stop; a database that is away for a while is asked again."""
    while not stop.is_set():
        try:
            delivered = outbox.deliver()
        except DBAPIError as error:
            log.warning("outbox.database_away", error=type(error).__name__)
            delivered = 0
        if not delivered:
            stop.wait(PAUSE_SECONDS)


def _leave(_signal: int, _frame: object) -> None:
    """End as asked while the first jobs are still at work: what they had begun is rolled back."""
    raise SystemExit(0)


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT. ``create_app`` or ``wire`` has been called before."""
    signal.signal(signal.SIGTERM, _leave)  # until the clock takes the signal over
    stop = threading.Event()
    courier = threading.Thread(target=deliver_until, args=(stop,), name="outbox", daemon=True)
    courier.start()
    _run_due()
    try:
        clockwork(settings).create_consumer(workers=1, periodic=True, check_worker_health=False).run()
    finally:
        stop.set()
        courier.join(timeout=10)


def main() -> None:
    from backend.app import create_app, follow_keys

    settings = Settings.from_env()
    create_app(settings)
    follow_keys(settings)
    run(settings)


if __name__ == "__main__":
    main()
