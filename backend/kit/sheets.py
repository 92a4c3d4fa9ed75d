"""Tables for spreadsheets: CSV that no spreadsheet takes for anything but text. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA = tuple("=+-@\t\r\n|%＝＋－＠")
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection), also in full width."""


def safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula: an apostrophe stands before what could begin one."""
    return f"'{text}" if text.lstrip(" \u3000\ufeff").startswith(_FORMULA) else text


def cell(value: object) -> str:
    """A value as text that no spreadsheet runs. Numbers are ours and stay as they are; None is empty."""
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    return safe(str(value).replace("\x00", ""))


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A CSV file (RFC 4180) in UTF-8 with its mark, so that spreadsheets read the Chinese."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([cell(name) for name in header])
    writer.writerows([cell(value) for value in row] for row in rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8")
