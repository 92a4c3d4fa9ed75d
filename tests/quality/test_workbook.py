"""The workbook, read again: real numbers, formats, and nothing that a spreadsheet would run."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any
from uuid import UUID

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.kit.workbooks import safe
from backend.quality import rules
from backend.quality.report import Cell, FaultLine
from backend.quality.rules import FIGURES, Counts
from backend.quality.workbook import COLUMNS, workbook
from tests.quality.test_rules import CELLS, MONTHS, ORGANISATIONS, report_of

SHEETS = ["总表", "按单位", "按目录", "逐月明细", "问题明细", "口径说明"]
FIRST = next(iter(ORGANISATIONS))
RATES = len(FIGURES)


def read(content: bytes) -> dict[str, list[list[Any]]]:
    """Every sheet's cells, as they stand in the file."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    return {sheet.title: [list(row) for row in sheet.iter_rows()] for sheet in book}


@settings(max_examples=8)
@given(CELLS)
def test_the_sheets_add_up_to_the_same_whole(cells: list[Cell]) -> None:
    report = report_of(cells)
    sheets = read(workbook(report))
    assert list(sheets) == SHEETS
    for title, names, lines in (
        ("总表", 1, len(MONTHS)), ("按单位", 1, len(ORGANISATIONS)), ("按目录", 2, len(report.by_item())),
        ("逐月明细", 4, len(report.cells)),
    ):  # fmt: skip
        *above, foot = [row[names + RATES + 1 :] for row in sheets[title]]
        for at, (name, _) in enumerate(COLUMNS):
            of_lines = [row[at].value for row in above[len(above) - lines :]]
            assert sum(of_lines) == foot[at].value == getattr(report.total(), name), (title, name)


def test_numbers_are_numbers_and_rates_are_percent() -> None:
    counts = Counts(
        batches=1, rows=3000, judged=3000, accepted=2985, added=2000, on_time=1999, bad_codes=4,
        cells_expected=9, cells_filled=6,
    )  # fmt: skip
    sheet = read(workbook(report_of([Cell(FIRST, "LE-PEN-01", MONTHS[0], counts)])))["按单位"]
    heads, row = [cell.value for cell in sheet[0]], dict(zip([c.value for c in sheet[0]], sheet[1], strict=True))
    assert row["单位"].value == ORGANISATIONS[FIRST]
    shown = {name: (row[name].value, row[name].number_format) for name in ("完整率", "合规率", "及时率", "重错码率")}
    assert shown == {
        "完整率": (0.6667, "0.00%"), "合规率": (0.995, "0.00%"), "及时率": (0.9995, "0.00%"),
        "重错码率": (pytest.approx(4 / 3000), "0.000%"),
    }  # fmt: skip
    assert (row["行数"].value, row["行数"].number_format) == (3000, "#,##0")
    assert row["重错码率 1‰ 线"].value == "超过"
    empty = dict(zip(heads, sheet[2], strict=True))
    assert [empty[figure.title].value for figure in FIGURES] == ["—"] * RATES
    assert empty["重错码率 1‰ 线"].value == "—" and empty["行数"].value == 0


def test_no_name_and_no_fault_is_run_as_a_formula() -> None:
    dangerous = [
        '=HYPERLINK("http://example.invalid/")',
        "+1",
        "-1",
        "@SUM(A1)",
        "＝1",
        "\t=1",
        " =1",
        "a\x0b=b",
        "#REF!",
    ]
    organisations = {UUID(int=n): text for n, text in enumerate(dangerous, 1)}
    faults = tuple(FaultLine(one, text, text, text, text, text, 1) for one, text in organisations.items())
    cells = [Cell(one, text, MONTHS[0], Counts(batches=1, rows=1)) for one, text in organisations.items()]
    report = replace(report_of(cells), organisations=organisations, faults=faults)
    sheets = read(workbook(report))
    for title, rows in sheets.items():
        for cell in (cell for row in rows for cell in row if cell.value is not None):
            assert cell.data_type == ("s" if isinstance(cell.value, str) else "n"), (title, cell.coordinate)
            text = str(cell.value).lstrip(" \u3000")
            assert not isinstance(cell.value, str) or not text.startswith(("=", "+", "-", "@", "\t", "＝")), title
    assert len(sheets["问题明细"]) == 1 + len(dangerous)


@settings(max_examples=30)
@given(st.text(max_size=12))
def test_a_safe_text_loses_nothing_but_control_characters(text: str) -> None:
    assert safe(text).removeprefix("'") == safe(text.removeprefix("'")).removeprefix("'")
    assert not safe(text).lstrip(" \u3000").startswith(("=", "+", "-", "@", "%", "|"))


def test_the_definitions_are_printed_with_their_sources() -> None:
    rows = [[cell.value for cell in row] for row in read(workbook(report_of([])))["口径说明"]]
    said = {row[0]: row for row in rows}
    for figure in FIGURES:
        assert said[figure.title][1:4] == [figure.formula, figure.meaning, figure.source]
    assert rules.LINE.basis in said["警戒线"]
    assert [row[1] for row in rows if row[0] == "说明"] == list(rules.NOTES)
