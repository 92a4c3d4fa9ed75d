"""What a policy of consents must hold, and who may agree."""

from __future__ import annotations

from typing import Any

import pytest

from backend.consents import rules


def item(**changed: Any) -> dict[str, Any]:
    return {
        "id": "score", "title": "标题", "text": "文本", "text_version": "1", "basis": "依据", "adult_only": True,
        "withdrawal_effect": "后果", **changed,
    }  # fmt: skip


def test_the_citys_own_file_is_sound(city_contents: dict[str, dict[str, Any]]) -> None:
    assert rules.lint(city_contents["consents"]) == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({}, "缺少 [[purposes]]"),
        ({"purposes": []}, "缺少 [[purposes]]"),
        ({"purposes": ["score"]}, "缺少 [[purposes]]"),
        ({"purposes": [item(id="community", adult_only=False)]}, "缺少 score"),
        ({"purposes": [item(adult_only=False)]}, "未成年人不评分"),
        ({"purposes": [item(), item()]}, "重复"),
        ({"purposes": [item(text=" ")]}, "缺少 text"),
        ({"purposes": [item(basis=None)]}, "缺少 basis"),
        ({"purposes": [item(text_version=1)]}, "缺少 text_version"),
        ({"purposes": [item(text_version="1" * 41)]}, "40"),
        ({"purposes": [item(text="长" * 10_001)]}, "10000"),
        ({"purposes": [item(), item(id="Bad Id")]}, "id 应为"),
        ({"purposes": [item(adult_only="yes")]}, "true 或 false"),
        ({"purposes": [item(guardian_below_age=True)]}, "guardian_below_age"),
    ],
)
def test_the_linter_names_what_is_wrong(content: dict[str, Any], told: str) -> None:
    assert any(told in problem for problem in rules.lint(content)), rules.lint(content)


def purpose(**changed: Any) -> rules.Purpose:
    return rules.purposes({"purposes": [item(**changed)]}, 14)[0]


@pytest.mark.parametrize(
    ("adult_only", "age", "verdict"),
    [(True, 18, ""), (True, 17, "adults-only"), (False, 14, ""), (False, 13, "guardian-needed"), (False, 40, "")],
)
def test_age_decides_who_may_agree(adult_only: bool, age: int, verdict: str) -> None:
    assert rules.may_agree(purpose(adult_only=adult_only), age) == verdict


def test_a_policy_may_raise_the_age_of_guardianship_and_never_lower_it() -> None:
    assert purpose(guardian_below_age=8).guardian_below_age == 14
    assert purpose(guardian_below_age=16).guardian_below_age == 16


def test_a_consent_counts_for_the_text_it_was_given_to() -> None:
    assert rules.holds(True, "1", "1")
    assert not rules.holds(True, "1", "2")
    assert not rules.holds(False, "1", "1")
