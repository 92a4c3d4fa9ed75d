"""What other rooms and the edge ask of this one. Each verb is explained where it is defined."""

from __future__ import annotations

from typing import Any

from backend.bookings import rules
from backend.bookings.booked import Booking, bookings, slot_file
from backend.bookings.promoting import after_cancelled, on_cancelled, promote
from backend.bookings.strikes import (
    Lifter,
    Standing,
    after_missed,
    lift,
    on_admitted,
    on_conflicted,
    paused,
    pauses,
    standings,
)
from backend.bookings.waiting import WaitingView, entries, entry, join, leave

__all__ = [
    "Booking", "Lifter", "Standing", "WaitingView", "after_cancelled", "after_missed", "bookings", "entries", "entry",
    "join", "leave", "lift", "lint_policy", "on_admitted", "on_cancelled", "on_conflicted", "paused", "pauses",
    "promote", "slot_file", "standings",
]  # fmt: skip


def lint_policy(content: dict[str, Any], _all: dict[str, dict[str, Any]]) -> list[str]:
    """The check of ``deadlines.toml`` that the composition root registers."""
    return rules.lint(content.get("bookings", {}))
