"""Bringing what is stored under the keys of today, while everything goes on.

Rooms that keep something sealed, or found again by a keyed digest, register a *pass* over it. A pass goes over its rows
by key in small transactions, changes only what is not under the current key yet, and compares before it writes, so
that it may be stopped, repeated, and run beside requests that do the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from backend.kit import db

CHUNK = 200


class Progress(NamedTuple):
    """How far a step came: where the next begins (None at the end), the rows it looked at and those it changed."""

    position: Any
    seen: int
    changed: int


Step = Callable[[Session, Any, int], Progress]


@dataclass(frozen=True)
class Pass:
    """One table's. ``columns``: what in it is under a key, as ``table.column``."""

    title: str
    columns: tuple[str, ...]
    step: Step


Forget = Callable[[Session, str, int], int]
_REWRAPS: dict[str, Pass] = {}
_REHASHES: dict[str, Pass] = {}
_FORGETS: dict[str, Forget] = {}
_NEEDLESS: dict[str, str] = {}


_read_keys: Callable[[], None] | None = None


def keys_from(read: Callable[[], None]) -> None:
    """Register what gives this process the keys that the settings name now; the composition root does."""
    global _read_keys
    _read_keys = read


def read_keys_again() -> None:
    """Bind the keys that the settings name now."""
    if _read_keys is None:
        raise RuntimeError("nobody said where the keys come from; the composition root does that")
    _read_keys()


def rewraps(name: str, each: Pass) -> None:
    """Register a pass that puts sealed values under the current master key."""
    _REWRAPS[name] = each


def rehashes(name: str, each: Pass) -> None:
    """Register a pass that writes the digests of every hash key beside those that stand."""
    _REHASHES[name] = each


def needless(column: str, why: str) -> None:
    """Say that a sealed ``table.column`` needs no pass, and why: it ends within the time of rest, or stands under a
    person's data key, which is what is wrapped anew."""
    _NEEDLESS[column] = why


def needless_columns() -> set[str]:
    """The sealed columns that need no pass."""
    return set(_NEEDLESS)


def forgets(name: str, forget: Forget) -> None:
    """Register what deletes up to so many digests of a hash key that is to go, and returns how many."""
    _FORGETS[name] = forget


def forget(key_id: str) -> int:
    """Delete every digest made with a hash key."""
    deleted = 0
    for each in _FORGETS.values():
        while True:
            with db.transaction() as session:
                count = each(session, key_id, CHUNK * 5)
            deleted += count
            if not count:
                break
    return deleted


def registered(kind: str) -> list[Pass]:
    """The passes of ``master`` or ``hash``, in the order in which they were registered."""
    return list({"master": _REWRAPS, "hash": _REHASHES}[kind].values())


def run(each: Pass, told: Callable[[Progress], None] = lambda _: None) -> int:
    """Go over a whole table and return how many rows changed; ``told`` hears of every step."""
    position, changed = None, 0
    while True:
        with db.transaction() as session:
            progress = each.step(session, position, CHUNK)
        changed += progress.changed
        told(progress)
        if progress.position is None:
            return changed
        position = progress.position
