"""Tables of text out of files, piece by piece: CSV by its bytes, so that memory stays bounded however long it is.

A piece ends where a record ends. In UTF-8 and in GB18030 the bytes of a comma, a quote and a line's end are never part
of another character, so that a file is cut before it is decoded, and a position in it is a number of bytes.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import polars as pl
from polars.exceptions import PolarsError

from backend.catalogue.rules import Item
from backend.intake.errors import FileRefused
from backend.intake.layouts import Layout, find_head
from backend.intake.scanning import LONGEST_RECORD_BYTES, MOST_HEAD_ROWS, records_in

ROW, MORE = "#row", "#more"
"""Columns of a frame beside the file's own (``#0``, ``#1`` …): the row's number in the file, and what stands past the
head's last column."""
BOM = b"\xef\xbb\xbf"
_STRAY_QUOTE = re.compile(rb'[^,\r\n"]"[^,\r\n"]')


class Position(NamedTuple):
    """Where a piece begins: bytes (of a CSV) or rows (of anything else) passed, and rows of the file passed."""

    offset: int
    row: int


@dataclass(frozen=True)
class Piece:
    """Some rows as they were sent, every cell a text or null; ``after``: where the next piece begins."""

    frame: pl.DataFrame
    after: Position


class Table(Protocol):
    """A file that is read piece by piece."""

    @property
    def layout(self) -> Layout: ...

    def pieces(self, start: Position | None, most_bytes: int) -> Iterator[Piece]: ...


def columns(layout: Layout) -> list[str]:
    """The frame's columns that are the file's own."""
    return [f"#{place}" for place in range(len(layout.heads))]


class CsvTable:
    """A CSV of ``size`` bytes. ``read(offset, size)`` gives some of them."""

    def __init__(self, read: Callable[[int, int], bytes], size: int, encoding: str, item: Item) -> None:
        self._read, self._size, self._encoding = read, size, encoding
        start = read(0, LONGEST_RECORD_BYTES)
        skipped = len(BOM) if start.startswith(BOM) else 0
        rows, ends = _first_rows(start[skipped:], encoding)
        self.layout = find_head(rows, item)
        self._body = Position(skipped + ends[self.layout.row - 1], self.layout.row)

    def pieces(self, start: Position | None, most_bytes: int) -> Iterator[Piece]:
        at = start or self._body
        while at.offset < self._size:
            raw = self._read(at.offset, most_bytes)
            if at.offset + len(raw) < self._size:
                raw = raw[: last_end(raw)]
            if not raw:
                raise FileRefused("quotes", f"第 {at.row + 1} 行起有双引号没有配对，或一行太长")
            frame = self._frame(raw, at.row)
            at = Position(at.offset + len(raw), at.row + frame.height)
            yield Piece(frame, at)

    def _frame(self, raw: bytes, passed: int) -> pl.DataFrame:
        text = raw if self._encoding == "utf-8" else raw.decode(self._encoding).encode()
        names = [*columns(self.layout), MORE]
        try:
            frame = pl.read_csv(
                io.BytesIO(",".join(names).encode() + b"\n" + text), infer_schema=False, truncate_ragged_lines=True
            )
        except PolarsError:
            raise FileRefused("quotes", _where_quotes_break(text, passed)) from None
        return frame.with_row_index(ROW, offset=passed + 1)


def last_end(raw: bytes) -> int:
    """How many of these bytes are whole records: a line's end within quotes is no record's."""
    quotes, end = raw.count(b'"'), len(raw)
    while (at := raw.rfind(b"\n", 0, end)) >= 0:
        quotes -= raw.count(b'"', at, end)
        if quotes % 2 == 0:
            return at + 1
        end = at
    return 0


def _first_rows(start: bytes, encoding: str) -> tuple[list[list[str]], list[int]]:
    """The cells of a file's first records, and where in its bytes each of them ends."""
    rows: list[list[str]] = []
    ends: list[int] = []
    at = 0
    while at < len(start) and len(rows) < MOST_HEAD_ROWS:
        end = at
        while True:
            found = start.find(b"\n", end)
            end = len(start) if found < 0 else found + 1
            if found < 0 or start.count(b'"', at, end) % 2 == 0:
                break
        text = start[at:end].decode(encoding, "replace")
        rows.append(next(csv.reader(io.StringIO(text, newline="")), []))
        ends.append(end)
        at = end
    return rows, ends


def _where_quotes_break(text: bytes, passed: int) -> str:
    """Which row has quotes that are no CSV: one in the midst of a cell, or whatever a strict reader stumbles over."""
    if stray := _STRAY_QUOTE.search(text):
        return _quotes_at(passed + records_in(text[: stray.start()])[0] + 1)
    reader = csv.reader(io.StringIO(text.decode("utf-8", "replace"), newline=""), strict=True)
    read = passed
    try:
        for _ in reader:
            read += 1
    except csv.Error:
        pass
    return _quotes_at(read + 1)


def _quotes_at(row: int) -> str:
    return f"第 {row} 行附近的双引号不合 CSV 的写法：含逗号、引号、换行的单元格整个放在引号里，其中的引号写两遍"


class RowsTable:
    """Rows that are at hand as texts, or come one by one: of a workbook or of a JSON body."""

    def __init__(self, layout: Layout, rows: Callable[[], Iterator[Sequence[str | None]]], each: int = 5_000) -> None:
        self.layout, self._rows, self._each = layout, rows, each

    def pieces(self, start: Position | None, most_bytes: int) -> Iterator[Piece]:
        del most_bytes  # a piece has so many rows here
        passed = start.offset if start else 0
        waiting: list[Sequence[str | None]] = []
        for number, row in enumerate(self._rows()):
            if number < passed:
                continue
            waiting.append(row)
            if len(waiting) == self._each:
                yield self._piece(waiting, passed)
                passed, waiting = passed + len(waiting), []
        if waiting:
            yield self._piece(waiting, passed)

    def _piece(self, rows: list[Sequence[str | None]], passed: int) -> Piece:
        width = len(self.layout.heads)
        cells: dict[str, Any] = {
            name: [row[place] if place < len(row) else None for row in rows]
            for place, name in enumerate(columns(self.layout))
        }
        cells[MORE] = ["".join(cell or "" for cell in row[width:]) or None for row in rows]
        frame = pl.DataFrame(cells, schema=dict.fromkeys(cells, pl.String))
        after = Position(passed + len(rows), self.layout.row + passed + len(rows))
        return Piece(frame.with_row_index(ROW, offset=self.layout.row + passed + 1), after)


def json_table(rows: Sequence[Mapping[str, Any]], item: Item) -> RowsTable:
    """The table of a JSON body's rows, each ``{column: value}``; the first of them is row 1."""
    heads = list(dict.fromkeys(head for row in rows for head in row))
    if not heads:
        raise FileRefused("empty", "rows 里没有内容")
    found = find_head([heads], item)
    layout = Layout(found.heads, found.names, 0)
    return RowsTable(layout, lambda: ([text_of(row.get(head)) for head in heads] for row in rows))


def text_of(value: object) -> str | None:
    """A JSON value as the text that would stand in a cell."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)
