"""What a scoring policy says, and what a number means under it. Integers only.

The number is ``base`` plus the points of what counts, within the scale:

1. An active record counts for the one indicator of its catalogue item, from its decision through the last day of
   ``lasts_days`` or of the archive's retention, whichever is earlier.
2. It counts the indicator's points at the percent that its age has reached, cut towards zero.
3. Caps are applied to the running sum, latest decision first (ties by id), in this order: the indicator's in one
   period, the indicator's in all, the dimension's. Pluses and minuses of a dimension have a cap each.
4. What would leave the scale is taken back by a reason of its own, ``clamp``.

Hence a further favourable record never lowers the number, and a record that leaves lifts nothing but itself and what
its cap had held back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

CLAMP = "clamp"
CALENDAR_YEAR = 365
"""``period_days = 365`` means the calendar year of the decision; other lengths are blocks of days from year 1 on."""


@dataclass(frozen=True)
class Level:
    """``rank`` 0 is the lowest. ``from_value``: the lowest number of the level."""

    id: str
    name: str
    from_value: int
    rank: int


@dataclass(frozen=True)
class Dimension:
    id: str
    name: str
    cap_up: int
    cap_down: int


@dataclass(frozen=True)
class Step:
    """What a record is worth from ``from_day`` days of age up to, not including, ``to_day``. ``points``: signed."""

    from_day: int
    to_day: int
    percent: int
    points: int


@dataclass(frozen=True)
class Indicator:
    id: str
    dimension: str
    title: str
    item: str
    points: int
    per_period_cap: int | None
    period_days: int | None
    total_cap: int | None
    steps: tuple[Step, ...]
    lasts_days: int
    basis: str
    reason_template: str


@dataclass(frozen=True)
class Plan:
    """A scoring policy, read. Levels ascend."""

    version: str
    minimum: int
    base: int
    maximum: int
    levels: tuple[Level, ...]
    dimensions: Mapping[str, Dimension]
    indicators: Mapping[str, Indicator]

    def level_of(self, value: int) -> Level:
        """The level in which a number within the scale stands."""
        return next(level for level in reversed(self.levels) if value >= level.from_value)

    def level(self, level_id: str) -> Level:
        """A level by its id. Raises KeyError."""
        return {level.id: level for level in self.levels}[level_id]

    def next_level(self, value: int) -> Level | None:
        """The level above the one in which ``value`` stands."""
        return next((level for level in self.levels if level.from_value > value), None)

    def may_leave_scale(self) -> tuple[bool, bool]:
        """Whether the dimensions' caps allow a sum below, and one above the scale."""
        up = sum(dimension.cap_up for dimension in self.dimensions.values())
        down = sum(dimension.cap_down for dimension in self.dimensions.values())
        return self.base - down < self.minimum, self.base + up > self.maximum


def plan_of(version: str, content: Mapping[str, Any]) -> Plan:
    """Read a linted ``scoring.toml``."""
    scale = content["scale"]
    ascending = sorted(content["levels"], key=lambda raw: raw["from"])
    return Plan(
        version=version,
        minimum=scale["min"],
        base=scale["base"],
        maximum=scale["max"],
        levels=tuple(Level(raw["id"], raw["name"], raw["from"], rank) for rank, raw in enumerate(ascending)),
        dimensions={
            raw["id"]: Dimension(raw["id"], raw["name"], raw["cap_up"], raw["cap_down"])
            for raw in content["dimensions"]
        },
        indicators={raw["id"]: _indicator(raw) for raw in content["indicators"]},
    )


def _indicator(raw: Mapping[str, Any]) -> Indicator:
    return Indicator(
        raw["id"], raw["dimension"], raw["title"], raw["item"], raw["points"], raw.get("per_period_cap"),
        raw.get("period_days"), raw.get("total_cap"),
        steps_of(raw["points"], raw.get("decay", []), raw["lasts_days"]),
        raw["lasts_days"], raw["basis"], raw["reason_template"],
    )  # fmt: skip


def steps_of(points: int, decay: Sequence[Mapping[str, int]], lasts_days: int) -> tuple[Step, ...]:
    """The ages at which a record's worth changes. The last step ends with the day after ``lasts_days``."""
    starts = [(0, 100), *((step["after_days"], step["percent"]) for step in decay)]
    ends = [start for start, _ in starts[1:]] + [lasts_days + 1]
    return tuple(
        Step(start, end, percent, towards_zero(points * percent, 100))
        for (start, percent), end in zip(starts, ends, strict=True)
    )


def towards_zero(number: int, divisor: int) -> int:
    """An integer quotient without its fraction: 99 / 2 is 49 and -99 / 2 is -49. ``divisor`` > 0."""
    return number // divisor if number >= 0 else -(-number // divisor)


# --- words -----------------------------------------------------------------------------------------------------------


def reason_text(plan: Plan, reason: Any) -> str:
    """One reason in plain Chinese. ``reason`` has the attributes of ``service.Reason``."""
    if reason.indicator_id == CLAMP:
        bound = f"最高为 {plan.maximum}" if reason.points < 0 else f"最低为 {plan.minimum}"
        return f"总分{bound} 分，{'超出' if reason.points < 0 else '不足'}的部分不计。"
    indicator = plan.indicators[reason.indicator_id]
    told = indicator.reason_template.format(
        title=reason.record_title, source=reason.source_name,
        decided_on=chinese_day(reason.decided_on), expires_on=chinese_day(reason.expires_on),
    )  # fmt: skip
    parts = [told]
    if reason.percent < 100:
        parts.append(f"时间较久，按 {reason.percent}% 计")
    if reason.capped_by:
        parts.append(_cap_text(plan, indicator, reason))
    return "；".join(parts) + "。"


def _cap_text(plan: Plan, indicator: Indicator, reason: Any) -> str:
    counted = f"本条计 {reason.points} 分"
    if reason.capped_by == "period":
        span = "同一年" if indicator.period_days == CALENDAR_YEAR else f"每 {indicator.period_days} 天"
        return f"“{indicator.title}”{span}合计最多计 {indicator.per_period_cap} 分，{counted}"
    if reason.capped_by == "total":
        return f"“{indicator.title}”合计最多计 {indicator.total_cap} 分，{counted}"
    dimension = plan.dimensions[indicator.dimension]
    side = f"加分合计最多 {dimension.cap_up}" if indicator.points > 0 else f"减分合计最多 {dimension.cap_down}"
    return f"“{dimension.name}”{side} 分，{counted}"


def chinese_day(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"
