"""Whether the catalogue admits a record, how long it counts, how long it is shown, and how it may change.

Pure functions of facts and a day. Sources: 《征信业管理条例》 art. 16 (an adverse record ends five years after the
conduct did); GB 32100-2015 (unified social credit codes); GB 11643 (id numbers).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from backend.accounts.rules import normal_id_number
from backend.catalogue.prohibited import prohibited
from backend.catalogue.rules import CREDIT_CODE, FROM_DOCUMENT, ID_NUMBER, NUMBERS, Field, Item

EARLIEST_DECISION = date(1949, 10, 1)
EARLIEST_DAY = date(1900, 1, 1)
LATEST_DAY = date(2099, 12, 31)
"""The day by which 双公示 writes 长期: no document names a later one."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""What no document says: everything of the first 32 but tab and line ends, and DEL."""
DECIMAL_PLACES = 6
"""双公示 gives amounts in units of ten thousand yuan with up to six places, so that no fen is lost."""

TRANSITIONS: Mapping[str, frozenset[str]] = {
    "active": frozenset({"disputed", "repaired", "withdrawn", "expired"}),
    "disputed": frozenset({"active", "repaired", "withdrawn", "expired"}),
    "repaired": frozenset(),
    "withdrawn": frozenset(),
    "expired": frozenset(),
}
"""Every legal step of a record. A disputed record returns to ``active`` when the objection was not upheld."""

STATUS_TEXT = {
    "active": "有效",
    "disputed": "异议处理中",
    "repaired": "已修复",
    "withdrawn": "已撤销",
    "expired": "已到期",
}


@dataclass(frozen=True, kw_only=True)
class NewRecord:
    """What a department reports: one document about one subject. ``fields``: the item's further columns, by name.

    ``declaration_id``: of what the subject declared and ``source_organisation_id`` has confirmed.
    """

    item_code: str
    source_name: str
    document_no: str
    title: str
    decided_on: date
    ended_on: date | None = None
    source_organisation_id: Any = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    declaration_id: Any = None


# --- one record ------------------------------------------------------------------------------------------------------


def record_problems(new: NewRecord, items: Mapping[str, Item], subject: str, today: date) -> list[str]:
    """Why the catalogue does not admit this record, in Chinese; empty when it does."""
    item = items.get(new.item_code)
    if item is None:
        return [f"目录中没有条目 {new.item_code}"]
    problems = []
    if item.subject != subject:
        problems.append(f"条目 {item.code} 不适用于这类主体")
    for name, most in (("document_no", 120), ("source_name", 120), ("title", 200)):
        text = getattr(new, name)
        if not isinstance(text, str) or not text.strip() or len(text) > most:
            problems.append(f"{name} 不能为空，最长 {most} 个字符")
    if not EARLIEST_DECISION <= new.decided_on <= today:
        problems.append("decided_on 不能晚于今天，也不能早于 1949-10-01")
    if new.ended_on is not None and new.ended_on > today:
        problems.append("ended_on 不能晚于今天")
    return problems + list(_content_problems(new, item, today))


def _content_problems(new: NewRecord, item: Item, today: date) -> Iterator[str]:
    known = {f.name: f for f in item.fields}
    for name, value in new.fields.items():
        if name not in known:
            yield prohibited(name) or f"条目 {item.code} 没有列 {name}"
        elif value is not None and (problem := value_problem(known[name], value, today)):
            yield f"列 {name}（{known[name].title}）{problem}"
    told = {"decided_on": new.decided_on.isoformat(), **new.fields}
    for name, f in known.items():
        if f.required and name not in FROM_DOCUMENT and new.fields.get(name) in (None, ""):
            yield f"缺少必填列 {name}（{f.title}）"
        if f.not_before and _is_before(told.get(name), told.get(f.not_before)):
            yield f"列 {name}（{f.title}）不能早于 {known[f.not_before].title}"


def _is_before(value: object, other: object) -> bool:
    days = [_day(text) for text in (value, other)]
    return days[0] is not None and days[1] is not None and days[0] < days[1]


def _day(text: object) -> date | None:
    try:
        return date.fromisoformat(text) if isinstance(text, str) and len(text) == 10 else None
    except ValueError:
        return None


def value_problem(f: Field, value: object, today: date) -> str | None:
    """Why a column does not take a value, in Chinese; None when it does. An empty text is no value."""
    if f.type == "integer":
        return _number_problem(f, Decimal(value)) if type(value) is int else "应为整数"
    if isinstance(value, str) and _CONTROL.search(value):
        return "含有看不见的控制字符"
    if not isinstance(value, str) or len(value) > f.longest:
        return f"应为文本，最长 {f.longest} 个字符"
    if not value:
        return None
    if f.type == "text":
        return _text_problem(f, value)
    if f.type == "date":
        return _date_problem(f, value, today)
    if f.type == "decimal":
        if not re.fullmatch(rf"-?[0-9]{{1,12}}(\.[0-9]{{1,{DECIMAL_PLACES}}})?", value, re.ASCII):
            return "应为六位小数以内的数，例如 1.25"
        return _number_problem(f, Decimal(value))
    if f.type == CREDIT_CODE:
        return None if normal_entity_code(value) else "不是有效的统一社会信用代码（GB 32100）"
    assert f.type == ID_NUMBER, f.type
    return None if normal_id_number(value, today) else "不是有效的身份证号（GB 11643）"


