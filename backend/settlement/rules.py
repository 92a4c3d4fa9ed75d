"""Pure arithmetic of settlement: months, states, totals, and the digest that a closed statement keeps.

Money is whole fen, points are whole points. A month is a calendar month in Asia/Shanghai; what is recorded in it counts
in it, whenever it happened, so that a device's late upload never changes a month that was closed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple, Protocol
from uuid import UUID, uuid5

TRANSITIONS: Mapping[tuple[str, str], str] = {
    ("preparing", "prepare"): "proposed",
    ("proposed", "agree"): "agreed",
    ("proposed", "dispute"): "proposed",
    ("agreed", "dispute"): "proposed",
    ("proposed", "decide"): "proposed",
    ("agreed", "close"): "closed",
    ("proposed", "close"): "closed",
}
"""Every legal step of a statement: (state, act) → state. ``closed`` is final. Of ``proposed`` only when the days of
review are over."""

STATES = {"preparing": "编制中", "proposed": "待核对", "agreed": "已确认", "closed": "已关账"}
DEFAULTS = {"review_days": 10, "prepare_on_day": 2}
"""What holds where a city's ``[settlement]`` says nothing: days of review, and the day of the month on which the month
before is prepared (not the first: what was recorded at midnight must have been committed)."""
LIMITS = {"review_days": (3, 60), "prepare_on_day": (2, 20)}
MOST_FEN = 2_000_000_000
"""The most that one line owes: twenty million yuan."""
_MONTH = re.compile(r"(2[0-9]{3})-(0[1-9]|1[0-2])")
_NAMESPACE = UUID("0c5b8d0e-6a3f-5f5a-9b57-1c6f0e5a7d21")


def statement_id(partner_id: UUID, month: date) -> UUID:
    """The id of a partner's month: made of both, so that it is prepared once."""
    return uuid5(_NAMESPACE, f"{partner_id}/{month:%Y-%m}")


def month_of(text: str) -> date:
    """``2026-11`` as its first day. Raises ValueError."""
    found = _MONTH.fullmatch(text)
    if found is None:
        raise ValueError(f"not a month: {text!r}")
    return date(int(found[1]), int(found[2]), 1)


def first_of(day: date) -> date:
    """The first day of the day's month."""
    return day.replace(day=1)


def next_month(month: date) -> date:
    """The first day of the month after."""
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def month_before(day: date) -> date:
    """The first day of the month before the day's."""
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)


def may_prepare(month: date, today: date, prepare_on_day: int) -> bool:
    """Whether the month is over for so long that everything recorded in it has been committed."""
    return today >= next_month(month) + timedelta(days=prepare_on_day - 1)


def next_state(state: str, act: str) -> str | None:
    """What ``act`` makes of a statement in ``state``; None when it may not happen."""
    return TRANSITIONS.get((state, act))


def may_close(state: str, open_disputes: int, review_until_on: date, today: date) -> str:
    """Why a statement cannot be closed yet: ``state``, ``disputed`` or ``in-review``; "" when it can.

    It takes the partner's agreement, or the end of its days of review in silence.
    """
    if next_state(state, "close") is None:
        return "state"
    if open_disputes:
        return "disputed"
    return "in-review" if state == "proposed" and today <= review_until_on else ""


def lint(content: Mapping[str, Any]) -> list[str]:
    """Every problem of ``[settlement]`` in ``city.toml``."""
    said = content.get("settlement", {})
    if not isinstance(said, dict):
        return ["[settlement] 应为一节"]
    problems = [f"settlement：不认识的字段 {key}" for key in sorted(set(said) - set(DEFAULTS))]
    for key, (least, most) in LIMITS.items():
        value = said.get(key, DEFAULTS[key])
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            problems.append(f"settlement.{key} = {value!r}，应为 {least} 至 {most} 的整数")
    return problems


class Owed(Protocol):
    """What of a line says how much is owed and by whom."""

    @property
    def number(self) -> int: ...
    @property
    def admission_id(self) -> UUID: ...
    @property
    def kind(self) -> str: ...
    @property
    def funding_account(self) -> str: ...
    @property
    def due_fen(self) -> int: ...
    @property
    def points(self) -> int: ...


class Totals(NamedTuple):
    """What lines come to. Fen may be negative where corrections of earlier months outweigh the month."""

    lines: int
    fen: int
    points: int


def totals(lines: Iterable[Owed]) -> Totals:
    """The sum of lines."""
    count = fen = points = 0
    for line in lines:
        count, fen, points = count + 1, fen + line.due_fen, points + line.points
    return Totals(count, fen, points)


class Digest:
    """SHA-256 over the lines of a statement in their order: what the closed statement keeps of itself.

    A line is ``number|admission|kind|funding account|due fen|points`` and a line feed, in UTF-8.
    """

    def __init__(self, statement: UUID) -> None:
        self._hash = hashlib.sha256(f"{statement}\n".encode())

    def add(self, line: Owed) -> None:
        said = (line.number, line.admission_id, line.kind, line.funding_account, line.due_fen, line.points)
        self._hash.update(("|".join(map(str, said)) + "\n").encode())

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def yuan(fen: int) -> str:
    """Fen in words of yuan, exact: ``1,234.05``."""
    whole, rest = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{whole:,}.{rest:02d}"
