"""What goes wrong in department files, one planted fault a row, each with the verdict that it must meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from backend.demo.department_rows import Clerk, Row

ACCEPTED, LATE, UNCHANGED = "accepted", "late", "unchanged"
QUARANTINED, REJECTED = "quarantined", "rejected"
LONG = 2001
LATE_DAYS = 30
"""Past seven working days whatever holidays fall in between."""
FULL_WIDTH = str.maketrans("0123456789-", "０１２３４５６７８９－")


@dataclass(frozen=True)
class Kind:
    """A way to go wrong. ``verdict``: what becomes of the row. ``told``: the code that the answer gives, if any."""

    code: str
    title: str
    verdict: str
    told: str


@dataclass(frozen=True)
class Fault:
    """A kind of fault in one column; ``column`` is empty where it is the row's as a whole."""

    kind: Kind
    column: str


KINDS: Mapping[str, Kind] = {
    code: Kind(code, title, verdict, told)
    for code, title, verdict, told in (
        ("bad-credit-code", "统一社会信用代码校验位不对", REJECTED, "bad-code"),
        ("bad-id-number", "公民身份号码校验位不对", REJECTED, "bad-id-number"),
        ("no-such-day", "没有的日期（2月30日）", REJECTED, "not-a-date"),
        ("not-a-day", "日期写成“同”", REJECTED, "not-a-date"),
        ("year-9999", "决定日期写成 9999-12-31", REJECTED, "day-out-of-range"),
        ("future-decision", "决定日期晚于今天", REJECTED, "future"),
        ("missing-required", "必填列是空的", REJECTED, "required"),
        ("outside-enumeration", "值不在所列范围内", REJECTED, "not-a-value"),
        ("negative-amount", "金额是负数", REJECTED, "too-small"),
        ("ends-before-it-begins", "有效期先止后起", REJECTED, "not-before"),
        ("overlong-text", "文字超过 2000 个字符", REJECTED, "too-long"),
        ("control-character", "文字里有控制字符", REJECTED, "control-character"),
        ("formula", "单元格是公式", REJECTED, "formula"),
        ("name-mismatch", "名称与代码（姓名与号码）不是同一主体", QUARANTINED, ""),
        ("duplicate-row", "同一文件里重复的行", UNCHANGED, ""),
        ("same-document", "同一文书号，内容不同", REJECTED, "twice-in-file"),
        ("late-report", "超过七个工作日才报", LATE, ""),
        ("full-width", "全角数字", ACCEPTED, ""),
        ("lower-case-x", "小写字母", ACCEPTED, ""),
        ("old-number", "只有旧注册号", ACCEPTED, ""),
        ("unknown-column", "多出一列", REJECTED, "unknown-column"),
        ("missing-column", "缺少一列", REJECTED, "missing-column"),
        ("anothers-item", "不是本部门的条目", REJECTED, ""),
    )
}
WHOLE_FILE = ("unknown-column", "missing-column", "anothers-item")
"""Faults of a file, not of a row: nothing of it is judged."""


class Planted(NamedTuple):
    """A row as it was typed, what its document says, and what is wrong with it."""

    row: Row
    document: Row
    fault: Fault | None


def planted(item: Mapping[str, Any], clerk: Clerk, known: Sequence[Row]) -> Iterator[Planted]:
    """Rows of ``item``, a correct one before each that carries a fault, so that every fault has a neighbour.

    ``known``: rows that were reported before, whose subjects the archives know.
    """
    for code, plant in PLANTERS.items():
        before, row = clerk.row(item), clerk.again(item, clerk.rng.choice(known))
        right = dict(row)
        column = plant(Bed(row, right, before, clerk, item, known))
        if column is not None:
            yield Planted(before, before, None)
            yield Planted(
                row, before if row["document_no"] == before["document_no"] else right, Fault(KINDS[code], column)
            )


