"""Rows as the files that departments send: CSV in three encodings, a workbook with a title above its head, JSON.

The same rows give the same bytes: a workbook carries no time of its making.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

SUFFIX = {"csv": "csv", "csv-bom": "csv", "csv-gb18030": "csv", "xlsx": "xlsx", "json": "json"}
MEDIA_TYPE = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
}
FORM_TITLE = {
    "csv": "CSV，UTF-8", "csv-bom": "CSV，UTF-8 带 BOM（Excel 另存）", "csv-gb18030": "CSV，GB18030",
    "xlsx": "Excel 工作簿，表头上有一行合并的标题", "json": "JSON",
}  # fmt: skip
_ENCODING = {"csv": "utf-8", "csv-bom": "utf-8-sig", "csv-gb18030": "gb18030"}
_ALWAYS = (2000, 1, 1, 0, 0, 0)
_STAMP = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")


def encoded(
    form: str,
    title: str,
    item: Mapping[str, Any],
    columns: Sequence[tuple[str, str]],
    rows: Sequence[Mapping[str, str]],
) -> bytes:
    """The file of ``form`` whose columns are ``(name, title)``."""
    if form == "json":
        return _json(item, columns, rows)
    if form == "xlsx":
        return _workbook(title, item, columns, rows)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([heading for _, heading in columns])
    writer.writerows([[row.get(name, "") for name, _ in columns] for row in rows])
    return out.getvalue().encode(_ENCODING[form])


def _json(item: Mapping[str, Any], columns: Sequence[tuple[str, str]], rows: Sequence[Mapping[str, str]]) -> bytes:
    content = {
        "item_code": item["code"],
        "rows": [{title: row[name] for name, title in columns if row.get(name)} for row in rows],
    }
    return json.dumps(content, ensure_ascii=False, indent=1).encode()


def _workbook(
    title: str, item: Mapping[str, Any], columns: Sequence[tuple[str, str]], rows: Sequence[Mapping[str, str]]
) -> bytes:
    """As clerks keep them: a merged title in the first row, the head in the second, days and amounts as such."""
    book = Workbook()
    sheet = book.active
    sheet.title = item["code"]
    sheet.append([title])
    sheet.merge_cells(start_row=1, start_column=1, end_row=1, end_column=len(columns))
    sheet["A1"].font, sheet["A1"].alignment = Font(bold=True, size=14), Alignment(horizontal="center")
    sheet.append([heading for _, heading in columns])
    types = {f["name"]: f["type"] for f in item["fields"]}
    for row in rows:
        sheet.append([_cell(types.get(name, "text"), row.get(name, "")) for name, _ in columns])
    for number in range(1, len(columns) + 1):
        sheet.column_dimensions[get_column_letter(number)].width = 22
    out = io.BytesIO()
    book.save(out)
    return _timeless(out.getvalue())


def _cell(kind: str, text: str) -> Any:
    """A day or an amount where the text is one, as Excel makes of what is typed; else the text."""
    with suppress(ValueError):
        if kind == "date" and text:
            return date.fromisoformat(text)
        if kind in ("decimal", "integer") and text:
            return float(text) if kind == "decimal" else int(text)
    return text or None


def _timeless(book: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as before, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after:
        for name in sorted(before.namelist(), key=lambda name: (name != "[Content_Types].xml", name)):
            content = _STAMP.sub(rb"\g<1>2000-01-01T00:00:00Z", before.read(name))
            entry = zipfile.ZipInfo(name, _ALWAYS)
            entry.compress_type = zipfile.ZIP_DEFLATED
            after.writestr(entry, content)
    return out.getvalue()
