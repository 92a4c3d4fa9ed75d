"""Where in a text a problem stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.scoring.places import placed

TEXT = """version = "2026.9"
effective_on = 2026-01-01

[scale]
min = 0
max = 1000

[[levels]]
id = "C"
from = 0

[[levels]]
id = "C"
from = 10

[[indicators]]
id = "one"
points = 0

[[indicators]]
id = "two"
basis = "依据"
points = "x"
"""


@pytest.mark.parametrize(
    ("told", "place", "line"),
    [
        ("scoring.toml：指标 one：points 不能为 0", "指标 one", 18),
        ("scoring.toml：指标 two：没有维度 zwei", "指标 two", 20),
        ("scoring.toml：levels 的 id C 重复", "", 12),
        ("scoring.toml：indicators.2.points 应为整数，绝对值不超过 100000", "", 23),
        ("scoring.toml：[[indicators]] 第 2 项：缺少 title", "[[indicators]] 第 2 项", 20),
        ("scoring.toml：scale 应满足 0 ≤ min ≤ base ≤ max，且 min < max", "", 5),
        ("scoring.toml：[scale]：缺少 base", "[scale]", 4),
        ("scoring.toml：不能有 price：评分办法只写加分和减分，不能写任何后果", "", None),
        ("scoring.toml：effective_on 2026-01-01 已经过去，不能追溯执行", "", 2),
        ("scoring.toml：版本 2026.9 已载入且不可更改，请改用新的版本号", "", 1),
        ("scoring.toml：最低一级的 from 应等于 scale.min", "", 10),
        ("scoring.toml：缺少 [[dimensions]]", "", None),
        ("scoring.toml：等级 C 无人能够达到（可达 10 至 20 分）", "", 8),
        ("perks.toml：优惠 a：没有等级 points", "优惠 a", None),
    ],
)
def test_a_problem_is_told_with_its_place(told: str, place: str, line: int | None) -> None:
    (found,) = placed([told], TEXT)
    assert (found.file, found.place, found.line) == (told.split("：")[0], place, line)
    assert told.endswith(found.text)
    assert placed([told], None)[0].line is None


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_text_breaks_the_search_for_places(told: str, text: str) -> None:
    (found,) = placed([f"scoring.toml：{told}"], text)
    assert found.line is None or 1 <= found.line <= len(text.splitlines())
