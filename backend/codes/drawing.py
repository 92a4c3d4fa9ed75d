"""Codes as pictures: QR for screens and paper, and the poster that hangs in a shop."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from typing import Any

import qrcode
import zxingcpp
from PIL import Image
from qrcode.constants import ERROR_CORRECT_H, ERROR_CORRECT_L, ERROR_CORRECT_M, ERROR_CORRECT_Q
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from backend.codes import rules
from backend.kit import paper
from backend.kit.paper import FONT, INK, QUIET_INK

Matrix = Sequence[Sequence[bool]]
QUIET = 4  # modules around the symbol, as ISO/IEC 18004 asks
LEVELS = {"L": ERROR_CORRECT_L, "M": ERROR_CORRECT_M, "Q": ERROR_CORRECT_Q, "H": ERROR_CORRECT_H}


def qr_matrix(text: str, level: str = "M") -> Matrix:
    """The modules of a QR as small as ``text`` allows, drawn carefully (the best mask is searched for)."""
    symbol = qrcode.QRCode(error_correction=LEVELS[level], border=0)
    symbol.add_data(text)
    symbol.make(fit=True)
    return [[bool(module) for module in row] for row in symbol.get_matrix()]


def qr_matrix_fast(text: str) -> Matrix:
    """The modules at level M, ten times faster: for a phone that waits."""
    symbol = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    pixels: Any = memoryview(symbol.to_image(scale=1, add_quiet_zones=False))  # type: ignore[arg-type]
    return [[module == 0 for module in row] for row in pixels.tolist()]


def qr_version(matrix: Matrix) -> int:
    """1 to 40."""
    return (len(matrix) - 17) // 4


def qr_svg(text: str, title: str = "二维码", level: str = "M") -> str:
    """A QR as SVG, for what is printed. ``title`` is what a screen reader says."""
    return _svg(qr_matrix(text, level), title)


def qr_svg_fast(text: str, title: str = "二维码") -> str:
    """A QR as SVG at level M, for what is shown on a screen."""
    return _svg(qr_matrix_fast(text), title)


def _svg(matrix: Matrix, title: str) -> str:
    """One path, no reference to anything outside, no style that a strict policy would refuse; fit to be inlined."""
    side, name = len(matrix) + 2 * QUIET, escape(title)
    path = "".join(f"M{x} {y}h{run}v1h-{run}z" for x, y, run in _runs(matrix))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" role="img" aria-label="{name}"'
        f' shape-rendering="crispEdges"><title>{name}</title>'
        f'<rect width="{side}" height="{side}" fill="#fff"/><path fill="#000" d="{path}"/></svg>'
    )


def _runs(matrix: Matrix) -> list[tuple[int, int, int]]:
    """``(x, y, length)`` of each stretch of dark modules, quiet zone included in x and y."""
    runs = []
    for y, row in enumerate(matrix):
        x = 0
        while x < len(row):
            start = x
            while x < len(row) and row[x]:
                x += 1
            if x > start:
                runs.append((start + QUIET, y + QUIET, x - start))
            x += 1
    return runs


def qr_png(text: str, side_pixels: int = 800, level: str = "M") -> bytes:
    """A QR as black and white PNG, at least one pixel a module, at most ``side_pixels`` wide otherwise."""
    matrix = qr_matrix(text, level)
    modules = len(matrix) + 2 * QUIET
    image = Image.new("1", (modules, modules), 1)
    for y, row in enumerate(matrix):
        for x, dark in enumerate(row):
            if dark:
                image.putpixel((x + QUIET, y + QUIET), 0)
    side = modules * max(1, side_pixels // modules)
    out = io.BytesIO()
    image.resize((side, side), Image.Resampling.NEAREST).save(out, "PNG", optimize=True)
    return out.getvalue()


def poster_pdf(url: str, name: str, note: str = "", *, title: str = "信用码", hint: str = "扫码查看商户信用") -> bytes:
    """A poster (A4) to print: title, the merchant's name, the QR at level Q, the code in letters, a hint, a note.

    ``url`` ends with the printed code. The same input gives the same bytes.
    """
    out, (width, height) = io.BytesIO(), A4
    canvas = paper.canvas(out, f"{title} {name}", url)
    canvas.setFillColor(INK)
    _centred(canvas, title, height - 45 * mm, 48)
    lowest = _paragraph(canvas, name, height - 66 * mm, 24)
    side = 120 * mm
    _draw_qr(canvas, qr_matrix(url, "Q"), (width - side) / 2, min(lowest - side, height - 78 * mm - side), side)
    foot = min(lowest - side, height - 78 * mm - side)
    _centred(canvas, hint, foot - 14 * mm, 24)
    canvas.setFillColor(QUIET_INK)
    _centred(canvas, "编号 " + rules.grouped_printed_code(url.rpartition("/")[2]), foot - 26 * mm, 16)
    _centred(canvas, url, foot - 34 * mm, 11)
    _centred(canvas, note, 15 * mm, 12)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def _centred(canvas: Canvas, text: str, y: float, size: float) -> None:
    most = A4[0] - 40 * mm
    size = min(size, size * most / max(most, paper.width(text, size)))
    canvas.setFont(FONT, size)
    canvas.drawCentredString(A4[0] / 2, y, text)


def _paragraph(canvas: Canvas, text: str, y: float, size: float) -> float:
    """Up to three lines of equal length, smaller where that is too wide; returns the height below the last."""
    width = paper.width(text, size)
    lines = min(3, 1 + int(width // (A4[0] - 40 * mm)))
    length = max(1, -(-len(text) // lines))
    for start in range(0, len(text), length):
        _centred(canvas, text[start : start + length], y, size)
        y -= size * 1.35
    return y


def _draw_qr(canvas: Canvas, matrix: Matrix, left: float, bottom: float, side: float) -> None:
    module = side / (len(matrix) + 2 * QUIET)
    path = canvas.beginPath()
    for x, y, run in _runs(matrix):
        path.rect(left + x * module, bottom + side - (y + 1) * module, run * module, module)
    canvas.drawPath(path, stroke=0, fill=1)
