"""What may be declared and how a declaration may change, without a database."""

from __future__ import annotations

import tomllib
from datetime import date
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.catalogue.rules import Item, items_of
from backend.declarations import rules
from backend.declarations.rules import Content
from backend.declarations.shelves import packed, unpacked
from backend.kit.ids import NIL
from config.settings import ROOT

CATALOGUE = tomllib.loads((ROOT / "config/cities/320115/catalogue.toml").read_text("utf-8"))
ITEMS = items_of(CATALOGUE)
TODAY = date(2026, 11, 27)
GOOD = {"document_no": "演示1号", "decided_on": "2026-03-05", "authority": "演示单位", "declared_matter": "演示事项"}
PERSONAL, OF_ENTITY = ITEMS["NP-SEL-01"], ITEMS["LE-SEL-01"]


def pointers(item: Item, **changes: Any) -> list[str]:
    told = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return [at for at, _ in rules.problems(item, told, TODAY)]


@pytest.mark.parametrize("item", [PERSONAL, OF_ENTITY], ids=lambda item: item.code)
def test_what_the_item_asks_for_is_enough(item: Item) -> None:
    assert pointers(item) == []


@pytest.mark.parametrize(
    ("changes", "at"),
    [
        ({"declared_matter": None}, "declared_matter"), ({"declared_matter": ""}, "declared_matter"),
        ({"authority": None}, "authority"), ({"document_no": None}, "document_no"),
        ({"document_no": "长" * 121}, "document_no"), ({"document_no": 7}, "document_no"),
        ({"decided_on": None}, "decided_on"), ({"decided_on": "2026-02-30"}, "decided_on"),
        ({"decided_on": "20260305"}, "decided_on"), ({"decided_on": "２０２６-03-05"}, "decided_on"),
        ({"decided_on": 20260305}, "decided_on"), ({"decided_on": "2026-11-28"}, "decided_on"),
        ({"decided_on": "9999-12-31"}, "decided_on"), ({"decided_on": "1900-01-01"}, "decided_on"),
        ({"promise_no": "我的编号"}, "promise_no"), ({"declared_matter": 7}, "declared_matter"),
        ({"declared_matter": "a\x00b"}, "declared_matter"), ({"declared_matter": "长" * 2001}, "declared_matter"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_by_its_column(changes: dict[str, Any], at: str) -> None:
    assert f"/fields/{at}" in pointers(OF_ENTITY, **changes)


def test_a_column_that_the_item_lacks_is_refused() -> None:
    assert pointers(PERSONAL, shoe_size="42") == ["/fields/shoe_size"]


@pytest.mark.parametrize("text", ["本人患病情况说明", "月收入三万元", "名下房产两套", "家庭宗教信仰", "血型"])
def test_what_is_never_collected_of_a_person_is_not_declared_either(text: str) -> None:
    assert pointers(PERSONAL, declared_matter=text) == ["/fields/declared_matter"]
    assert pointers(PERSONAL, authority="区民族宗教事务局") == [], "whoever issued a document has a name"


def test_nothing_adverse_may_be_declared_whatever_the_flag_says() -> None:
    flagged = {**CATALOGUE, "items": [{**item, "self_declarable": True} for item in CATALOGUE["items"]]}
    offered = rules.declarable(items_of(flagged))
    assert {item.effect for item in offered} == {"favourable", "neutral"}
    assert {item.subject for item in rules.declarable(items_of(flagged), rules.PERSON)} == {rules.PERSON}


@given(
    st.text(min_size=1, max_size=120), st.dates(date(1950, 1, 1), TODAY),
    st.dictionaries(st.sampled_from(["authority", "occupation"]), st.text() | st.integers()),
)  # fmt: skip
@settings(max_examples=20)
def test_what_was_declared_comes_back_as_it_was(number: str, day: date, fields: dict[str, Any]) -> None:
    said = Content(number, day, fields)
    assert unpacked(packed(said)) == said


def test_a_status_changes_as_the_table_says_and_ends_for_good() -> None:
    acts = (*rules.DECISIONS, "withdraw")
    possible = {(status, act) for status, act in product(rules.STATUS_TEXT, acts) if (status, act) in rules.BECOMES}
    assert {status for status, _ in possible} == set(rules.STANDING)
    assert set(rules.BECOMES.values()) == set(rules.STATUS_TEXT) - {rules.PENDING}


@given(st.text(min_size=1, max_size=300))
@settings(max_examples=20)
def test_the_source_says_that_it_was_declared_and_fits_its_column(name: str) -> None:
    told = rules.source_name(name)
    assert told.startswith("自主申报，") and told.endswith(" 确认") and len(told) <= 120


def test_a_record_is_called_after_its_document_else_after_the_item() -> None:
    by = rules.Confirmer(NIL, "演示单位")
    named = rules.record(PERSONAL, Content("1", TODAY, {"document_name": "演示证书"}), NIL, by)
    assert (named.title, rules.record(PERSONAL, Content("1", TODAY, {}), NIL, by).title) == ("演示证书", PERSONAL.title)


def test_the_city_may_leave_declarations_out_and_what_it_says_is_checked() -> None:
    section = CATALOGUE[rules.SECTION]
    assert rules.lint({}) == [] and rules.terms({}) is None and rules.lint(CATALOGUE) == []
    one, other = section["pledges"]
    for spoiled in (
        "x", {**section, "open_most": 0}, {**section, "open_most": True}, {**section, "per_day_most": "5"},
        {**section, "evidence_days": 10**6}, {**section, "pledges": []}, {**section, "pledges": [one]},
        {**section, "pledges": [one, one]}, {**section, "pledges": [one, {**other, "text": " "}]},
        {**section, "pledges": [one, {**other, "version": 7}]}, {**section, "pledges": "x"}, {**section, "basis": ""},
    ):  # fmt: skip
        assert rules.lint({rules.SECTION: spoiled}), spoiled


def test_the_pledge_tells_the_days_that_hold() -> None:
    known = rules.terms(CATALOGUE)
    assert known and all(f" {known.evidence_days} 天后删除" in pledge.text for pledge in known.pledges.values())
