"""Files as they come, good and hostile: what is taken, what is refused, and that a piece ends where a record ends."""

from __future__ import annotations

import csv
import io
import re
import tomllib
import zipfile
from collections.abc import Iterator
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.catalogue.rules import items_of
from backend.intake import returned, scanning, tables, workbooks
from backend.intake.errors import FileRefused
from backend.intake.scanning import Scanner
from backend.intake.tables import CsvTable, Position
from backend.intake.workbooks import workbook_table
from config.settings import ROOT

ITEMS = items_of(tomllib.loads((ROOT / "config" / "cities" / "320115" / "catalogue.toml").read_text("utf-8")))
ITEM = ITEMS["LE-HON-02"]
HEAD = ["主体名称", "统一社会信用代码", "文号", "决定日期", "认定单位", "示范级别", "文书名称"]


def scan(content: bytes, each: int = 1 << 20) -> scanning.Scanned:
    scanner = Scanner()
    for at in range(0, len(content), each):
        scanner.feed(content[at : at + each])
    return scanner.finish()


def refused(content: bytes, each: int = 1 << 20) -> str:
    with pytest.raises(FileRefused) as caught:
        scan(content, each)
    assert caught.value.problems and all(len(text) > 4 for text in caught.value.problems)
    return caught.value.reason


def table(content: bytes, encoding: str = "utf-8") -> CsvTable:
    return CsvTable(lambda at, size: content[at : at + size], len(content), encoding, ITEM)


def rows_of(found: Any, most: int = 1 << 20, start: Position | None = None) -> Iterator[list[str | None]]:
    for piece in found.pieces(start, most):
        yield from ([*row[:-1]] for row in piece.frame.iter_rows())


def csv_of(*rows: list[str], encoding: str = "utf-8", **options: Any) -> bytes:
    out = io.StringIO()
    csv.writer(out, **options).writerows(rows)
    return out.getvalue().encode(encoding)


# --- what a file is --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"%PDF-1.7\n", "not-a-csv"),
        (b"PK\x03\x04...", "not-a-csv"),
        (b"\xd0\xcf\x11\xe0....", "not-a-csv"),
        (b"<!DOCTYPE html><html>", "not-a-csv"),
        (b"  <?xml version='1.0'?>", "not-a-csv"),
        (b"\x89PNG\r\n\x1a\n", "not-a-csv"),
        ("名称,代码\n".encode("utf-16"), "encoding"),
        (bytes(range(256)) * 8 + bytes(5000), "not-a-csv"),
        ("行政相对人名称,代码\n演示公司\n".encode() + "演示\n".encode("gb18030"), "encoding"),
        ("名称\n".encode("gb18030") + b"\xff\xff\n", "encoding"),
        ("名称\n".encode()[:-2], "encoding"),
        (b"a,b\rc,d\r", "line-ends"),
        (b'a,b\n"c,d\ne,f\n', "quotes"),
        (b"", "empty"),
    ],
)
def test_what_is_no_csv_is_told_so(content: bytes, reason: str) -> None:
    assert refused(content) == reason


def test_a_record_without_an_end_and_a_file_without_one_are_given_up_early() -> None:
    assert refused(b'a\n"' + b"x" * (4 << 20)) == "quotes"
    assert refused(b"a\n" * (scanning.MOST_ROWS + 11)) == "too-many-rows"
    assert scan(b"a\n" * scanning.MOST_ROWS).rows == scanning.MOST_ROWS


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.text(st.sampled_from('a,"\r\n演'), max_size=6), min_size=2, max_size=3), max_size=12),
    st.integers(1, 40), st.sampled_from(["utf-8", "gb18030"]),
)  # fmt: skip
def test_rows_are_counted_and_encodings_told_whatever_stands_in_quotes(
    rows: list[list[str]], each: int, encoding: str
) -> None:
    content = csv_of(["演示", "b"], *rows, encoding=encoding, quoting=csv.QUOTE_ALL)
    found = scan(content, each if encoding == "utf-8" else 1 << 20)
    assert (found.encoding, found.rows) == (encoding, len(rows) + 1)
    ends, at = [], 0
    while at < len(content):
        size = tables.last_end(content[at : at + max(each, 1)]) or tables.last_end(content[at:])
        ends.append(content[at : at + size])
        at += size
    read = [row for part in ends for row in csv.reader(io.StringIO(part.decode(encoding), newline=""))]
    assert read == [["演示", "b"], *rows]


# --- tables ----------------------------------------------------------------------------------------------------------


def row(number: int) -> list[str]:
    return [f"演示公司{number}", "91110000600037341L", f"演示{number}", "2026-03-05", "演示局", '含,"\n的级别', ""]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("above", [[], [["演示报送表", "", ""]], [["表"], [""], ["单位：演示", "日期"]]])
