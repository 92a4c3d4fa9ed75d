"""What a scoring policy may say, and in which words a reason is told."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.scoring import linter, reach, rules
from tests.scores import reference
from tests.scores.strategies import DAY, archives, policies

Contents = dict[str, dict[str, Any]]


@pytest.fixture
def contents(city_contents: Contents) -> Contents:
    return deepcopy(city_contents)


def problems(contents: Contents) -> list[str]:
    return linter.scoring_problems(contents["scoring"], contents)


def test_the_policy_of_jiangning_passes(contents: Contents) -> None:
    assert problems(contents) == []


def put(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(scoring: dict[str, Any]) -> None:
        target: Any = scoring
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = value

    return change


CHANGES: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (put("indicators", 0, "effect", value="限制乘车"), "不能写任何后果"),
    (put("levels", 0, "deny", value=["parking"]), "不能写任何后果"),
    (put("price_factor", value=2), "不能写任何后果"),
    (put("levels", 0, "name", value="失信"), "待提升"),
    (put("levels", 1, "name", value="限制类"), "惩戒"),
    (put("levels", 0, "from", value=10), "scale.min"),
    (put("levels", 2, "from", value=550), "自低到高"),
    (put("levels", 4, "from", value=1001), "无人能够达到"),
    (put("scale", "base", value=1200), "scale"),
    (put("scale", "base", value=600.0), "整数"),
    (put("indicators", 0, "points", value=True), "整数"),
    (put("indicators", 0, "points", value=0), "不能为 0"),
    (put("indicators", 0, "points", value=-15), "正负不符"),
    (put("indicators", 0, "basis", value=" "), "basis"),
    (put("indicators", 0, "dimension", value="nowhere"), "没有维度"),
    (put("indicators", 0, "item", value="NP-XXX-99"), "没有条目"),
    (put("indicators", 0, "item", value="NP-PEN-01"), "不得计入"),
    (put("indicators", 0, "item", value="LE-HON-01"), "不得计入"),
    (put("indicators", 0, "item", value="NP-HON-01"), "只计一次"),
    (put("indicators", 0, "id", value="qualified"), "重复"),
    (put("indicators", 0, "id", value="clamp"), "不合规范"),
    (put("indicators", 0, "title", value="垃圾分类"), "社区生活"),
    (put("indicators", 0, "title", value="志愿服务时长"), "社区生活"),
    (put("indicators", 0, "title", value="无偿献血"), "社区生活"),
    (put("indicators", 0, "title", value="本地户籍"), "受保护"),
    (put("indicators", 0, "reason_template", value="{name}"), "reason_template"),
    (put("indicators", 0, "reason_template", value="{title.__class__}"), "reason_template"),
    (put("indicators", 0, "reason_template", value="{title"), "reason_template"),
    (put("indicators", 0, "total_cap", value=0), "正整数"),
    (put("indicators", 0, "period_days", value=-1), "正整数"),
    (put("indicators", 4, "per_period_cap", value=10), "同时写"),
    (put("indicators", 0, "lasts_days", value=0), "lasts_days"),
    (put("indicators", 9, "lasts_days", value=1827), "第十六条"),
    (put("indicators", 0, "decay", value=[{"after_days": 1096, "percent": 50}]), "after_days"),
    (put("indicators", 0, "decay", value=[{"after_days": 10, "percent": 100}]), "percent"),
    (put("indicators", 0, "decay", value=[{"after_days": 9, "percent": 5}, {"after_days": 9, "percent": 4}]), "after"),
    (put("indicators", 0, "decay", value=[{"after_days": 9}]), "percent"),
    (put("dimensions", 0, "cap_down", value=0), "cap_down"),
    (put("dimensions", 0, "cap_up", value=1.5), "整数"),
    (put("indicators", 0, "total_cap", value=121), "各期合计最多 120 分"),
    (put("dimensions", 0, "cap_up", value=61), "各指标合计最多 60 分"),
    (put("indicators", value=[]), "indicators"),
    (put("levels", value="x"), "levels"),
]


@pytest.mark.parametrize(("change", "said"), CHANGES)
def test_a_policy_is_refused(contents: Contents, change: Callable[[dict[str, Any]], None], said: str) -> None:
    change(contents["scoring"])
    found = problems(contents)
    assert any(said in problem for problem in found), found


def test_an_item_without_a_legal_basis_does_not_count(contents: Contents) -> None:
    item = next(raw for raw in contents["catalogue"]["items"] if raw["code"] == "NP-PRO-01")
    item["legal_basis"] = ""
    assert any("没有法律依据" in problem for problem in problems(contents))


@settings(max_examples=40)
@given(content=policies(), archive=archives([f"NP-TST-{n:02}" for n in range(5)]))
def test_no_archive_leads_to_a_number_that_is_said_to_be_out_of_reach(content: Any, archive: Any) -> None:
    found = reach.of_policy(content)
    assert found >> reference.value(content, archive, DAY) & 1
    assert reach.lowest(found) >= content["scale"]["min"] and reach.highest(found) <= content["scale"]["max"]


def test_what_lies_between_the_steps_of_a_policy_is_out_of_reach(contents: Contents) -> None:
    contents["scoring"]["levels"].insert(4, {"id": "A+1", "name": "夹缝", "from": 701})
    contents["scoring"]["levels"].insert(5, {"id": "A+2", "name": "夹缝", "from": 702})
    assert not problems(contents)
    for raw in contents["scoring"]["indicators"]:
        raw.update(points=20 if raw["points"] > 0 else -20, decay=[], total_cap=20)
        raw.pop("per_period_cap", None)
        raw.pop("period_days", None)
    for raw in contents["scoring"]["dimensions"]:
        raw.update(cap_up=20, cap_down=20)
    assert [said for said in problems(contents) if "A+1" in said]


NAMES = st.sampled_from(["scale", "levels", "indicators", "dimensions", "id", "decay"])
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner),
)


@given(content=JSON)
def test_the_linter_answers_whatever_it_is_given(content: Any) -> None:
    if isinstance(content, dict):
        assert linter.scoring_problems(content, {})


@given(points=st.integers(-999, 999), percent=st.integers(0, 100))
def test_decay_cuts_towards_zero(points: int, percent: int) -> None:
    cut = rules.towards_zero(points * percent, 100)
    assert abs(cut) == abs(points) * percent // 100 and cut * points >= 0


def test_levels_and_what_is_missing_to_the_next(contents: Contents) -> None:
    plan = rules.plan_of("2026.1", contents["scoring"])
    assert [plan.level_of(value).id for value in (0, 549, 550, 699, 700, 1000)] == ["C", "C", "B", "A", "A+", "A++"]
    above = plan.next_level(742)
    assert above is not None and above.from_value - 742 == 58
    assert plan.next_level(1000) is None
    assert plan.level("A+").rank == 3


def test_a_reason_is_told_in_plain_chinese(contents: Contents) -> None:
    plan = rules.plan_of("2026.1", contents["scoring"])
    facts: dict[str, Any] = {
        "indicator_id": "promise-kept", "dimension_id": "promise", "record_title": "按期付款",
        "source_name": "区住建局",
        "decided_on": date(2025, 3, 1), "expires_on": date(2028, 2, 29), "points": 3, "percent": 60,
        "capped_by": "period",
    }  # fmt: skip
    text = rules.reason_text(plan, SimpleNamespace(**facts))
    assert text.startswith("区住建局于2025年3月1日确认“按期付款”") and "2028年2月29日" in text
    assert "按 60% 计" in text and "同一年合计最多计 30 分" in text and "本条计 3 分" in text
    total = rules.reason_text(plan, SimpleNamespace(**facts | {"capped_by": "total"}))
    assert "合计最多计 60 分" in total
    dimension = rules.reason_text(plan, SimpleNamespace(**facts | {"capped_by": "dimension"}))
    assert "“承诺履约”加分合计最多 60 分" in dimension
    clamp = rules.reason_text(plan, SimpleNamespace(indicator_id="clamp", points=20))
    assert clamp == "总分最低为 0 分，不足的部分不计。"
