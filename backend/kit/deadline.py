"""How long a request may take in all, whatever it waits for.

``begin`` opens a budget for this context. Whoever waits asks ``left``: for a place at the database, for a lock, for
another's server. What cannot be told beforehand how long it takes, a statement, is watched: when its time is up a
watcher asks the database to stop it. The budget's end is a refusal like any other: the transaction leaves no trace.

One thread per process watches; putting something under watch costs a dictionary entry.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from backend.kit.errors import DomainError

LOOK_SECONDS = 0.1
FORGET_SECONDS = 600
GRACE_SECONDS = 2.0


class DeadlineExceeded(DomainError):
    slug = "deadline-exceeded"
    status = 503
    title_zh = "处理超时，请稍后重试"
    title_en = "The request took too long"
    explain_zh = (
        "系统没有在规定的时间内完成，已经放弃，什么都没有改变。请按 Retry-After 稍后用同一个 Idempotency-Key 重试。"
    )
    explain_en = (
        "The request was not done within its time and was given up; nothing has changed. Repeat it with the same "
        "Idempotency-Key after Retry-After seconds."
    )

    def __init__(self) -> None:
        super().__init__()
        self.headers["Retry-After"] = "5"


_ends_at: ContextVar[float | None] = ContextVar("deadline", default=None)


def begin(seconds: float) -> None:
    """Open this context's budget. It counts by the monotonic clock."""
    _ends_at.set(time.monotonic() + seconds)


def grace() -> None:
    """Where a budget is open, a moment more: to put back what was taken before the wait that failed."""
    if _ends_at.get() is not None:
        begin(GRACE_SECONDS)


def end() -> None:
    """Close it."""
    _ends_at.set(None)


def left(otherwise: float) -> float:
    """Seconds left of the budget and ``otherwise`` at most; never negative."""
    ends_at = _ends_at.get()
    return otherwise if ends_at is None else max(0.0, min(otherwise, ends_at - time.monotonic()))


def over() -> bool:
    """Whether there is a budget, and nothing is left of it."""
    ends_at = _ends_at.get()
    return ends_at is not None and time.monotonic() >= ends_at


def check() -> None:
    """Raises DeadlineExceeded once the budget is spent."""
    if over():
        raise DeadlineExceeded()


@dataclass(eq=False)
class Watched:
    """Something that may be stopped from outside until it is ``done``. ``stopped``: it was."""

    ends_at: float
    stop: Callable[[], None]
    done: bool = False
    stopped: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class _Watcher:
    def __init__(self) -> None:
        self._watched: dict[int, Watched] = {}
        self._pid = 0
        self._starting = threading.Lock()

    def add(self, watched: Watched) -> None:
        self._watched[id(watched)] = watched
        if self._pid != os.getpid():
            self._start()

    def remove(self, watched: Watched) -> None:
        self._watched.pop(id(watched), None)

    def _start(self) -> None:
        with self._starting:
            if self._pid != os.getpid():
                self._pid = os.getpid()
                threading.Thread(target=self._watch, name="deadlines", daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            now = time.monotonic()
            for watched in list(self._watched.values()):
                if now >= watched.ends_at:
                    self._end(watched)
                if now >= watched.ends_at + FORGET_SECONDS:
                    self.remove(watched)

    def _end(self, watched: Watched) -> None:
        """Stop it, again at every look until it is done: the next statement of a late request is late as well."""
        with watched.lock:
            if not watched.done:
                watched.stopped = True
                try:
                    watched.stop()
                except Exception:  # noqa: S110 - whatever cannot be stopped ends by itself; the watch goes on
                    pass


_watcher = _Watcher()


def watch(stop: Callable[[], None]) -> Watched | None:
    """Have ``stop`` called from another thread once the budget is spent. None where there is no budget."""
    ends_at = _ends_at.get()
    if ends_at is None:
        return None
    watched = Watched(ends_at, stop)
    _watcher.add(watched)
    return watched


def watch_statements(raw: Any) -> Watched | None:
    """Watch what runs on a driver's connection (psycopg or sqlite3)."""
    return watch(partial(raw.cancel_safe, timeout=2.0) if hasattr(raw, "cancel_safe") else raw.interrupt)


def unwatch(watched: Watched) -> bool:
    """It is done; ``stop`` is not called any more. Whether it had been."""
    _watcher.remove(watched)
    with watched.lock:
        watched.done = True
        return watched.stopped
