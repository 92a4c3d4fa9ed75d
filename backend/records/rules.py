"""What may be collected, how long it counts, how long it is shown, and how a record may change.

Pure functions of facts and a day. Sources: 《征信业管理条例》 art. 14 (what is never collected) and art. 16 (an adverse
record ends five years after the conduct did); 国办发〔2020〕49号 (catalogue and legal basis).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

SUBJECTS = ("natural_person", "legal_entity")
EFFECTS = ("favourable", "adverse", "neutral")
DISCLOSURES = ("public", "authorised", "government")
FIELD_TYPES = ("text", "date", "integer", "decimal")
MOST_ADVERSE_DAYS = 1826
"""Five years with their leap days: the longest that an adverse record of a person is kept (art. 16)."""
MOST_RETENTION_DAYS = 36_525
LONGEST_TEXT = 2000
FROM_DOCUMENT = ("document_no", "document_name", "decided_on", "authority")
"""Fields of an item that every record already carries in its own columns."""

ARTICLE_14_1 = "《征信业管理条例》第十四条第一款"
ARTICLE_14_2 = "《征信业管理条例》第十四条第二款"

PROHIBITED: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (article, what, re.compile(pattern, re.IGNORECASE))
    for article, what, pattern in (
        (ARTICLE_14_1, "宗教信仰", r"宗教|信仰|religio|(^|_)faith(_|$)"),
        (ARTICLE_14_1, "基因", r"基因|遗传|(^|_)gen(e|es|etic|ome)(_|$)|(^|_)dna(_|$)"),
        (ARTICLE_14_1, "指纹", r"指纹|fingerprint"),
        (ARTICLE_14_1, "血型", r"血型|blood_?(type|group)"),
        (ARTICLE_14_1, "疾病和病史", r"疾病|病史|病历|病症|患病|disease|illness|medical_?(history|record)|diagnos"),
        (ARTICLE_14_2, "收入", r"收入|工资数额|薪酬|薪资|(^|_)(income|salary|wages?)(_|$)"),
        (ARTICLE_14_2, "存款", r"存款|bank_?balance|(^|_)deposits?(_amount|_balance)?$"),
        (ARTICLE_14_2, "有价证券", r"有价证券|持有股票|持有基金|(^|_)(securities|stock_?holdings?)(_|$)"),
        (ARTICLE_14_2, "商业保险", r"商业保险|保单|保险金额|投保|(^|_)insurance(_|$)"),
        (ARTICLE_14_2, "不动产", r"不动产|房产|房屋产权|real_?estate|^property(_(owned|value|no))?$"),
        (ARTICLE_14_2, "纳税数额", r"纳税数额|纳税额|应纳税额|缴税金额|tax_?(amount|paid|payable)"),
    )
)

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


@dataclass(frozen=True)
class Field:
    name: str
    title: str
    type: str
    required: bool


@dataclass(frozen=True)
class Item:
    """An item of the catalogue. Days count from the decision (publicity) or from the conduct's end (retention)."""

    code: str
    title: str
    subject: str
    category: str
    effect: str
    retention_days: int
    publicity_days: int | None
    severity_field: str | None
    public: bool
    may_feed_score: bool
    fields: tuple[Field, ...]


@dataclass(frozen=True, kw_only=True)
class NewRecord:
    """What a department reports: one document about one subject. ``fields``: the item's further columns, by name."""

    item_code: str
    source_name: str
    document_no: str
    title: str
    decided_on: date
    ended_on: date | None = None
    source_organisation_id: Any = None
    fields: Mapping[str, Any] = field(default_factory=dict)


def items_of(catalogue: Mapping[str, Any]) -> dict[str, Item]:
    """The items of a catalogue's content, by code."""
    return {raw["code"]: _item(raw) for raw in catalogue["items"]}


def _item(raw: Mapping[str, Any]) -> Item:
    fields = tuple(Field(f["name"], f["title"], f["type"], f["required"]) for f in raw["fields"])
    return Item(
        raw["code"], raw["title"], raw["subject"], raw["category"], raw["effect"], raw["retention_days"],
        raw.get("publicity_days"), raw.get("severity_field"), raw["disclosure"] == "public",
        raw["may_feed_score"], fields,
    )  # fmt: skip


def prohibited(*texts: str) -> str | None:
    """What the first prohibited text names and which article forbids it, in Chinese; None when nothing is wrong."""
    for text in texts:
        for article, what, pattern in PROHIBITED:
            if pattern.search(text):
                return f"“{text}”属于{article}禁止采集的信息（{what}）"
    return None


# --- the linter of catalogue.toml ------------------------------------------------------------------------------------


