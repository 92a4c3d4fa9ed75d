"""How much of a resident's points may move in a minute and in a day. Pure: no database, no clock.

A city's ``[limits.points]`` says ``transfers_per_minute`` (1–100,000: the resident's own holds and awards in one minute
of the clock) and ``per_day`` (a code such as ``perks.redeemed``, or a family such as ``community.*``, → points from 1
to 1,000,000,000 in one Shanghai day). What brings points home is never counted: refunds, settlements, expiry,
corrections.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from backend.ledger.rules import MOST_POINTS

MOST_TRANSFERS = 100_000
_CODE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*(\.\*)?|\*")


@dataclass(frozen=True)
class Limits:
    """What a city allows; None and {}: no limit."""

    transfers_per_minute: int | None = None
    per_day: Mapping[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.transfers_per_minute is not None or bool(self.per_day)


class Breach(NamedTuple):
    """The limit that an act would break: its name, what it allows, and when it begins anew (UTC)."""

    limit: str
    most: int
    again_at: datetime


def limits_of(content: Mapping[str, Any]) -> Limits:
    """The limits that a city's content states; it was linted before it was loaded."""
    told = content.get("limits", {}).get("points", {})
    return Limits(told.get("transfers_per_minute"), told.get("per_day", {}))


def lint(content: Mapping[str, Any]) -> list[str]:
    """What is wrong with ``[limits.points]``."""
    told = content.get("limits", {}).get("points", {})
    if not isinstance(told, dict) or not isinstance(told.get("per_day", {}), dict):
        return ["limits.points 应为表：transfers_per_minute = 次数，per_day = {事由代码 = 积分}"]
    problems = [f"limits.points.{name}：没有这一项" for name in set(told) - {"transfers_per_minute", "per_day"}]
    if not _whole(told.get("transfers_per_minute", 1), MOST_TRANSFERS):
        problems.append(f"limits.points.transfers_per_minute：应为 1 至 {MOST_TRANSFERS} 的整数")
    for code, points in told.get("per_day", {}).items():
        if not _CODE.fullmatch(code):
            problems.append(f"limits.points.per_day：“{code}”不是事由代码，例如 perks.redeemed、community.*")
        if not _whole(points, MOST_POINTS):
            problems.append(f"limits.points.per_day.{code}：应为 1 至 {MOST_POINTS} 的整数")
    return problems


def _whole(value: Any, most: int) -> bool:
    return type(value) is int and 1 <= value <= most


def matches(pattern: str, code: str) -> bool:
    """Whether a limit's code means a transfer's code: the same, or of its family (``community.*``, ``*``)."""
    if pattern.endswith("*"):
        return code.startswith(pattern[:-1])
    return code == pattern


def counted(
    before: Mapping[str, Any] | None, limits: Limits, code: str, points: int, now: datetime, today: date
) -> tuple[dict[str, Any], Breach | None]:
    """What the wallet has counted after one more transfer, or the first limit that this one would break.

    ``before``: what was counted last, in whichever minute and day; it counts in the same minute and day only. A limit
    that is new counts from nothing. With a breach nothing is counted.
    """
    was = before or {}
    minute, day = int(now.timestamp()) // 60, today.isoformat()
    transfers = (was.get("transfers", 0) if was.get("minute") == minute else 0) + 1
    if limits.transfers_per_minute is not None and transfers > limits.transfers_per_minute:
        again_at = datetime.fromtimestamp((minute + 1) * 60, UTC)
        return dict(was), Breach("transfers_per_minute", limits.transfers_per_minute, again_at)
    sums: dict[str, int] = dict(was.get("points", {})) if was.get("day") == day else {}
    for pattern, most in limits.per_day.items():
        if matches(pattern, code):
            sums[pattern] = sums.get(pattern, 0) + points
            if sums[pattern] > most:
                return dict(was), Breach(f"per_day.{pattern}", most, _next_day(today))
    return {"minute": minute, "transfers": transfers, "day": day, "points": sums}, None


def _next_day(today: date) -> datetime:
    """Midnight in Shanghai, which has kept UTC+8 without summer time since 1991."""
    midnight = datetime.combine(today + timedelta(days=1), datetime.min.time(), UTC)
    return midnight - timedelta(hours=8)
