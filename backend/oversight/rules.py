"""How a batch of rows becomes one number, and what a seal says. Pure: no database, no clock, no keys.

The tree is that of Certificate Transparency (RFC 6962, 2.1): leaves and nodes are hashed apart, and the left half
is the largest power of two below the whole. A seal is a statement in canonical JSON; its number is the SHA-256 of
that text, and each statement carries the number of the one before it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from backend.kit.merkle import EMPTY as EMPTY
from backend.kit.merkle import root

BEGINNING = "0" * 64
"""What the first seal names as the one before it."""

DOMAIN = b"xinyi-trail-seal-v1\n"
"""Set before what is hashed and signed, so that a seal can be taken for nothing else."""

GRACE = timedelta(hours=1)
"""A row's time is taken within its transaction, which lasts seconds. So much later it was not written when it says."""

ROWS, CLOSING = "rows", "closing"


def whole_root(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """The root of a batch: over the roots of its tables, by their names."""
    return root(bytes.fromhex(tables[name]["root"]) for name in sorted(tables)).hex()


def text_of(statement: Mapping[str, Any]) -> str:
    """A statement as it is signed: JSON with sorted names and no spaces."""
    return json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def told(instant: datetime | None) -> str | None:
    """An instant as statements write it."""
    return None if instant is None else instant.astimezone(UTC).isoformat(timespec="microseconds")


def instant(text: str) -> datetime:
    """The instant behind :func:`told`."""
    return datetime.fromisoformat(text).astimezone(UTC)


def table_part(leaves: Sequence[tuple[datetime, bytes]]) -> dict[str, Any]:
    """What a statement says of one table: how many rows, from when to when, and their root."""
    times = [at for at, _ in leaves]
    return {
        "count": len(leaves),
        "first_at": told(min(times, default=None)),
        "last_at": told(max(times, default=None)),
        "root": root(digest for _, digest in leaves).hex(),
    }


def is_late(at: datetime, caught_up_at: datetime | None) -> bool:
    """Whether a row names a time that an earlier seal had already left behind.

    ``caught_up_at``: when a seal before it last left nothing waiting. A row of before that moment would have been
    in that seal or an earlier one: it was written afterwards, whatever it says.
    """
    return caught_up_at is not None and at < caught_up_at - GRACE


def years_before(day: date, years: int) -> date:
    """The same calendar day ``years`` earlier; for 29 February where there is none, the 28th, which keeps longer.

    What is kept N years and happened before this day has been kept N full years on ``day``.
    """
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)
