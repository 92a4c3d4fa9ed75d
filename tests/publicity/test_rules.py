from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.catalogue.rules import Item, items_of
from backend.publicity import rules

COMMON = rules.common_pairs("南京市江宁区")
BRACKETS = ["〔〕", "()", "（）", "[]", "【】", "［］"]
NAMES = st.text("南京市江宁区有限公司责任甲乙丙丁戊己庚辛ＡBcC1１（）()〔〕·- 　", min_size=1, max_size=24)


# --- names -----------------------------------------------------------------------------------------------------------


@given(NAMES, st.data())
def test_a_name_has_every_pair_of_each_of_its_parts(name: str, data: Any) -> None:
    """So nothing that contains the part is missed by walking any one pair of it."""
    begin = data.draw(st.integers(0, len(name)))
    part = name[begin : data.draw(st.integers(begin, len(name)))]
    assert rules.fold(part) in rules.fold(name)
    assert set(rules.grams(rules.fold(part), COMMON)) <= set(rules.grams(rules.fold(name), COMMON))


@given(st.text(max_size=60))
@settings(max_examples=200)
def test_what_is_folded_is_folded_and_every_pair_has_two_characters(text: str) -> None:
    folded = rules.fold(text)
    assert rules.fold(folded) == folded or not text.isascii()
    assert all(character.isalnum() for character in folded)
    pairs = rules.pairs(folded)
    assert all(len(pair) == 2 and pair in folded for pair in pairs) and len(set(pairs)) == len(pairs)


@pytest.mark.parametrize(
    ("one", "other"),
    [("南京（江宁）ＡＢＣ公司", "南京(江宁)abc公司"), ("甲·乙", "甲乙"), ("甲 乙　丙", "甲乙丙"), ("１号店", "1号店")],
)
def test_widths_capitals_brackets_and_blanks_do_not_matter(one: str, other: str) -> None:
    assert rules.fold(one) == rules.fold(other)


def test_a_name_of_nothing_but_the_city_and_the_legal_form_has_no_pairs_to_look_for() -> None:
    assert rules.grams("有限公司", COMMON) == rules.grams("南京市江宁区", COMMON) == rules.grams("司", COMMON) == []
    assert rules.grams("江宁面馆", COMMON) == ["宁面", "面馆"]


# --- numbers ---------------------------------------------------------------------------------------------------------


@given(
    st.sampled_from(BRACKETS), st.sampled_from(BRACKETS), st.integers(1, 99999), st.booleans()
)  # fmt: skip
def test_a_documents_number_is_found_whatever_its_brackets(kept: str, typed: str, number: int, wide: bool) -> None:
    text = f"宁江市监罚字{typed[0]}2026{typed[1]}{number}号"
    if wide:
        text = "".join(chr(ord(c) + 0xFEE0) if c.isascii() and c.isdigit() else c for c in text)
    assert f"宁江市监罚字{kept[0]}2026{kept[1]}{number}号" in rules.spellings(text)


def test_a_documents_number_is_sought_as_typed_first() -> None:
    assert rules.spellings(" JY-23/1 号 ")[0] == "JY-23/1 号"
    assert len(rules.spellings("〔" * 60 + "1" * 60)) <= 9


@pytest.mark.parametrize(
    ("typed", "sort"),
    [("91110000600037341L", "code"), ("91110000600037341l", "code"), ("ＴＢ123456－7", "code"), ("60003734-1", "code"),
     ("320115000012345", "code"), ("宁审〔2026〕12号", "document_no"), ("JY(2026)0001", "document_no"),
     ("3号", "document_no"), ("青禾面馆", "name"), ("ABCDEFGHI", "name"), ("TB12345678", "code"),
     ("21世纪", "name"), ("%", "name")],
)  # fmt: skip
def test_one_typed_line_is_understood(typed: str, sort: str) -> None:
    assert rules.sort_of_search(typed) == sort


# --- what is shown ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def items(city_contents: dict[str, Any]) -> dict[str, Item]:
    return items_of(city_contents["catalogue"])


def test_only_public_items_of_legal_entities_are_of_any_kind(items: dict[str, Item]) -> None:
    everything = rules.items_of_kind(items, "all")
    assert set(rules.items_of_kind(items, "licence")) == {"LE-LIC-01"}
    assert set(rules.items_of_kind(items, "penalty")) == {"LE-PEN-01"}
    assert "LE-HON-01" in everything and "LE-EXM-01" not in everything
    assert not [code for code in everything if code.startswith("NP-")]


def test_a_column_of_a_certificate_is_never_published(items: dict[str, Item]) -> None:
    for item in items.values():
        assert not [name for name, _ in rules.columns_of(item) if "_id_" in name]
    names = [name for name, _ in rules.columns_of(items["LE-LIC-01"])]
    assert len(names) == len(items["LE-LIC-01"].fields) - 2 and "legal_representative" in names


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("当事人11010519491231002X未标价", "当事人110105************未标价"),
        ("11010519491231002x", "110105************"),
        ("91110000600037341L", "91110000600037341L"),
        ("文书110105194912310021234", "文书110105194912310021234"),
    ],
)
def test_a_residents_number_pasted_among_the_facts_cannot_be_read(text: str, shown: str) -> None:
    assert rules.without_id_numbers(text) == shown
    assert rules.without_id_numbers(5) == 5 and rules.without_id_numbers(None) is None


def test_a_repair_says_from_when_and_how_fast(items: dict[str, Item], city_contents: dict[str, Any]) -> None:
    day, deadlines = date(2026, 3, 5), city_contents["deadlines"]
    told = rules.repair_of(items["LE-PEN-01"], {"severity": "serious"}, day, deadlines)
    assert (told.severity, told.from_on) == ("严重", day + timedelta(days=365))
    assert (told.decision_workdays, told.feedback_workdays) == (3, 10) and all(told.basis)
    unknown = rules.repair_of(items["LE-PEN-01"], {}, day, deadlines)
    assert (unknown.severity, unknown.from_on) == ("", None) and unknown.basis
    assert rules.repair_of(replace(items["LE-PEN-01"], severity_field=None), {}, day, {}).basis == ()


@given(st.dates(date(2000, 1, 1), date(2030, 1, 1)), st.integers(0, 4000), st.integers(-400, 5000))
def test_the_clock_goes_from_nothing_to_all_and_never_past(decided_on: date, length: int, gone: int) -> None:
    until_on, today = decided_on + timedelta(days=length), decided_on + timedelta(days=gone)
    part = rules.elapsed(decided_on, until_on, today)
    assert 0 <= part <= 1 and (part < 1 or today > until_on)
    assert rules.elapsed(decided_on, until_on, today + timedelta(days=1)) >= part


# --- the extract -----------------------------------------------------------------------------------------------------


@given(st.text(max_size=40))
def test_no_cell_is_a_formula(text: str) -> None:
    kept = rules.cell(text)
    assert not kept.lstrip(" \u3000\ufeff").startswith(tuple("=+-@\t\r\n＝＋－＠")) and "\x00" not in kept
    assert kept.removeprefix("'") == text.replace("\x00", "") or text.startswith("'")


def test_the_columns_of_an_extract_are_the_standards(items: dict[str, Item]) -> None:
    told = rules.extract_columns(rules.items_of_kind(items, "penalty").values())
    titles = [title for _, title in told]
    assert titles[:2] == ["行政相对人名称", "行政相对人类别"] and "公示截止期" in titles and "违法事实" in titles
    assert len(set(titles)) == len(titles) and not [title for title in titles if "证件" in title]