def test_the_head_is_found_below_titles_and_rows_keep_their_numbers(encoding: str, above: list[list[str]]) -> None:
    content = csv_of(*above, HEAD, *(row(n) for n in range(3)), encoding=encoding)
    found = table(content, scan(content).encoding)
    assert found.layout.row == len(above) + 1
    read = list(rows_of(found, 200))
    assert [line[0] for line in read] == [len(above) + 2 + n for n in range(3)]
    assert [[cell or "" for cell in line[1:]] for line in read] == [row(n) for n in range(3)]


def test_a_piece_can_be_taken_up_where_the_one_before_ended() -> None:
    content = csv_of(HEAD, *(row(n) for n in range(50)))
    found = table(content)
    pieces = list(found.pieces(None, 700))
    assert len(pieces) > 3
    for number, piece in enumerate(pieces[:-1], 1):
        rest = [line[0] for line in rows_of(found, 700, piece.after)]
        assert rest == [n for later in pieces[number:] for n in later.frame["#row"]]
    assert pieces[-1].after == Position(len(content), 51)


@pytest.mark.parametrize(
    ("head", "reason", "words"),
    [
        ([*HEAD, "处罚人员手机号"], "unknown-column", "处罚人员手机号"),
        ([*HEAD, "年收入（万元）"], "prohibited-column", "第十四条"),
        ([*HEAD, "宗教 信仰"], "prohibited-column", "第十四条"),
        ([*HEAD, "主体名称"], "column-twice", "主体名称"),
        ([*HEAD[:-2], "文书名称"], "missing-column", "示范级别"),
        (["甲", "乙"], "no-head", "主体名称"),
        ([*HEAD[:3], "", *HEAD[3:]], "unknown-column", "第 4 列"),
        (["x"] * 600 + HEAD, "unknown-column", "最多"),
    ],
)
def test_a_head_that_does_not_fit_is_refused_by_its_name(head: list[str], reason: str, words: str) -> None:
    with pytest.raises(FileRefused) as caught:
        table(csv_of(head, row(1)))
    assert caught.value.reason == reason and words in "".join(caught.value.problems)


def test_heads_are_known_by_title_name_alias_and_in_any_width() -> None:
    heads = [
        "entity_name",
        "统一社会信用代码（１８位）",
        " 文书号 ",
        "DECIDED_ON",
        "认定机关*",
        "示范 级别",
        "原因",
        "行号",
    ]
    found = table(csv_of(heads, row(1)))
    assert found.layout.names == (
        "entity_name", "entity_code", "document_no", "decided_on", "authority", "honour_level", None, None,
    )  # fmt: skip


@pytest.mark.parametrize("broken", [b'a,"b"c,d\n', b'a,5" pipe,d\ne,6" pipe,f\n'])
def test_quotes_that_are_no_csv_are_told_with_their_row(broken: bytes) -> None:
    found = table(csv_of(HEAD, row(1)) + broken)
    with pytest.raises(FileRefused) as caught:
        list(rows_of(found))
    assert caught.value.reason == "quotes" and "第 3 行" in caught.value.problems[0]


def test_what_stands_past_the_head_is_kept_apart() -> None:
    (piece,) = table(csv_of(HEAD, [*row(1), "多"], [*row(2), "多", "更多"], row(3))).pieces(None, 1 << 20)
    assert piece.frame["#more"].to_list() == ["多", "多", None]


# --- workbooks -------------------------------------------------------------------------------------------------------


def book(*rows: list[Any], change: Any = None) -> bytes:
    made = openpyxl.Workbook()
    for line in rows:
        made.active.append(line)
    if change:
        change(made)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def rezipped(content: bytes, **parts: bytes) -> bytes:
    """The archive with some parts replaced or added (``__`` for a slash)."""
    named = {name.replace("__", "/").replace("_xml", ".xml"): data for name, data in parts.items()}
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, named.pop(name, None) or old.read(name))
        for name, data in named.items():
            new.writestr(name, data)
    return out.getvalue()


def refused_book(content: bytes) -> str:
    with pytest.raises(FileRefused) as caught:
        list(rows_of(workbook_table(content, ITEM)))
    return caught.value.reason


SHEET = "xl__worksheets__sheet1_xml"
MAIN = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
GOOD = book(["演示报送表"], HEAD, row(1))


