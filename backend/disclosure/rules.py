"""What may stand in a cell: pure functions."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

_STARTS = tuple("=+-@\t\r\n＝＋－＠")
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection), also in full width."""

FIELDS = {
    "name": "姓名", "id_number": "身份证号", "phone": "手机号", "wallet": "积分", "records": "信用信息",
    "consents": "同意事项",
}  # fmt: skip
"""Every field that can be exported. The score is none: it never leaves (国办发〔2020〕49号)."""

SHARED_STATES = {"active": "有效", "disputed": "存在异议"}
"""Repaired, withdrawn and expired records are not shared with anybody (信用修复管理办法)."""


def cell(value: object) -> str:
    """A value as text that no spreadsheet runs. Numbers are ours and stay as they are; None is empty."""
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    text = str(value).replace("\x00", "")
    return f"'{text}" if text.lstrip(" ").startswith(_STARTS) else text


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A CSV file (RFC 4180) in UTF-8 with its mark, so that spreadsheets read the Chinese."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([cell(name) for name in header])
    writer.writerows([cell(value) for value in row] for row in rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8")
