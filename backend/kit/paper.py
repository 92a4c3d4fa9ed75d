"""What the house prints (PDF): the Chinese font, and pages of lines and tables with a running head and numbers.

The same input gives the same bytes: no clock and no random id of reportlab's goes in (``invariant``).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from backend.kit import deadline

FONT = "STSong-Light"  # one of the fonts that every PDF reader must supply for Chinese; none is embedded
INK, QUIET_INK = HexColor("#1a1a1a"), HexColor("#555555")
_EDGE, _GAP = 15 * mm, 2 * mm
_SIZE, _LEADING = 9.0, 12.5
_TOTAL = "pages"


def canvas(out: io.BytesIO, title: str, subject: str) -> Canvas:
    """A canvas of A4 pages in Chinese, with the font at hand."""
    ready_font()
    made = Canvas(out, pagesize=A4, invariant=1, pageCompression=1, lang="zh-CN")
    made.setTitle(title)
    made.setSubject(subject)
    return made


def ready_font() -> str:
    """The font's name, after reportlab knows it."""
    if FONT not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    return FONT


@lru_cache(maxsize=20_000)
def _em(character: str) -> float:
    return float(pdfmetrics.stringWidth(character, ready_font(), 1))


def width(text: str, size: float) -> float:
    """How wide a text is, in points."""
    return float(size * sum(map(_em, text)))


def wrapped(text: str, most: float, size: float) -> list[str]:
    """The text in lines of at most ``most`` points, broken between any two characters; at least one line."""
    lines, start, room = [], 0, most / size
    for at, character in enumerate(text):
        room -= _em(character)
        if room < 0 and at > start:
            lines.append(text[start:at])
            start, room = at, most / size - _em(character)
    return [*lines, text[start:]]


class Column(NamedTuple):
    """``share``: of the width between the margins, in parts of all columns' shares. ``right``: figures."""

    title: str
    share: int
    right: bool = False


class Paper:
    """A4 pages filled from above. Each has ``head`` on top and, below, ``foot`` and *page n of N*."""

    def __init__(self, title: str, head: str, foot: str) -> None:
        self._out = io.BytesIO()
        self._canvas = canvas(self._out, title, head)
        self._head, self._foot = head, foot
        self._columns: Sequence[Column] = ()
        self._page = 0
        self._begin()

    @property
    def _wide(self) -> float:
        return float(A4[0] - 2 * _EDGE)

    def _begin(self) -> None:
        self._page += 1
        self._canvas.setFillColor(QUIET_INK)
        self._text(_EDGE, A4[1] - _EDGE, self._head, 8)
        self._text(_EDGE, _EDGE - 4 * mm, self._foot, 8)
        told = f"第 {self._page} 页，共 "
        left = float(A4[0]) - _EDGE - width(told + "00000 页", 8)
        self._text(left, _EDGE - 4 * mm, told, 8)
        self._canvas.saveState()
        self._canvas.translate(left + width(told, 8), _EDGE - 4 * mm)
        self._canvas.doForm(_TOTAL)  # drawn at the end, when their number is known
        self._canvas.restoreState()
        self._canvas.setFillColor(INK)
        self._y, self._thick = float(A4[1]) - _EDGE - 10 * mm, 0.0

    def _text(self, x: float, y: float, text: str, size: float) -> None:
        self._canvas.setFont(FONT, size)
        self._canvas.drawString(x, y, text)

    def _room(self, height: float) -> bool:
        """Whether a new page had to begin."""
        if self._y - height >= _EDGE + 2 * mm:
            return False
        self._canvas.showPage()
        self._begin()
        return True

    def heading(self, text: str, size: float = 13) -> None:
        """A heading, kept with what comes next."""
        self._columns = ()
        self._room(size * 1.6 + 4 * _LEADING)
        self._y -= size * 1.6
        self._text(_EDGE, self._y, text, size)
        self._y -= 3 * mm

    def line(self, text: str, size: float = _SIZE) -> None:
        """A paragraph."""
        for part in wrapped(text, self._wide, size):
            self._room(size * 1.4)
            self._y -= size * 1.4
            self._text(_EDGE, self._y, part, size)

    def table(self, columns: Sequence[Column]) -> None:
        """Begin a table; its head stands again on every page it goes on to."""
        self._columns = columns
        self._room(3 * _LEADING)
        self._titles()

    def _titles(self) -> None:
        self._y -= 1 * mm
        self._canvas.setFillColor(QUIET_INK)
        self._cells([[column.title] for column in self._columns])
        self._canvas.setFillColor(INK)
        self._rule(0.8)

    def row(self, cells: Sequence[str]) -> None:
        """A row. A cell that is too long goes on in the next line; a row stays together on one page."""
        deadline.check()
        lines = [wrapped(cell, wide - _GAP, _SIZE) for cell, wide in zip(cells, self._widths(), strict=True)]
        if self._room(_LEADING * max(map(len, lines)) + 1.5 * mm):
            self._titles()
        self._cells(lines)
        self._rule(0.2)

    def _widths(self) -> list[float]:
        shares = sum(column.share for column in self._columns)
        return [self._wide * column.share / shares for column in self._columns]

    def _cells(self, cells: Sequence[Sequence[str]]) -> None:
        left, lowest = _EDGE, self._y
        text = self._canvas.beginText()  # one for the whole row: reportlab takes its time over each
        text.setFont(FONT, _SIZE)
        for column, wide, lines in zip(self._columns, self._widths(), cells, strict=True):
            y = self._y
            for part in lines:
                y -= _LEADING
                text.setTextOrigin(left + wide - _GAP - width(part, _SIZE) if column.right else left, y)
                text.textOut(part)
            left, lowest = left + wide, min(lowest, y)
        self._canvas.drawText(text)
        self._y = lowest

    def _rule(self, thick: float) -> None:
        self._y -= 1.2 * mm
        if thick != self._thick:
            self._canvas.setLineWidth(thick)
            self._thick = thick
        self._canvas.line(_EDGE, self._y, float(A4[0]) - _EDGE, self._y)

    def finish(self) -> bytes:
        """Number the pages and give the file."""
        self._canvas.showPage()
        self._canvas.beginForm(_TOTAL)
        self._canvas.setFillColor(QUIET_INK)
        self._text(0, 0, f"{self._page} 页", 8)
        self._canvas.endForm()
        self._canvas.save()
        return self._out.getvalue()
