"""What would raise a number: what can still be earned, and what time takes back. Pure.

It reads the reasons of a score and asks the caps how much room they leave. Only catalogue items count, so civic life
is never among it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from backend.scoring.rules import CALENDAR_YEAR, CLAMP, Indicator, Plan, chinese_day, towards_zero

ENDLESS = 1_000_000_000
"""More points than any cap."""


@dataclass(frozen=True, slots=True)
class Rise:
    """``kind``: earn (``points`` in all may still come from an indicator, ``points_each`` from the next record of it)
    or time (``points`` come back ``on`` a day, when an adverse record counts less or no more)."""

    kind: str
    indicator_id: str
    title: str
    points: int
    points_each: int | None
    on: date | None
    record_id: Any
    text: str


class _Group(NamedTuple):
    indicator_id: str
    period: int


def rises(plan: Plan, reasons: Sequence[Any], today: date, sources: Mapping[str, Collection[str]]) -> list[Rise]:
    """What would raise a number, the most first; then what time brings, the earliest first.

    ``reasons``: rows of the statement as of ``today``; ``sources``: who reports each catalogue item.
    """
    room = Room(plan, reasons)
    earned = sorted(_earned(plan, room, today, sources), key=lambda rise: (-rise.points, rise.indicator_id))
    return [*earned, *sorted(_timely(plan, room, reasons), key=lambda rise: (rise.on, str(rise.record_id)))]


def _earned(plan: Plan, room: Room, today: date, sources: Mapping[str, Collection[str]]) -> Iterator[Rise]:
    for indicator in plan.indicators.values():
        if indicator.points <= 0 or indicator.item not in sources:
            continue
        group = _Group(indicator.id, period_of(indicator, today))
        if (most := room.gain(group, ENDLESS)) > 0:
            each = room.gain(group, indicator.points)
            text = (
                f"“{indicator.title}”还可以加 {most} 分，再有一条加 {each} 分。"
                f"由{'、'.join(sources[indicator.item])}依法认定、归集后自动计入，无需在这里申请。"
            )
            yield Rise("earn", indicator.id, indicator.title, most, each, None, None, text)


def _timely(plan: Plan, room: Room, reasons: Sequence[Any]) -> Iterator[Rise]:
    for reason in reasons:
        indicator = plan.indicators.get(reason.indicator_id)
        if indicator is None or indicator.points > 0:
            continue
        then = percent_at(indicator, reason.decided_on, reason.changes_on) if _lasts(reason) else 0
        less = _worth(indicator, reason.percent) - _worth(indicator, then)
        gain = room.gain(_Group(indicator.id, period_of(indicator, reason.decided_on)), -less)
        what = f"按 {then}% 计，{chinese_day(reason.expires_on)}之后不再计" if then else "不再计"
        back = f"，分数回升 {gain} 分" if gain else ""
        text = f"“{reason.record_title}”自{chinese_day(reason.changes_on)}起{what}{back}。"
        yield Rise("time", indicator.id, indicator.title, gain, None, reason.changes_on, reason.record_id, text)


def _lasts(reason: Any) -> bool:
    return bool(reason.changes_on <= reason.expires_on)


class Room:
    """What the caps leave, given what counts already."""

    def __init__(self, plan: Plan, reasons: Sequence[Any]) -> None:
        self._plan = plan
        self._sums: dict[_Group, int] = defaultdict(int)
        for reason in reasons:
            if reason.indicator_id != CLAMP:
                indicator = plan.indicators[reason.indicator_id]
                group = _Group(indicator.id, period_of(indicator, reason.decided_on))
                self._sums[group] += _worth(indicator, reason.percent)
        by_indicator: dict[str, int] = defaultdict(int)
        for group, amount in self._sums.items():
            by_indicator[group.indicator_id] += self._period(group.indicator_id, amount)
        self._by_indicator = by_indicator
        self._sides: dict[tuple[str, bool], int] = defaultdict(int)
        for name, amount in by_indicator.items():
            self._sides[self._side(name)] += self._total(name, amount)
        self._raw = plan.base + sum(
            (1 if plus else -1) * min(amount, self._cap(name, plus)) for (name, plus), amount in self._sides.items()
        )

    @property
    def value(self) -> int:
        """The number by grouped sums."""
        return self._inside(self._raw)

    def gain(self, group: tuple[str, int], amount: int) -> int:
        """By how much the number moves when ``amount`` (unsigned worth, may be negative) joins a group."""
        name, _ = group = _Group(*group)
        held = self._sums.get(group, 0)
        moved = self._period(name, held + amount) - self._period(name, held)
        before = self._by_indicator.get(name, 0)
        moved = self._total(name, before + moved) - self._total(name, before)
        side, plus = self._side(name)
        cap, filled = self._cap(side, plus), self._sides.get((side, plus), 0)
        moved = min(filled + moved, cap) - min(filled, cap)
        return self._inside(self._raw + (moved if plus else -moved)) - self.value

    def _period(self, name: str, amount: int) -> int:
        cap = self._plan.indicators[name].per_period_cap
        return amount if cap is None else min(amount, cap)

    def _total(self, name: str, amount: int) -> int:
        cap = self._plan.indicators[name].total_cap
        return amount if cap is None else min(amount, cap)

    def _side(self, name: str) -> tuple[str, bool]:
        indicator = self._plan.indicators[name]
        return indicator.dimension, indicator.points > 0

    def _cap(self, dimension: str, plus: bool) -> int:
        found = self._plan.dimensions[dimension]
        return found.cap_up if plus else found.cap_down

    def _inside(self, value: int) -> int:
        return max(self._plan.minimum, min(self._plan.maximum, value))


def period_of(indicator: Indicator, day: date) -> int:
    """The period of an indicator into which a decision falls; 0 where it has none."""
    if indicator.period_days is None:
        return 0
    return day.year if indicator.period_days == CALENDAR_YEAR else (day.toordinal() - 1) // indicator.period_days


def percent_at(indicator: Indicator, decided_on: date, on: date) -> int:
    """The percent at which a record counts on a day; 0 when it does not any more."""
    age = (on - decided_on).days
    return next((step.percent for step in indicator.steps if step.from_day <= age < step.to_day), 0)


def _worth(indicator: Indicator, percent: int) -> int:
    return abs(towards_zero(indicator.points * percent, 100))
