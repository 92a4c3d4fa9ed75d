"""A department's clerk with the returned file in front of her, and the documents in her drawer."""

from __future__ import annotations

import csv
import io

from backend.demo.department_files import DepartmentFile

NUMBER, COLUMNS, REASON = "行号", "问题列", "原因"
HEAD_ROWS = {"xlsx": 2, "json": 0}
"""Rows that a file has down to its head: one, but for a title above it; rows of JSON have none."""


def returned_rows(content: bytes) -> list[dict[str, str]]:
    """The rows of a returned CSV by their heads."""
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def repaired(content: bytes, sent: DepartmentFile) -> bytes:
    """The returned file, mended by its reasons alone: the columns that it names are copied from the documents again.

    Where the reason is that two rows differ, the whole row is.
    """
    names = {title: name for name, title in sent.columns}
    rows = returned_rows(content)
    for row in rows:
        document = sent.documents[int(row[NUMBER]) - HEAD_ROWS.get(sent.form, 1) - 1]
        wrong = list(names) if "内容不同" in row[REASON] else row[COLUMNS].split("；")
        row.update({title: document[names[title]] for title in wrong})
    return _written(rows)


def _written(rows: list[dict[str, str]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()