@dataclass(frozen=True)
class Bed:
    """Where a fault is planted: ``row``, which is correct and about a known subject, and the row ``before`` it.
    ``right``: what its document says."""

    row: Row
    right: Row
    before: Row
    clerk: Clerk
    item: Mapping[str, Any]
    known: Sequence[Row]

    @property
    def code_column(self) -> str:
        names = ("party_code_1", "unified_social_credit_code", "id_number")
        return next(name for name in names if name in self.row)

    @property
    def name_column(self) -> str:
        return "party_name" if "party_name" in self.row else "name"

    @property
    def text_column(self) -> str:
        """The last column of free text that must be filled in."""
        fixed = (self.name_column, self.code_column, "document_no", "authority", *ENUMERATED)
        wanted = [f["name"] for f in self.item["fields"] if f["required"] and f["type"] == "text"]
        free = [name for name in wanted if name not in fixed and not name.startswith(("data_source", "authority"))]
        return str(free[-1])

    def put(self, column: str, text: str) -> str | None:
        """Write ``text`` there and name the column; None where the item has no such column."""
        if column not in self.row:
            return None
        self.row[column] = text
        return column


ENUMERATED = ("current_status", "party_kind", "penalty_category", "licence_category", "severity")


def _wrong_check(bed: Bed, wanted: str) -> str | None:
    column = bed.code_column
    if (column == "id_number") != (wanted == "id_number"):
        return None
    right = bed.row[column]
    return bed.put(column, right[:-1] + ("1" if right[-1] != "1" else "2"))


def _outside(bed: Bed) -> str | None:
    column = next((name for name in ENUMERATED if name in bed.row), None)
    return bed.put(column, "演示：其他写法") if column else None


def _mismatch(bed: Bed) -> str | None:
    column = bed.name_column
    other = next(row[column] for row in bed.known if row[column] != bed.row[column])
    return bed.put(column, other)


def _twice(bed: Bed) -> str:
    bed.row.clear()
    bed.row.update(bed.before)
    return ""


def _other_content(bed: Bed) -> str | None:
    _twice(bed)
    return bed.put(bed.text_column, "演示：与上一行不同的内容")


def _late(bed: Bed) -> str | None:
    bed.right["decided_on"] = (bed.clerk.today - timedelta(days=LATE_DAYS)).isoformat()
    return bed.put("decided_on", bed.right["decided_on"])


def _wide(bed: Bed) -> str | None:
    bed.put("decided_on", bed.row["decided_on"].translate(FULL_WIDTH))
    return bed.put(bed.code_column, bed.row[bed.code_column].translate(FULL_WIDTH))


def _lower(bed: Bed) -> str | None:
    column = bed.code_column
    with_letter = [row for row in bed.known if row[column] != row[column].lower()]
    if not with_letter:
        return None
    bed.right.update({**bed.clerk.rng.choice(with_letter), "document_no": bed.row["document_no"]})
    bed.row.update(bed.right)
    return bed.put(column, bed.row[column].lower())


def _old_number(bed: Bed) -> str | None:
    return bed.put("party_code_1", bed.row["party_code_2"]) if bed.row.get("party_code_2") else None


PLANTERS: Mapping[str, Callable[[Bed], str | None]] = {
    "bad-credit-code": lambda bed: _wrong_check(bed, "code"),
    "bad-id-number": lambda bed: _wrong_check(bed, "id_number"),
    "no-such-day": lambda bed: bed.put("decided_on", f"{bed.clerk.today.year}-02-30"),
    "not-a-day": lambda bed: bed.put("decided_on", "同"),
    "year-9999": lambda bed: bed.put("decided_on", "9999-12-31"),
    "future-decision": lambda bed: bed.put("decided_on", (bed.clerk.today + timedelta(days=3)).isoformat()),
    "missing-required": lambda bed: bed.put(bed.text_column, ""),
    "outside-enumeration": _outside,
    "negative-amount": lambda bed: bed.put("fine_wanyuan", "-1"),
    "ends-before-it-begins": lambda bed: (
        bed.put("valid_until_on", "2020-01-01") if "valid_from_on" in bed.row else None
    ),
    "overlong-text": lambda bed: bed.put(bed.text_column, "演" * LONG),
    "control-character": lambda bed: bed.put(bed.text_column, "演示：\x07响铃"),
    "formula": lambda bed: bed.put(bed.text_column, '=HYPERLINK("http://example.invalid/","演示")'),
    "name-mismatch": _mismatch,
    "duplicate-row": _twice,
    "same-document": _other_content,
    "late-report": _late,
    "full-width": _wide,
    "lower-case-x": _lower,
    "old-number": _old_number,
}
"""How each fault of a row is planted; None where the item has no place for it."""
