"""One starting line for acts that race each other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from backend.kit import db


def at_once(acts: list[Callable[[Session], Any]]) -> list[Any]:
    """Each act in a transaction and a thread of its own, all from one starting line: what it gave or raised."""
    barrier = threading.Barrier(len(acts))
    results: list[Any] = [None] * len(acts)

    def run(place: int) -> None:
        barrier.wait(timeout=30)
        try:
            with db.transaction() as session:
                results[place] = acts[place](session)
        except Exception as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
