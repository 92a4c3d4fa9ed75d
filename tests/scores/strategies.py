"""Random policies and archives for property tests."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.scores.reference import Filed

DAY = date(2026, 3, 5)


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Any]:
    """A scoring policy of the shape that the linter lets pass; its names are short."""
    dimensions = [
        {"id": f"d{n}", "name": f"维度{n}", "cap_up": draw(st.integers(1, 90)), "cap_down": draw(st.integers(1, 90))}
        for n in range(draw(st.integers(1, 3)))
    ]
    indicators = [draw(_indicators(n, len(dimensions))) for n in range(draw(st.integers(1, 5)))]
    scale = {"min": 0, "base": draw(st.integers(0, 100)), "max": 100}
    levels = [{"id": "C", "name": "待提升", "from": 0}, {"id": "B", "name": "良好", "from": draw(st.integers(1, 100))}]
    return {"scale": scale, "levels": levels, "dimensions": dimensions, "indicators": indicators}


@st.composite
def _indicators(draw: st.DrawFn, number: int, dimensions: int) -> dict[str, Any]:
    lasts = draw(st.integers(1, 900))
    points = draw(st.integers(1, 70)) * draw(st.sampled_from([1, 1, -1]))
    raw: dict[str, Any] = {
        "id": f"i{number}", "dimension": f"d{draw(st.integers(0, dimensions - 1))}", "title": f"指标{number}",
        "item": f"NP-TST-{number:02}", "points": points, "lasts_days": lasts, "basis": "依据",
        "reason_template": "{title}",
    }  # fmt: skip
    after = sorted(draw(st.sets(st.integers(1, lasts), max_size=3)))
    percents = sorted(draw(st.sets(st.integers(1, 99), min_size=len(after), max_size=len(after))), reverse=True)
    raw["decay"] = [{"after_days": a, "percent": p} for a, p in zip(after, percents, strict=True)]
    if draw(st.booleans()):
        raw |= {"per_period_cap": draw(st.integers(1, 90)), "period_days": draw(st.sampled_from([7, 30, 365, 366]))}
    if draw(st.booleans()):
        raw["total_cap"] = draw(st.integers(1, 120))
    return raw


def archives(codes: list[str], most: int = 12) -> st.SearchStrategy[list[Filed]]:
    """Records around DAY, of every status, some future, some past their end."""

    def filed(key: Any, code: str, age: int, kept: int, status: str) -> Filed:
        decided_on = DAY - timedelta(days=age)
        return Filed(key, code, decided_on, decided_on + timedelta(days=kept), status)

    statuses = st.sampled_from(["active"] * 6 + ["disputed", "repaired", "withdrawn", "expired"])
    ages = st.one_of(st.integers(-3, 30), st.integers(0, 1000))
    one = st.builds(filed, st.uuids(), st.sampled_from(codes), ages, st.integers(0, 2000), statuses)
    return st.lists(one, max_size=most, unique_by=lambda record: record.id)
