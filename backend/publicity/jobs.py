"""What the worker does for the search by name: takes new and changed names apart, a while at a time."""

from __future__ import annotations

import time

from backend.kit import db, jobs
from backend.publicity import names

EVERY_SECONDS = 60
MOST_SECONDS = 20.0
"""How long one run may keep the worker's clock. A load of a whole city takes several."""


def index_names(most_seconds: float = MOST_SECONDS) -> str:
    """Take apart what waits, in transactions of a thousand names. What a crash or the time leaves is still waiting."""
    end, after, chunks = time.monotonic() + most_seconds, "", 0
    while time.monotonic() < end:
        with db.transaction() as session:
            last = names.index_names(session, after)
        if last is None:
            break
        after, chunks = last, chunks + 1
    return f"{chunks} chunks of names"


def register() -> None:
    """Register the step; the composition root does."""
    jobs.often(jobs.Step("publicity.index-names", EVERY_SECONDS, index_names))
