"""Noticing that a file was replaced."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import structlog

EVERY_SECONDS = 0.5
log = structlog.get_logger("watch")
Mark = tuple[int, int, int]


def mark(path: Path) -> Mark | None:
    """What changes when a file is replaced or written; None while it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def follow(path: Path, changed: Callable[[], None], stop: threading.Event | None = None) -> threading.Thread:
    """Call ``changed`` from a thread of its own whenever the file is another than before; its failures are logged."""
    ends, seen = stop or threading.Event(), mark(path)

    def look() -> None:
        nonlocal seen
        while not ends.wait(EVERY_SECONDS):
            if (now := mark(path)) is None or now == seen:
                continue
            seen = now
            try:
                changed()
            except Exception as error:  # the process goes on with what it has
                log.error("watch.failed", error=type(error).__name__)

    thread = threading.Thread(target=look, name="watch", daemon=True)
    thread.start()
    return thread
