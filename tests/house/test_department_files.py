"""The files that the demo's departments send: the same every time, with every fault that a file may have."""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from datetime import date, timedelta
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.cn import uscc

from backend.accounts.rules import normal_id_number
from backend.catalogue import rules as catalogue
from backend.demo import department_faults, department_files, department_rows
from backend.demo.department_files import DepartmentFile
from backend.demo.vocabulary import Vocabulary
from backend.kit.workdays import add_workdays
from backend.records import rules
from config.settings import ROOT

pytestmark = pytest.mark.once
CITY = ROOT / "config" / "cities" / "320115"
CATALOGUE = tomllib.loads((CITY / "catalogue.toml").read_text("utf-8"))
RAW = {item["code"]: item for item in CATALOGUE["items"]}
DAY = date(2026, 11, 28)
BINARY = {"csv": "utf-8", "csv-bom": "utf-8-sig", "csv-gb18030": "gb18030"}


def made(day: date = DAY, series: str = "A") -> list[DepartmentFile]:
    words = Vocabulary.read(CITY)
    return department_files.files(RAW, words, department_rows.Subjects.of(words), day, series)


FILES = made()
FAULTY = [one for one in FILES if one.faults]
CLEAN = [one for one in FILES if not one.faults and not one.whole]


def test_the_same_day_gives_the_same_bytes_and_another_series_other_documents() -> None:
    assert [one.encoded() for one in FILES] == [one.encoded() for one in made()]
    numbers = [{row["document_no"] for one in some for row in one.rows} for some in (FILES, made(series="B"))]
    assert not numbers[0] & numbers[1]


def test_every_kind_of_fault_is_planted_somewhere_and_says_its_verdict() -> None:
    planted = {fault.kind.code for one in FAULTY for fault in one.faults.values()} | {one.whole for one in FILES}
    assert planted - {""} == set(department_faults.KINDS)
    assert {one.form for one in FILES} == {"csv", "csv-bom", "csv-gb18030", "xlsx", "json"}
    assert {one.item_code for one in CLEAN} == {one.item_code for one in FAULTY}


def test_the_columns_are_the_catalogues_and_the_departments_its_sources() -> None:
    known = department_rows.departments(Vocabulary.read(CITY))
    for one in FILES:
        assert one.department == known[one.department.name]
        assert uscc.is_valid(one.department.code)
        assert (one.department.name in one.item["source_departments"]) == (one.whole != "anothers-item")
        if not one.whole:
            titles = [title for _, title in one.columns]
            assert titles[-len(one.item["fields"]) :] == [field["title"] for field in one.item["fields"]]


def _read(one: DepartmentFile) -> tuple[list[str], list[list[Any]]]:
    """Head and rows as whoever opens the file sees them."""
    content = one.encoded()
    if one.form == "xlsx":
        lines = [list(line) for line in openpyxl.load_workbook(io.BytesIO(content)).active.iter_rows(values_only=True)]
        assert len([cell for cell in lines[0] if cell]) == 1  # a title over the whole width
        return lines[1], lines[2:]
    if one.form == "json":
        told = json.loads(content)
        head = [title for _, title in one.columns]
        return head, [[row.get(title, "") for title in head] for row in told["rows"]]
    lines = list(csv.reader(io.StringIO(content.decode(BINARY[one.form]), newline="")))
    return lines[0], lines[1:]


@pytest.mark.parametrize("one", FILES, ids=lambda one: one.name)
def test_a_file_opens_and_holds_its_rows(one: DepartmentFile) -> None:
    head, rows = _read(one)
    assert head == [title for _, title in one.columns]
    assert len(rows) == len(one.rows)
    numbers = head.index(dict(one.columns)["document_no"])
    assert [row[numbers] for row in rows] == [row["document_no"] for row in one.rows]


def _record(one: DepartmentFile, row: dict[str, str]) -> rules.NewRecord:
    apart = {name for name, _ in (*department_rows.PERSON_COLUMNS, *department_rows.ENTITY_COLUMNS)}
    told = {name: text for name, text in row.items() if name not in (*apart, *catalogue.FROM_DOCUMENT) and text}
    whole = {field["name"] for field in one.item["fields"] if field["type"] == "integer"}
    return rules.NewRecord(
        item_code=one.item_code, source_name=one.department.name, document_no=row["document_no"],
        title=one.item["title"], decided_on=date.fromisoformat(row["decided_on"]),
        fields={name: int(text) if name in whole else text for name, text in told.items()},
    )  # fmt: skip


@pytest.mark.parametrize("one", [*CLEAN, *FAULTY], ids=lambda one: one.name)
def test_a_row_without_a_fault_is_what_the_catalogue_admits(one: DepartmentFile) -> None:
    items = catalogue.items_of(CATALOGUE)
    for number, row in enumerate(one.rows, 1):
        if number in one.faults:
            continue
        assert rules.record_problems(_record(one, row), items, one.item["subject"], DAY) == []
        code = row.get("party_code_1") or row.get("unified_social_credit_code")
        assert rules.normal_entity_code(code) if code else normal_id_number(row["id_number"], DAY)
        assert add_workdays(date.fromisoformat(row["decided_on"]), 7).on >= DAY


def test_a_fault_stands_where_the_key_says() -> None:
    broken = {
        "bad-credit-code": lambda text: rules.normal_entity_code(text) is None,
        "bad-id-number": lambda text: normal_id_number(text, DAY) is None,
        "missing-required": lambda text: text == "",
        "overlong-text": lambda text: len(text) > catalogue.LONGEST_TEXT,
        "control-character": lambda text: "\x07" in text,
        "formula": lambda text: text.startswith("="),
        "future-decision": lambda text: date.fromisoformat(text) > DAY,
        "late-report": lambda text: add_workdays(date.fromisoformat(text), 7).on < DAY,
        "negative-amount": lambda text: float(text) < 0,
        "lower-case-x": lambda text: text != text.upper(),
        "old-number": lambda text: bool(re.fullmatch("[0-9]{15}", text)),
    }
    for one in FAULTY:
        for number, fault in one.faults.items():
            if check := broken.get(fault.kind.code):
                assert check(one.rows[number - 1][fault.column]), (one.name, number)
            if fault.kind.code == "duplicate-row":
                assert one.rows[number - 1] == one.rows[number - 2]


@settings(max_examples=6, deadline=None)
@given(st.dates(date(2024, 1, 1), date(2027, 12, 31)))
def test_any_day_has_its_files(day: date) -> None:
    for one in made(day):
        for number, row in enumerate(one.rows, 1):
            if number not in one.faults:
                assert day - timedelta(days=7) < date.fromisoformat(row["decided_on"]) <= day


def test_the_folder_explains_itself(tmp_path: Any) -> None:
    department_files.write(tmp_path, FILES, DAY)
    answers = json.loads((tmp_path / "answers.json").read_text("utf-8"))
    assert {told["file"] for told in answers["files"]} | {"answers.json", "说明.txt"} == {
        path.name for path in tmp_path.iterdir()
    }
    said = (tmp_path / "说明.txt").read_text("utf-8-sig")
    assert all(one.name in said and one.department.name in said for one in FILES)