def test_a_workbook_is_read_with_its_days_and_numbers_as_texts() -> None:
    from datetime import date, datetime

    line = ["演示", "91110000600037341L", 20260001, date(2026, 3, 5), "局", 1.5, True]
    other = ["演示", "x", 7.0, datetime(2026, 3, 5), "局", "=1+1", None]
    found = workbook_table(book(["演示报送表"], HEAD, line, other), ITEM)
    assert [read[1:] for read in rows_of(found)] == [
        ["演示", "91110000600037341L", "20260001", "2026-03-05", "局", "1.5", "TRUE"],
        ["演示", "x", "7", "2026-03-05", "局", "=1+1", None],
    ]
    assert [read[0] for read in rows_of(found)] == [3, 4]


def bomb() -> bytes:
    return rezipped(GOOD, **{SHEET: MAIN + b"<sheetData>" + b" " * (12 << 20)})


def lying() -> bytes:
    """A part that is larger than it says."""
    content = bytearray(rezipped(GOOD, **{SHEET: MAIN + b"<sheetData>" + b"<row/>" * 200_000}))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size.to_bytes(4, "little")
    return bytes(content.replace(size, (100).to_bytes(4, "little")))


HOSTILE = {
    "a zip bomb": (bomb, "workbook-too-large"),
    "sizes that lie": (lying, "not-a-workbook"),
    "a row of a million cells": (
        lambda: rezipped(GOOD, **{SHEET: MAIN + b"<sheetData><row>" + b"<c/>" * 1_000_000 + b"</row></sheetData>"}),
        "unknown-column",
    ),
    "too many parts": (lambda: rezipped(GOOD, **{f"x{n}_xml": b"x" for n in range(600)}), "workbook-unsafe"),
    "entities that unfold": (
        lambda: rezipped(GOOD, **{SHEET: b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + MAIN + b"&a;"}), "workbook-unsafe",
    ),
    "no XML": (lambda: rezipped(GOOD, **{SHEET: b"not xml"}), "not-a-workbook"),
    "cut off": (lambda: GOOD[:-200], "not-a-workbook"),
    "a zip of something else": (lambda: rezipped(GOOD)[:0] + _zip({"a.txt": b"x"}), "not-a-workbook"),
    "a zip in a zip": (lambda: _zip({"inner.xlsx": GOOD}), "not-a-workbook"),
    "no rows": (lambda: book(), "no-head"),
}  # fmt: skip


def _zip(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in parts.items():
            made.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize("kind", sorted(HOSTILE))
def test_a_hostile_workbook_is_refused(kind: str) -> None:
    make, reason = HOSTILE[kind]
    assert refused_book(make()) == reason


def test_a_sheet_that_lies_about_its_size_and_has_a_million_empty_columns_and_rows_is_read_as_it_is() -> None:
    def far(made: Any) -> None:
        made.active.cell(row=1, column=16_384).value = None
        made.active.cell(row=2_000, column=400).value = ""

    content = book(HEAD, row(1), change=far)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml")
    lied = re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:XFD1048576"', sheet)
    found = workbook_table(rezipped(content, **{SHEET: lied}), ITEM)
    read = [line for line in rows_of(found) if any(line[1:])]
    assert len(read) == 1 and read[0][0] == 2


def test_a_workbook_of_too_many_rows_says_to_use_a_csv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "MOST_ROWS", 20)
    with pytest.raises(FileRefused) as caught:
        list(rows_of(workbook_table(book(HEAD, *(row(n) for n in range(40))), ITEM)))
    assert caught.value.reason == "too-many-rows" and "CSV" in caught.value.problems[0]


def test_what_is_no_workbook_is_told_by_its_first_bytes() -> None:
    for start in (b"\xd0\xcf\x11\xe0", b"%PDF", b"a,b"):
        with pytest.raises(FileRefused):
            scanning.require_format(scanning.XLSX, start)


def test_our_own_workbooks_are_read_by_others_and_by_ourselves() -> None:
    made = returned.workbook([("一", ["列 <1>", "列&2"], [["=1+1", None], ["演\x0b示", "b"]]), ("二", ["x"], [])])
    read = openpyxl.load_workbook(io.BytesIO(made))
    assert read.sheetnames == ["一", "二"]
    cells = list(read["一"].iter_rows())
    assert [[cell.value for cell in line] for line in cells] == [["列 <1>", "列&2"], ["=1+1", None], ["演示", "b"]]
    assert cells[1][0].data_type != "f"
    for code in ("LE-PEN-01", "NP-HON-01"):
        found = returned.template_workbook(ITEMS[code])
        head = next(openpyxl.load_workbook(io.BytesIO(found)).worksheets[0].iter_rows(values_only=True))
        assert head == tuple(next(csv.reader([returned.template_csv(ITEMS[code]).decode("utf-8-sig")])))
        with pytest.raises(StopIteration):
            next(rows_of(workbook_table(found, ITEMS[code])))
