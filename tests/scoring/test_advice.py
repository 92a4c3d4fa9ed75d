"""What would raise a number is what then does raise it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from hypothesis import given, settings

from backend.scoring import advice
from backend.scoring.linter import CIVIC
from backend.scoring.rules import plan_of
from tests.scores import reference
from tests.scores.reference import Filed
from tests.scores.strategies import DAY, archives, policies


def reasons(content: dict[str, Any], archive: list[Filed]) -> list[Any]:
    """The statement's rows, as the reference has them."""
    by_id = {record.id: record for record in archive}
    indicators = {raw["id"]: raw for raw in content["indicators"]}
    return [
        _row(by_id[record_id], indicators[name], points)
        for record_id, name, points in reference.reasons(content, archive, DAY)
        if record_id is not None
    ]


def _row(record: Filed, raw: dict[str, Any], points: int) -> Any:
    age = (DAY - record.decided_on).days
    percent = next((s["percent"] for s in reversed(raw["decay"]) if age >= s["after_days"]), 100)
    expires_on = min(record.decided_on + timedelta(days=raw["lasts_days"]), record.counts_until_on)
    after = [record.decided_on + timedelta(days=s["after_days"]) for s in raw["decay"]]
    changes_on = min([day for day in after if day > DAY] + [expires_on + timedelta(days=1)])
    return SimpleNamespace(
        record_id=record.id, indicator_id=raw["id"], decided_on=record.decided_on, percent=percent, points=points,
        expires_on=expires_on, changes_on=changes_on, record_title="演示记录",
    )  # fmt: skip


@settings(max_examples=60)
@given(content=policies(), archive=archives([f"NP-TST-{n:02}" for n in range(5)]))
def test_what_is_promised_is_what_the_reference_gives(content: dict[str, Any], archive: list[Filed]) -> None:
    plan, now = plan_of("t", content), reference.value(content, archive, DAY)
    told = reasons(content, archive)
    assert advice.Room(plan, told).value == now
    found = advice.rises(plan, told, DAY, {raw["item"]: ("演示单位",) for raw in content["indicators"]})
    earned = {rise.indicator_id: rise for rise in found if rise.kind == "earn"}
    for raw in content["indicators"]:
        if raw["points"] < 0:
            assert raw["id"] not in earned
            continue
        one, many = ([Filed(uuid4(), raw["item"], DAY, date(2040, 1, 1)) for _ in range(n)] for n in (1, 300))
        rise = earned.get(raw["id"])
        assert reference.value(content, archive + one, DAY) - now == (rise.points_each if rise else 0)
        assert reference.value(content, archive + many, DAY) - now == (rise.points if rise else 0)
    for rise in found:
        if rise.kind == "time":
            assert rise.on is not None and rise.on > DAY and rise.points >= 0


def test_an_adverse_record_says_when_it_counts_less_and_when_no_more(city_contents: dict[str, Any]) -> None:
    content = city_contents["scoring"]
    fresh = Filed(uuid4(), "NP-EXA-01", DAY - timedelta(days=300), date(2040, 1, 1))
    old = replace(fresh, id=uuid4(), item_code="NP-LST-02", decided_on=DAY - timedelta(days=700))
    sources = {"NP-EXA-01": ["区教育局"], "NP-HON-01": ["区发展和改革委员会"]}
    found = advice.rises(plan_of("t", content), reasons(content, [fresh, old]), DAY, sources)
    assert [(rise.kind, rise.indicator_id, rise.points) for rise in found] == [
        ("earn", "integrity-honour", 120), ("time", "telecom-fraud", 150), ("time", "exam-cheating", 30)
    ]  # fmt: skip
    assert found[1].text == "“演示记录”自2026年4月5日起不再计，分数回升 150 分。"
    assert "起按 75% 计，2030年5月8日之后不再计，分数回升 30 分" in found[2].text
    assert "区发展和改革委员会" in found[0].text and found[0].points_each == 60
    assert not any(CIVIC.search(rise.text) for rise in found)