def _text_problem(f: Field, value: str) -> str | None:
    if f.values and value not in f.values:
        return f"应为 {'、'.join(f.values)} 之一"
    if f.pattern and not re.fullmatch(f.pattern, value):
        return f"的格式应为 {f.pattern}"
    return None


def _date_problem(f: Field, value: str, today: date) -> str | None:
    day = _day(value)
    if day is None:
        return "应为日期，例如 2026-03-05"
    if not EARLIEST_DAY <= day <= LATEST_DAY:
        return f"应在 {EARLIEST_DAY} 至 {LATEST_DAY} 之间"
    return "不能晚于今天" if day > today and not f.may_be_future else None


def _number_problem(f: Field, value: Decimal) -> str | None:
    assert f.type in NUMBERS, f.type
    if f.minimum is not None and value < f.minimum:
        return f"不能小于 {f.minimum}"
    if f.maximum is not None and value > f.maximum:
        return f"不能大于 {f.maximum}"
    return None


def counts_until(item: Item, decided_on: date, ended_on: date | None) -> date:
    """The last day on which a record is kept and counts: ``retention_days`` after the conduct's end (art. 16), or
    after the decision when the end is not known."""
    return (ended_on or decided_on) + timedelta(days=item.retention_days)


def publicity_until(
    item: Item, decided_on: date, fields: Mapping[str, Any], severities: Iterable[Mapping[str, Any]], kept_until: date
) -> date | None:
    """The last day on which a legal entity's record is shown, or None when it is not shown at all.

    The shortest holds: the item's days, those of the severity (order 36), the day that the document names, retention.
    """
    if not item.public:
        return None
    ends = [kept_until]
    if item.publicity_days is not None:
        ends.append(decided_on + timedelta(days=item.publicity_days))
    severity = {s["id"]: s for s in severities}.get(str(fields.get(item.severity_field or "")))
    if severity is not None:
        if not severity.get("published_by_default", True):
            return None
        ends.append(decided_on + timedelta(days=severity["maximum_days"]))
    if named := fields.get("publicity_until_on"):
        ends.append(date.fromisoformat(named))
    return min(ends)


def may_be_published(column: str) -> bool:
    """Whether a reported column may stand on a public page: a natural person's certificate and phone never do."""
    return not column.endswith(("_id_number", "_id_type", "_phone"))


def may_change(before: str, after: str) -> bool:
    """Whether a record may go from one status to another."""
    return after in TRANSITIONS[before]


# --- who ------------------------------------------------------------------------------------------------------------


_BRACKETS = str.maketrans("〔〕[]【】{}", "()()()()")


def normal_entity_name(text: str) -> str:
    """A legal entity's name as it is compared: NFKC, nothing between its characters, one kind of bracket, capitals."""
    plain = unicodedata.normalize("NFKC", text).translate(_BRACKETS).upper()
    return "".join(c for c in plain if not c.isspace() and unicodedata.category(c) not in ("Cf", "Cc"))


def party_problems(entity_code: str, entity_name: str, fields: Mapping[str, Any]) -> list[str]:
    """Why the party that a record's own columns name is not the entity it is filed under; empty when it is."""
    problems = []
    code, name = fields.get("party_code_1"), fields.get("party_name")
    if isinstance(code, str) and code and normal_entity_code(code) != entity_code:
        problems.append("列 party_code_1（行政相对人代码_1）与主体的统一社会信用代码不一致")
    if isinstance(name, str) and name and normal_entity_name(name) != normal_entity_name(entity_name):
        problems.append("列 party_name（行政相对人名称）与主体名称不一致")
    return problems


_CODE_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def normal_entity_code(text: str) -> str | None:
    """A unified social credit code (GB 32100-2015) in capitals, or None when its check character is wrong.

    A remainder of 0 stands for the check character 0.
    """
    code = unicodedata.normalize("NFKC", text).strip().upper()
    if not re.fullmatch(r"[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}", code):
        return None
    total = sum(_CODE_CHARACTERS.index(c) * pow(3, i, 31) for i, c in enumerate(code[:17]))
    return code if _CODE_CHARACTERS[-total % 31] == code[17] else None


def organisation_code(entity_code: str) -> str:
    """The organisation code (GB 11714) inside a unified social credit code: its characters 9 to 17."""
    return entity_code[8:17]
