"""The score in plain Python, written from the words of the law and not from the code, to hold the SQL against."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from math import trunc
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Filed:
    """What the score sees of a record."""

    id: UUID
    item_code: str
    decided_on: date
    counts_until_on: date
    status: str = "active"


def reasons(content: dict[str, Any], records: list[Filed], as_of: date) -> list[tuple[UUID | None, str, int]]:
    """(record, indicator, points) in order, the clamp last."""
    indicators = {raw["item"]: raw for raw in content["indicators"]}
    dimensions = {raw["id"]: raw for raw in content["dimensions"]}
    spent: defaultdict[tuple[Any, ...], int] = defaultdict(int)

    def allowed(key: tuple[Any, ...], amount: int, cap: int | None) -> int:
        given = amount if cap is None else min(amount, cap - spent[key])
        spent[key] += given
        return given

    found: list[tuple[UUID | None, str, int]] = []
    for record in sorted(records, key=lambda r: (-r.decided_on.toordinal(), r.id.int)):
        indicator = indicators.get(record.item_code)
        if indicator is None or not counts(record, indicator, as_of):
            continue
        amount = worth(indicator, (as_of - record.decided_on).days)
        name, plus = indicator["id"], indicator["points"] > 0
        period = period_of(record.decided_on, indicator.get("period_days"))
        amount = allowed(("period", name, period), amount, indicator.get("per_period_cap"))
        amount = allowed(("total", name), amount, indicator.get("total_cap"))
        dimension = dimensions[indicator["dimension"]]
        cap = dimension["cap_up"] if plus else dimension["cap_down"]
        amount = allowed(("dimension", dimension["id"], plus), amount, cap)
        found.append((record.id, name, amount if plus else -amount))
    scale = content["scale"]
    raw = scale["base"] + sum(points for _, _, points in found)
    inside = max(scale["min"], min(scale["max"], raw))
    if inside != raw:
        found.append((None, "clamp", inside - raw))
    return found


def value(content: dict[str, Any], records: list[Filed], as_of: date) -> int:
    return int(content["scale"]["base"]) + sum(points for _, _, points in reasons(content, records, as_of))


def counts(record: Filed, indicator: dict[str, Any], as_of: date) -> bool:
    last = min(record.decided_on + timedelta(days=indicator["lasts_days"]), record.counts_until_on)
    return record.status == "active" and record.decided_on <= as_of <= last


def worth(indicator: dict[str, Any], age_days: int) -> int:
    percent = 100
    for step in indicator.get("decay", []):
        if age_days >= step["after_days"]:
            percent = step["percent"]
    return abs(trunc(Fraction(indicator["points"] * percent, 100)))


def period_of(decided_on: date, period_days: int | None) -> int:
    if period_days is None:
        return 0
    return decided_on.year if period_days == 365 else (decided_on.toordinal() - 1) // period_days
