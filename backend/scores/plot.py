"""The course of a score as a small picture: steps over time, readable on a phone, by day and by night. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from xml.sax.saxutils import escape

from backend.kit.clock import end_of_day, shanghai_date, start_of_day
from backend.scoring.rules import Plan, chinese_day

WIDTH, HEIGHT = 320, 170
LEFT, RIGHT, TOP, BOTTOM = 36, 312, 12, 146
STYLE = (
    "text{font:11px sans-serif;fill:#555}.grid{stroke:#ddd;stroke-width:1}"
    ".line{fill:none;stroke:#0b5cad;stroke-width:2}"
    ".dot{fill:#0b5cad}.now{font-weight:bold;fill:#222}"
    "@media(prefers-color-scheme:dark){text{fill:#bbb}.grid{stroke:#444}.line{stroke:#7db8ff}.dot{fill:#7db8ff}"
    ".now{fill:#eee}}"
)


def course(plan: Plan, changes: Sequence[Any], today: date) -> str:
    """An SVG of ``changes`` (newest first: value, at) through ``today``; the levels' lower bounds are lines in it."""
    told = list(reversed(changes))
    first, last = told[0].at if told else start_of_day(today), end_of_day(today)
    seconds = max((last - first).total_seconds(), 1.0)
    numbers = [change.value for change in told] or [plan.base]
    low, high = _span(plan, numbers)

    def x(at: datetime) -> str:
        return f"{LEFT + (RIGHT - LEFT) * (at - first).total_seconds() / seconds:.1f}"

    def y(value: int) -> str:
        return f"{BOTTOM - (BOTTOM - TOP) * (value - low) / (high - low):.1f}"

    path = " ".join(f"H{x(change.at)} V{y(change.value)}" for change in told[1:])
    line = f"M{x(first)} {y(numbers[0])} {path} H{RIGHT}"
    dots = "".join(f'<circle class="dot" cx="{x(change.at)}" cy="{y(change.value)}" r="3"/>' for change in told)
    days = chinese_day(shanghai_date(first)), chinese_day(today)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        f' role="img" aria-labelledby="t d"><title id="t">信用分的变化</title><desc id="d">{_words(told, days)}</desc>'
        f"<style>{STYLE}</style>{_grid(plan, low, high, y)}"
        f'<path class="line" d="{line}"/>{dots}'
        f'<text class="now" x="{RIGHT}" y="{float(y(numbers[-1])) - 6:.1f}" text-anchor="end">{numbers[-1]}</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 6}">{days[0]}</text>'
        f'<text x="{RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{days[1]}</text></svg>'
    )


def _span(plan: Plan, numbers: Sequence[int]) -> tuple[int, int]:
    """From the level below the lowest number to the level above the highest, so that a small change stays small."""
    bounds = [level.from_value for level in plan.levels] + [plan.maximum]
    low = max((bound for bound in bounds if bound < min(numbers)), default=plan.minimum)
    high = min((bound for bound in bounds if bound > max(numbers)), default=plan.maximum)
    return (low, high) if low < high else (plan.minimum, plan.maximum)


def _grid(plan: Plan, low: int, high: int, y: Any) -> str:
    shown = [(level.from_value, level.id) for level in plan.levels if low <= level.from_value <= high]
    return "".join(
        f'<path class="grid" d="M{LEFT} {y(bound)}H{RIGHT}"/>'
        f'<text x="{LEFT - 4}" y="{float(y(bound)) + 4:.1f}" text-anchor="end">{escape(name)}</text>'
        for bound, name in shown
    )


def _words(told: Sequence[Any], days: Sequence[str]) -> str:
    if not told:
        return "还没有变化。"
    numbers = [change.value for change in told]
    return (
        f"{days[0]}为 {numbers[0]} 分，{days[1]}为 {numbers[-1]} 分，其间变化 {len(told) - 1} 次，"
        f"最低 {min(numbers)} 分，最高 {max(numbers)} 分。"
    )
