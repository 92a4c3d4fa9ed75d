"""Sheets of Excel workbooks: real numbers, and no cell that a spreadsheet would run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from backend.kit import sheets

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
WHOLE = "#,##0"
BOLD, LARGE = Font(bold=True), Font(bold=True, size=14)
_HEAD = PatternFill("solid", fgColor="FFE1F0EE")
_TOP, _WRAP = Alignment(vertical="top"), Alignment(wrap_text=True, vertical="top")

Value = str | int | float | None


def safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula, also not after it was saved as CSV; without control characters."""
    return sheets.safe(ILLEGAL_CHARACTERS_RE.sub("", text))


class Sheet:
    """A sheet, written line by line from its top.

    A cell is written as soon as it is given, so one cell of each look serves them all: dressing each anew takes four
    times as long.
    """

    def __init__(self, book: Workbook, title: str) -> None:
        self.sheet = book.create_sheet(title)
        self._cells: dict[Any, WriteOnlyCell] = {}

    def widths(self, *widths: int) -> None:
        """Before the first line."""
        for at, width in enumerate(widths, 1):
            self.sheet.column_dimensions[get_column_letter(at)].width = width

    def freeze(self, cell: str) -> None:
        """Before the first line."""
        self.sheet.freeze_panes = cell

    def line(self, values: Sequence[Value], formats: Sequence[str] = (), font: Font | None = None) -> None:
        """``formats``: how the numbers of each column are shown."""
        looks = [*formats, *[""] * (len(values) - len(formats))]
        self.sheet.append(self._filled(value, _Look(look, font)) for value, look in zip(values, looks, strict=True))

    def head(self, titles: Iterable[str]) -> None:
        self.sheet.append(self._filled(title, _Look("", BOLD, _HEAD, _WRAP)) for title in titles)

    def prose(self, *texts: str, font: Font | None = None) -> None:
        self.sheet.append(self._filled(text, _Look("", font, None, _WRAP)) for text in texts)

    def _filled(self, value: Value, look: _Look) -> WriteOnlyCell:
        cell = self._cells.get(look.key)
        if cell is None:
            cell = self._cells[look.key] = look.cell(self.sheet)
        if isinstance(value, str):
            cell.value = safe(value)
            cell.data_type = "s"
        else:
            cell.value = value
        return cell


class _Look(NamedTuple):
    number_format: str
    font: Font | None = None
    fill: PatternFill | None = None
    alignment: Alignment = _TOP
    """Every cell has one: openpyxl takes the next value into a cell without any style."""

    @property
    def key(self) -> tuple[Any, ...]:
        """Styles compare slowly; each of ours is one object."""
        return (self.number_format, id(self.font), id(self.fill), id(self.alignment))

    def cell(self, sheet: Any) -> WriteOnlyCell:
        cell = WriteOnlyCell(sheet)
        if self.number_format:
            cell.number_format = self.number_format
        cell.alignment = self.alignment
        for name, style in (("font", self.font), ("fill", self.fill)):
            if style is not None:
                setattr(cell, name, style)
        return cell