def catalogue_problems(content: Mapping[str, Any], _contents: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Every problem of a catalogue, in Chinese. An item without a basis, or one that the law forbids, is refused."""
    raws = content.get("items")
    if not isinstance(raws, list) or not raws:
        return ["目录没有任何条目"]
    problems = []
    seen: set[str] = set()
    for number, raw in enumerate(raws, 1):
        code = raw.get("code") if isinstance(raw, dict) else None
        if not isinstance(code, str) or not re.fullmatch(r"[A-Z]{2}-[A-Z]{3}-[0-9]{2}", code):
            problems.append(f"第 {number} 条：code 应形如 NP-PRO-01")
            continue
        if code in seen:
            problems.append(f"{code}：code 重复")
        seen.add(code)
        problems += [f"{code}：{problem}" for problem in _item_problems(raw)]
    return problems


def _item_problems(raw: Mapping[str, Any]) -> Iterator[str]:
    for name in ("title", "category", "legal_basis", "basis"):
        if not isinstance(raw.get(name), str) or not raw[name].strip():
            yield f"缺少 {name}：没有依据的信息不得归集（国办发〔2020〕49号）"
    yield from _choice_problems(raw)
    if found := prohibited(str(raw.get("title", "")), str(raw.get("category", ""))):
        yield found
    yield from _clock_problems(raw)
    yield from _field_problems(raw)
    if raw.get("subject") == "natural_person":
        yield from _person_problems(raw)
    elif raw.get("may_feed_score") is True:
        yield "只有自然人条目可以计分"


def _choice_problems(raw: Mapping[str, Any]) -> Iterator[str]:
    for name, values in (("subject", SUBJECTS), ("effect", EFFECTS), ("disclosure", DISCLOSURES)):
        if raw.get(name) not in values:
            yield f"{name} 应为 {'、'.join(values)} 之一"
    if not _texts(raw.get("source_departments")):
        yield "缺少 source_departments"
    if not isinstance(raw.get("may_feed_score"), bool):
        yield "may_feed_score 应为 true 或 false"
    if raw.get("natural_key") != ["document_no"]:
        yield 'natural_key 应为 ["document_no"]：认定须有文书'


def _texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(text, str) and text.strip() for text in value)


def _clock_problems(raw: Mapping[str, Any]) -> Iterator[str]:
    for name, required in (("retention_days", True), ("due_workdays", True), ("publicity_days", False)):
        value = raw.get(name)
        if value is None and not required:
            continue
        if type(value) is not int or not 1 <= value <= MOST_RETENTION_DAYS:
            yield f"{name} 应为 1 至 {MOST_RETENTION_DAYS} 的整数"


def _person_problems(raw: Mapping[str, Any]) -> Iterator[str]:
    if raw.get("disclosure") == "public" or raw.get("publicity_days") is not None:
        yield "自然人的信息不公示"
    retention = raw.get("retention_days")
    if raw.get("effect") == "adverse" and type(retention) is int and retention > MOST_ADVERSE_DAYS:
        yield "不利信息最长保存五年（《征信业管理条例》第十六条）"


def _field_problems(raw: Mapping[str, Any]) -> Iterator[str]:
    fields = raw.get("fields")
    if not isinstance(fields, list) or not fields:
        yield "缺少 fields"
        return
    names: list[str] = []
    for entry in fields:
        name = entry.get("name", "") if isinstance(entry, dict) else ""
        if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,59}", name):
            yield "fields 中有 name 不合规范的列"
            continue
        names.append(name)
        if entry.get("type") not in FIELD_TYPES or not isinstance(entry.get("required"), bool):
            yield f"列 {name} 的 type 应为 {'、'.join(FIELD_TYPES)} 之一，required 应为 true 或 false"
        if found := prohibited(name, str(entry.get("title", ""))):
            yield f"列 {name}：{found}"
    if len(set(names)) != len(names):
        yield "fields 中有重复的列"
    severity = raw.get("severity_field")
    if severity is not None and severity not in names:
        yield f"severity_field 指向不存在的列 {severity}"


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
    if not date(1949, 10, 1) <= new.decided_on <= today:
        problems.append("decided_on 不能晚于今天，也不能早于 1949-10-01")
    if new.ended_on is not None and new.ended_on > today:
        problems.append("ended_on 不能晚于今天")
    return problems + list(_content_problems(new, item))


def _content_problems(new: NewRecord, item: Item) -> Iterator[str]:
    known = {f.name: f for f in item.fields}
    for name, value in new.fields.items():
        if name not in known:
            yield prohibited(name) or f"条目 {item.code} 没有列 {name}"
        elif value is not None and (problem := _value_problem(known[name], value)):
            yield f"列 {name}（{known[name].title}）{problem}"
    for name, f in known.items():
        if f.required and name not in FROM_DOCUMENT and new.fields.get(name) in (None, ""):
            yield f"缺少必填列 {name}（{f.title}）"


def _value_problem(f: Field, value: object) -> str | None:
    if f.type == "integer":
        return None if type(value) is int else "应为整数"
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or "\x00" in value:
        return f"应为文本，最长 {LONGEST_TEXT} 个字符"
    if f.type == "date" and value:
        try:
            date.fromisoformat(value)
        except ValueError:
            return "应为日期，例如 2026-03-05"
    if f.type == "decimal" and value and not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,2})?", value):
        return "应为两位小数以内的数，例如 1.25"
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


def may_change(before: str, after: str) -> bool:
    """Whether a record may go from one status to another."""
    return after in TRANSITIONS[before]


_CODE_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def normal_entity_code(text: str) -> str | None:
    """A unified social credit code (GB 32100-2015) in capitals, or None when its check character is wrong.

    A remainder of 0 stands for the check character 0.
    """
    code = text.strip().upper()
    if not re.fullmatch(r"[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}", code):
        return None
    total = sum(_CODE_CHARACTERS.index(c) * pow(3, i, 31) for i, c in enumerate(code[:17]))
    return code if _CODE_CHARACTERS[-total % 31] == code[17] else None
