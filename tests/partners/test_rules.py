"""The pure part: how a case goes, what a change makes of a file, which codes are codes."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.partners import rules

pytestmark = pytest.mark.once
DAY = date(2026, 3, 5)
slugs = st.from_regex(r"[a-z0-9]{1,6}(-[a-z0-9]{1,4})?", fullmatch=True)
items = st.lists(slugs, max_size=6, unique=True).map(lambda all_: [{"slug": one, "title": one} for one in all_])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("91110000600037341L", "91110000600037341L"), ("91110108551385082Q", "91110108551385082Q"),
        ("91110000600037341l", "91110000600037341L"), ("91110000600037341M", None), ("", None), ("同" * 18, None),
        ("９1110000600037341L", "91110000600037341L"), ("91110000600037341L ", "91110000600037341L"),
    ],
)  # fmt: skip
def test_only_a_valid_credit_code_is_one(text: str, code: str | None) -> None:
    assert rules.credit_code(text) == code


@pytest.mark.parametrize(
    ("status", "state", "decision", "stale", "after"),
    [
        ("submitted", "", "approved", False, "proposed"), ("submitted", "", "returned", False, "returned"),
        ("submitted", "", "refused", False, "refused"), ("returned", "", "approved", False, None),
        ("returned", "", "refused", False, "refused"), ("proposed", "proposed", "approved", False, None),
        ("proposed", "proposed", "refused", False, None), ("proposed", "proposed", "approved", True, "proposed"),
        ("proposed", "rejected", "approved", False, "proposed"), ("proposed", "expired", "returned", False, "returned"),
        ("proposed", "approved", "approved", True, None), *((one, "", "approved", False, None) for one in rules.CLOSED),
    ],
)  # fmt: skip
def test_every_step_of_a_case_is_listed(status: str, state: str, decision: str, stale: bool, after: str | None) -> None:
    assert rules.after(status, state, decision, stale) == after


@given(items, items)
def test_a_change_touches_only_what_it_names(before: list[dict[str, Any]], change: list[dict[str, Any]]) -> None:
    new = [{**one, "title": "新"} for one in change]
    content = {"offers": before, "scenes": [{"id": "you"}]}
    made = rules.merged(content, {"offers": new})
    named = {one["slug"] for one in new}
    assert [one for one in made["offers"] if one["slug"] not in named] == [
        one for one in before if one["slug"] not in named
    ]
    assert {one["slug"] for one in made["offers"] if one["title"] == "新"} == named
    assert len({one["slug"] for one in made["offers"]}) == len(made["offers"]) and made["scenes"] == content["scenes"]
    kept = [one["slug"] for one in before]
    assert [one["slug"] for one in made["offers"]][: len(kept)] == kept, "the city's order stays"
    assert content["offers"] == before, "the version before is not touched"


@given(st.integers(0, 30))
def test_many_versions_of_one_day_have_names_of_their_own(count: int) -> None:
    content: dict[str, Any] = {"version": "2026.1", "effective_on": "2026-01-01", "basis": "规划"}
    taken = {"2026.1"}
    for n in range(count):
        content = rules.dated(content, DAY, date(2026, 1, 1), taken, f"第 {n} 件")
        assert content["version"] not in taken and content["effective_on"] == "2026-03-05"
        taken.add(content["version"])
    assert content["basis"] == ("规划" if not count else f"规划；本版依据：第 {count - 1} 件"), (
        "the basis does not grow"
    )


def test_a_version_begins_no_earlier_than_the_one_that_it_follows() -> None:
    made = rules.dated({}, DAY, date(2026, 4, 1), (), "x")
    assert (made["effective_on"], made["version"]) == ("2026-04-01", "2026-04-01.p1")


@given(slugs, st.integers(0, 5))
def test_numbered_slugs_are_free_and_short_enough(stem: str, count: int) -> None:
    taken: set[str] = set()
    for _ in range(count):
        name = rules.numbered(stem * 20, taken)
        assert name not in taken and len(name) <= rules.MOST_SLUG
        taken.add(name)


@pytest.mark.parametrize(
    ("said", "sound"),
    [
        ({}, True), ({"partners": {"contact_kept_days": 30, "returned_days": 10}}, True), ({"partners": []}, False),
        ({"partners": {"contact_kept_days": 366}}, False), ({"partners": {"returned_days": True}}, False),
        ({"partners": {"kept": 3}}, False),
    ],
)  # fmt: skip
def test_the_citys_periods_are_checked(said: dict[str, Any], sound: bool) -> None:
    assert (rules.lint(said) == []) is sound
