"""Columns judged at once agree with the rules of one record, on rows made at random."""

from __future__ import annotations

import json
import tomllib
import unicodedata
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.accounts.rules import check_character, normal_id_number, normal_name
from backend.catalogue.rules import NUMBERS, Item, items_of
from backend.intake import cells, faults, judging
from backend.intake.judging import Judge
from backend.intake.layouts import Sheet
from backend.intake.tables import json_table
from backend.kit.seal import mask_id_number
from backend.kit.workdays import add_workdays
from backend.records import rules
from backend.records.entities import normal_alias
from backend.records.rules import NewRecord
from config.settings import ROOT

CITY = ROOT / "config" / "cities" / "320115"
ITEMS = items_of(tomllib.loads((CITY / "catalogue.toml").read_text("utf-8")))
SEVERITIES = tomllib.loads((CITY / "deadlines.toml").read_text("utf-8"))["publicity"]
TODAY = date(2026, 11, 28)
PENALTY, LICENCE, HONOUR = ITEMS["LE-PEN-01"], ITEMS["LE-LIC-01"], ITEMS["NP-HON-01"]
CODES = ("91110000600037341L", "91110108551385082Q")
ODD = (
    "", " ", "同", "2026-02-30", "9999-12-31", "1899-12-31", "2099-12-31", "2100-01-01", "1949-09-30", "2026-11-29",
    "-1", "0", "1.25", "1.1234567", "abc", "９１", "演" * 201, "演" * 2001, "演\x00示", "演\x1b示", "minor", "general",
    "serious", "法人及非法人组织", "有效", "320121699900011", "A1B2C3D4-5", "91110108551385082R", "11010519491231002X",
    "11010519491231002x", "110105194912310021", "张三", "Bob", "欧阳·娜娜", "·张三", "演示\n第二行", "行\x7f",
)  # fmt: skip


def good(item: Item) -> dict[str, str]:
    """A row that the item admits, by the fields' names."""
    row = {f.name: _good(f) for f in Sheet(item).fields if f.required}
    for name, value in (("name", "测试甲"), ("id_number", "11010519491231002X"), ("decided_on", "2026-11-20")):
        if name in row:
            row[name] = value
    return row


def _good(f: Any) -> str:
    if f.values:
        return str(f.values[0])
    words = {"date": "2026-11-20", "integer": "2026", "decimal": "1.5", "unified_social_credit_code": CODES[0],
             "id_number": "11010519491231002X"}  # fmt: skip
    return words.get(f.type, "演示")


def rows_of(item: Item) -> st.SearchStrategy[dict[str, str]]:
    """Good rows with up to three cells replaced by odd ones."""
    names = [f.name for f in Sheet(item).fields]
    days = st.dates(date(1940, 1, 1), date(2101, 1, 1)).map(str)
    changes = st.dictionaries(st.sampled_from(names), st.one_of(st.sampled_from(ODD), days), max_size=3)
    return changes.map(lambda changed: good(item) | changed)


def judged(item: Item, rows: list[dict[str, str]], **options: Any) -> judging.Judged:
    judge = Judge(item, SEVERITIES, TODAY, TODAY, **options)
    names = [f.name for f in judge.sheet.fields]
    table = json_table([dict.fromkeys(names) | row for row in rows], item)
    (piece,) = table.pieces(None, 0)
    return judging.judge(judging.texts(piece.frame, table.layout, judge.sheet), judge)


def by_row(item: Item, row: dict[str, str]) -> NewRecord | None:
    """The same row by the rules of one record; None when they do not admit it."""
    told = {name: text.strip() for name, text in row.items() if text and text.strip()}
    numbers = [f.name for f in item.fields if f.type in NUMBERS and f.name in told]
    told |= {name: unicodedata.normalize("NFKC", told[name]) for name in numbers}  # full-width digits are mended
    name, code = Sheet(item).fields[:2] if item.subject == "natural_person" else (None, None)
    if name is not None and code is not None:
        if not normal_name(told.pop("name", "")) or not normal_id_number(told.pop("id_number", ""), TODAY):
            return None
    days = {field: rules._day(told.get(field, "")) for field in ("decided_on", "conduct_ended_on")}
    needed = ("document_no", "authority")
    if days["decided_on"] is None or any(not told.get(name) for name in needed):
        return None
    if any(len(told.get(n, "")) > most for n, most in (("document_no", 120), ("authority", 120))):
        return None
    if any(rules.value_problem(f, told[f.name], TODAY) for f in item.fields if f.name in told and f.type != "integer"):
        return None
    fields = {name: text for name, text in told.items() if name not in ("decided_on", "document_no", "document_name")}
    for f in item.fields:
        if f.type == "integer" and f.name in fields:
            if not fields[f.name].lstrip("-").isdecimal():
                return None
            fields[f.name] = int(fields[f.name])  # type: ignore[assignment]
    new = NewRecord(
        item_code=item.code, source_name=told["authority"], document_no=told["document_no"], title=item.title,
        decided_on=days["decided_on"], ended_on=days["conduct_ended_on"], fields=fields,
    )  # fmt: skip
    return None if rules.record_problems(new, {item.code: item}, item.subject, TODAY) else new


