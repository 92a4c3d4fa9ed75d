"""The picture of a score's course says in words what it shows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.scores import plot
from backend.scoring.rules import plan_of

DAY = date(2026, 3, 5)
NOON = datetime(2026, 3, 5, 4, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"


@settings(max_examples=30)
@given(values=st.lists(st.integers(0, 1000), max_size=12), days=st.integers(0, 400))
def test_every_course_is_drawn_within_its_frame(city_contents: Any, values: list[int], days: int) -> None:
    plan = plan_of("t", city_contents["scoring"])
    changes = [SimpleNamespace(value=value, at=NOON - timedelta(days=days * n)) for n, value in enumerate(values)]
    root = ElementTree.fromstring(plot.course(plan, changes, DAY))
    assert root.get("role") == "img" and root.get("aria-labelledby") == "t d"
    assert {element.get("id") for element in root} >= {"t", "d"}
    told = root.findtext(f"{SVG}desc") or ""
    assert told == "还没有变化。" if not values else f"为 {values[0]} 分，其间变化 {len(values) - 1} 次" in told
    for dot in root.iter(f"{SVG}circle"):
        assert plot.LEFT <= float(dot.get("cx", "")) <= plot.RIGHT
        assert plot.TOP <= float(dot.get("cy", "")) <= plot.BOTTOM
    shown = "".join(root.itertext())
    assert "http" not in shown and "url(" not in shown
