"""Workbooks: looked over as an archive before any of them is opened, then read row by row.

A workbook is a zip of XML. Before anything is parsed every part is inflated once and counted, so that neither a size
that lies nor a row of a million cells costs more than this look. Formulas are read as formulas, never as the value
that some program kept beside them; links to other files are never followed.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from itertools import islice
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from backend.catalogue.rules import Item
from backend.intake.errors import FileRefused
from backend.intake.layouts import MOST_COLUMNS, find_head
from backend.intake.scanning import MOST_HEAD_ROWS
from backend.intake.tables import RowsTable

MOST_BYTES = 32 * 1024 * 1024
MOST_ROWS = 100_000
"""Of 30 columns: read in about a minute with a third of a gibibyte of memory. A CSV of the same takes seconds."""
MOST_INFLATED_BYTES = 256 * 1024 * 1024
MOST_STRINGS_BYTES = 96 * 1024 * 1024
"""Of the shared texts, which are held in memory as a whole."""
MOST_RATIO, RATIO_ABOVE_BYTES = 200, 4 * 1024 * 1024
MOST_PARTS = 500
MOST_TAGS_IN_ROW = 20 * MOST_COLUMNS
_LOOK_BYTES = 1024 * 1024
_ROW = re.compile(rb"<(?:[A-Za-z0-9]+:)?row[\s>/]")
_CSV = "请另存为“CSV UTF-8（逗号分隔）”再上传"
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)
_UNREADABLE = (
    *_BROKEN, InvalidFileException, KeyError, ValueError, TypeError, AttributeError, IndexError, SyntaxError,
    OverflowError, AssertionError, StopIteration,
)  # fmt: skip
"""What openpyxl and the XML parser beneath it raise for a workbook that is none."""


def look_over(content: bytes) -> None:
    """Raise FileRefused unless this archive may be opened: not too large when inflated, no row without an end, no
    definitions of the XML's own."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            if len(parts) > MOST_PARTS:
                raise FileRefused("workbook-unsafe", f"工作簿里有 {len(parts)} 个部分，最多 {MOST_PARTS} 个")
            if "xl/workbook.xml" not in {part.filename for part in parts}:
                raise FileRefused("not-a-workbook", f"这不是 .xlsx 工作簿；{_CSV}")
            if sum(part.file_size for part in parts) > MOST_INFLATED_BYTES:
                raise _too_large()
            left = MOST_INFLATED_BYTES
            for part in parts:
                left -= _inflated(archive, part, left)
    except _BROKEN:
        raise _unreadable() from None


def _inflated(archive: zipfile.ZipFile, part: zipfile.ZipInfo, left: int) -> int:
    """How large a part really is. Its own word for it is not believed: it is read, a piece at a time."""
    size, row_tags = 0, 0
    most = min(left, MOST_STRINGS_BYTES) if part.filename == "xl/sharedStrings.xml" else left
    with archive.open(part) as stream:
        while piece := stream.read(_LOOK_BYTES):
            size += len(piece)
            if size > most or (size > RATIO_ABOVE_BYTES and size > MOST_RATIO * max(1, part.compress_size)):
                raise _too_large()
            if part.filename.endswith(".xml"):
                row_tags = _look_at(piece, row_tags, first=size == len(piece))
    return size


def _look_at(piece: bytes, row_tags: int, *, first: bool) -> int:
    """Tags of the row that goes on past this piece."""
    if first and (b"<!DOCTYPE" in piece or b"<!ENTITY" in piece):
        raise FileRefused("workbook-unsafe", f"工作簿里有不安全的 XML 定义；{_CSV}")
    rows = _ROW.split(piece)
    for place, row in enumerate(rows):
        row_tags = row.count(b"<") + (row_tags if place == 0 else 0)
        if row_tags > MOST_TAGS_IN_ROW and len(rows) + place > 1:
            raise FileRefused("unknown-column", f"工作表的一行里单元格太多，最多 {MOST_COLUMNS} 列；{_CSV}")
    return row_tags


def workbook_table(content: bytes, item: Item) -> RowsTable:
    """The table of a workbook's first sheet. Raises FileRefused."""
    if len(content) > MOST_BYTES:
        raise _too_large()
    look_over(content)
    try:
        heads = list(islice(_rows(content), MOST_HEAD_ROWS))
    except _UNREADABLE:
        raise _unreadable() from None
    layout = find_head([[cell or "" for cell in row] for row in heads], item)

    def rows() -> Iterator[Sequence[str | None]]:
        return islice(_counted(content), layout.row, None)

    return RowsTable(layout, rows)


def _counted(content: bytes) -> Iterator[list[str | None]]:
    """The rows; FileRefused where there are too many or the file breaks off."""
    try:
        for number, row in enumerate(_rows(content)):
            if number >= MOST_ROWS + MOST_HEAD_ROWS:
                raise FileRefused(
                    "too-many-rows", f"工作簿超过 {MOST_ROWS:,} 行；{_CSV}（最多一百万行），或拆成几个文件"
                )
            yield row
    except _UNREADABLE:
        raise _unreadable() from None


def _rows(content: bytes) -> Iterator[list[str | None]]:
    """The first sheet's rows as texts. What it says of its own dimensions is not believed."""
    book = load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
    try:
        sheet = book.worksheets[0]
        sheet.reset_dimensions()
        last = MOST_ROWS + MOST_HEAD_ROWS + 1
        for row in sheet.iter_rows(max_row=last, max_col=MOST_COLUMNS, values_only=True):
            yield [_text(value) for value in row]
    finally:
        book.close()


def _text(value: Any) -> str | None:
    """A cell's value as its text: a day as 2026-03-05, a whole number without a point."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        return str(value.date()) if value.time() == time(0) else value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**15:
        return str(int(value))
    return str(value)


def _too_large() -> FileRefused:
    return FileRefused("workbook-too-large", f"工作簿展开后太大；{_CSV}，或拆成几个文件")


def _unreadable() -> FileRefused:
    return FileRefused("not-a-workbook", f"工作簿打不开：已损坏、加密，或不是 .xlsx；{_CSV}")