@pytest.mark.parametrize(
    "item", [PENALTY, LICENCE, HONOUR, ITEMS["NP-PRO-02"], ITEMS["NP-QUA-03"]], ids=lambda i: i.code
)
@settings(max_examples=25)
@given(st.data())
def test_columns_admit_what_the_rules_of_one_record_admit(item: Item, data: st.DataObject) -> None:
    rows = data.draw(st.lists(rows_of(item), min_size=1, max_size=12))
    found = judged(item, rows)
    accepted = {record["row"]: record for record in found.accepted.iter_rows(named=True)}
    assert set(accepted).isdisjoint(found.found["row"].to_list())
    for number, row in enumerate(rows, 1):
        new = by_row(item, row)
        assert (number in accepted) == (new is not None), (row, found.found.filter(pl.col("row") == number).rows())
        if new is not None:
            record = accepted[number]
            until = rules.counts_until(item, new.decided_on, new.ended_on)
            shown = rules.publicity_until(item, new.decided_on, new.fields, SEVERITIES, until)
            assert (record["counts_until_on"], record["publicity_until_on"]) == (until, shown)
            kept = {name: value for name, value in json.loads(record["fields"]).items() if value is not None}
            masked = {n: mask_id_number(v) if n.endswith("_id_number") else v for n, v in new.fields.items()}
            assert kept.keys() == masked.keys()
            assert {n for n in kept if kept[n] != masked[n]} <= {f.name for f in item.fields if f.type.endswith("code")}


@pytest.mark.parametrize(
    ("said", "kept", "shown_days"), [("轻微", "minor", None), ("严重", "serious", 365), ("minor", "minor", None)]
)
def test_a_file_says_how_grave_it_was_in_chinese(said: str, kept: str, shown_days: int | None) -> None:
    """The document's own word sets publicity's clock, within the item's own; what is not published has none."""
    [record] = judged(PENALTY, [good(PENALTY) | {"severity": said}]).accepted.iter_rows(named=True)
    assert json.loads(record["fields"])["severity"] == kept
    shown_until = None if shown_days is None else record["decided_on"] + timedelta(days=shown_days)
    assert record["publicity_until_on"] == shown_until


def test_what_is_no_word_for_it_is_told_the_words() -> None:
    found = judged(PENALTY, [good(PENALTY) | {"severity": "较重"}]).found
    assert faults.sentence(Sheet(PENALTY), "severity", found["fault"][0]) == (
        "失信严重程度", "应为 轻微、一般、严重 之一",
    )  # fmt: skip


SPELLINGS = ("{0:%Y-%m-%d}", "{0:%Y/%m/%d}", "{0.year}.{0.month}.{0.day}", "{0:%Y%m%d}", "{0:%Y-%m-%d} 00:00:00",
             "{0.year}年{0.month}月{0.day}日", "{0.year}-{0.month}-{0.day}")  # fmt: skip
WIDE = str.maketrans("0123456789-/.", "０１２３４５６７８９－／．")


@settings(max_examples=40)
@given(st.lists(st.tuples(st.dates(date(1900, 1, 1), date(9999, 12, 31)), st.sampled_from(SPELLINGS), st.booleans())))
def test_a_day_is_read_in_every_usual_spelling(days: list[tuple[date, str, bool]]) -> None:
    told = [spelling.format(day).translate(WIDE) if wide else spelling.format(day) for day, spelling, wide in days]
    assert cells.days(pl.Series(told, dtype=pl.String)).to_list() == [day for day, _, _ in days]


NO_DAYS = ("同", "同上", "2026-02-30", "2026-13-01", "26-01-01", "+2026-01-01", "-2026-01-01", "20260230", "46086",
           "2026-01-01 08:00", "今天", "2026-1", "12026-01-01")  # fmt: skip


@pytest.mark.parametrize("text", NO_DAYS)
def test_what_is_no_day_is_none(text: str) -> None:
    assert cells.days(pl.Series([text, "2026-03-05", None])).to_list() == [None, date(2026, 3, 5), None]


def test_a_number_is_a_day_in_a_workbook_alone() -> None:
    assert cells.days(pl.Series(["46086"]), serials=True).to_list() == [date(2026, 3, 5)]
    assert cells.days(pl.Series(["46086"])).to_list() == [None]


CODE = st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=17, max_size=17)


