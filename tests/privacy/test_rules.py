"""What a city may declare about departures and looks."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from backend.privacy import rules


def problems(city_contents: dict[str, dict[str, Any]], where: str, **changes: Any) -> str:
    content = deepcopy(city_contents["city"])
    part = content[where]
    if where == "looks" and "purpose" in changes:
        part["purposes"][0] |= changes.pop("purpose")
    part |= changes
    return "\n".join(rules.lint(content, city_contents))


def test_the_city_of_jiangning_passes(city_contents: dict[str, dict[str, Any]]) -> None:
    assert rules.lint(city_contents["city"], city_contents) == []


@pytest.mark.parametrize(
    ("where", "changes", "words"),
    [
        ("departure", {"tombstone_basis": " "}, "tombstone_basis：必须写明依据"),
        ("departure", {"proof_basis": None}, "proof_basis：必须写明依据"),
        ("departure", {"tombstone_days": 0}, "tombstone_days：应为 1 至"),
        ("departure", {"tombstone_days": True}, "tombstone_days：应为 1 至"),
        ("departure", {"proof_days": 100_000}, "proof_days：应为 1 至"),
        ("departure", {"backup_days": "35"}, "backup_days：应为 1 至"),
        ("departure", {"confirmation": "好"}, "confirmation 应为"),
        ("departure", {"kept_records": [{"item_code": "X", "days": 1, "basis": "x"}]}, "目录中没有"),
        ("departure", {"kept_records": ["X"]}, "目录中没有"),
        ("looks", {"per_day": 0}, "per_day：应为"),
        ("looks", {"purposes": []}, "缺少 [looks]"),
        ("looks", {"purpose": {"id": "complaint"}}, "id 重复"),
        ("looks", {"purpose": {"id": "Complaint!"}}, "id 应为小写字母"),
        ("looks", {"purpose": {"basis": ""}}, "basis 应为"),
        ("looks", {"purpose": {"fields": ["score"]}}, "fields 应取自"),
        ("looks", {"purpose": {"roles": ["account-admin"]}}, "roles 应取自"),
        ("looks", {"purpose": {"roles": ["auditor", "office"]}}, "roles 应取自"),
    ],
)
def test_what_a_city_may_not_declare(
    city_contents: dict[str, dict[str, Any]], where: str, changes: dict[str, Any], words: str
) -> None:
    assert words in problems(city_contents, where, **changes)


def test_records_kept_by_law_need_their_basis(city_contents: dict[str, dict[str, Any]]) -> None:
    code = city_contents["catalogue"]["items"][0]["code"]
    assert "必须写明法律依据" in problems(city_contents, "departure", kept_records=[{"item_code": code, "days": 30}])
    fine = {"item_code": code, "days": 30, "basis": "演示法第一条"}
    assert problems(city_contents, "departure", kept_records=[fine]) == ""


@pytest.mark.parametrize("missing", ["departure", "looks"])
def test_neither_may_be_missing(city_contents: dict[str, dict[str, Any]], missing: str) -> None:
    content = {name: part for name, part in city_contents["city"].items() if name != missing}
    assert f"缺少 [{missing}]" in "\n".join(rules.lint(content, city_contents))