@settings(max_examples=40)
@given(st.lists(st.tuples(CODE, st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXYIOZSV"), st.booleans()), max_size=30))
def test_credit_codes_agree_with_the_rule_of_one(parts: list[tuple[str, str, bool]]) -> None:
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    right = [alphabet[-sum(alphabet.index(c) * pow(3, i, 31) for i, c in enumerate(body)) % 31] for body, _, _ in parts]
    told = ["32" + body[2:] if valid else body for body, _, valid in parts]
    told = [body + (check if valid else last) for (body, last, valid), check in zip(parts, right, strict=True)] + told
    told += [code.lower() for code in told] + list(CODES) + ["９１１１００００６０００３７３４１Ｌ", "", "x"]
    assert cells.credit_codes(pl.Series(told)).to_list() == [rules.normal_entity_code(code) for code in told]


def test_the_remainder_of_nought_is_the_check_character_nought() -> None:
    bodies = [f"91320115MA{n:07d}" for n in range(400)]
    nought = [code for body in bodies if (code := rules.normal_entity_code(body + "0"))]
    assert nought and cells.credit_codes(pl.Series(nought)).to_list() == nought


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.dates(date(1880, 1, 1), date(2030, 1, 1)), st.integers(0, 999), st.booleans()), min_size=1)
)
def test_id_numbers_agree_with_the_rule_of_one(parts: list[tuple[date, int, bool]]) -> None:
    bodies = [f"329999{day:%Y%m%d}{number:03d}" for day, number, _ in parts]
    told = [body + (check_character(body) if ok else "5") for body, (_, _, ok) in zip(bodies, parts, strict=True)]
    told += [number.lower() for number in told] + ["１" + told[0][1:], told[0][:6] + " " + told[0][6:], "", "x" * 18]
    assert cells.id_numbers(pl.Series(told), TODAY).to_list() == [normal_id_number(text, TODAY) for text in told]


@settings(max_examples=40)
@given(st.lists(st.text(st.sampled_from("张三李四·•・. \u3000aBｂ测试〇𠀀"), max_size=8)))
def test_names_and_older_codes_agree_with_the_rules_of_one(texts: list[str]) -> None:
    series = pl.Series(texts, dtype=pl.String)
    assert cells.person_names(series).to_list() == [normal_name(text) for text in texts]
    assert cells.aliases(series).to_list() == [normal_alias(text) or None for text in texts]
    told = pl.DataFrame({"x": series}).select(cells.masked(pl.col("x"))).to_series().to_list()
    assert told == [mask_id_number(text) for text in texts]


def test_full_width_and_lower_case_are_read_as_they_are_meant() -> None:
    row = good(PENALTY) | {
        "party_code_1": "９１１１０１０８５５１３８５０８２ｑ",
        "decided_on": "２０２６／１１／２０",
        "fine_wanyuan": "１．２５",
    }
    (record,) = judged(PENALTY, [row]).accepted.iter_rows(named=True)
    assert (record["code"], record["decided_on"]) == (CODES[1], date(2026, 11, 20))
    assert json.loads(record["fields"])["fine_wanyuan"] == "1.25"


def test_being_late_counts_working_days() -> None:
    judge = Judge(PENALTY, SEVERITIES, TODAY, TODAY)
    for day in (TODAY - timedelta(days=n) for n in range(40)):
        assert judge.is_late(day) is (add_workdays(day, PENALTY.due_workdays).on < TODAY), day


def test_every_fault_names_its_column_and_a_row_may_have_several() -> None:
    row = good(PENALTY) | {
        "decided_on": "同",
        "party_code_1": "91110108551385082R",
        "violation_facts": "=1+1",
        "authority": " ",
    }
    found = judged(PENALTY, [row, good(PENALTY)]).found
    assert set(found.select("row", "column", "fault").rows()) == {
        (1, "decided_on", "not-a-date"), (1, "party_code_1", "bad-code"), (1, "violation_facts", "formula"),
        (1, "authority", "required"),
    }  # fmt: skip


def test_of_rows_about_one_document_the_first_is_kept_and_the_others_told_apart() -> None:
    first, other = good(PENALTY), good(PENALTY) | {"violation_facts": "另一件事"}
    kept, same, different = judging.split_repeats(judged(PENALTY, [first, first, other, first]).accepted)
    assert (kept["row"].to_list(), same.to_list(), different.to_list()) == ([1], [2, 4], [3])


def test_rows_without_anything_in_them_are_passed_over() -> None:
    blank: dict[str, str] = dict.fromkeys(good(PENALTY), "  ")
    assert judged(PENALTY, [good(PENALTY), blank, blank]).rows == 1


def test_a_guarded_cell_comes_back_as_it_was() -> None:
    texts = ["=1+1", "+86", "-1", "@x", "'x", "x", "'=1"]
    frame = pl.DataFrame({"x": texts})
    sent = frame.select(cells.safe(pl.col("x")).alias("x"))
    assert not any(text.lstrip()[0] in "=+-@" for text in sent["x"])
    assert sent.select(cells.trimmed(pl.col("x")))["x"].to_list() == [
        text.strip() if text != "'=1" else "=1" for text in texts
    ]
