"""The linter of ``catalogue.toml``: what the law or a careful reader of files would refuse is refused at load."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from backend.catalogue.prohibited import prohibited
from backend.catalogue.rules import (
    CATEGORIES,
    CODE,
    DISCLOSURES,
    EFFECTS,
    ENTITY,
    FIELD_TYPES,
    LONGEST_TEXT,
    MOST_ADVERSE_DAYS,
    MOST_RETENTION_DAYS,
    NUMBERS,
    PERSON,
    SUBJECTS,
    field_of,
)


def catalogue_problems(content: Mapping[str, Any], _contents: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Every problem of a catalogue, in Chinese. An item without a basis, or one that the law forbids, is refused."""
    raws = content.get("items")
    if not isinstance(raws, list) or not raws:
        return ["目录没有任何条目"]
    problems = []
    seen: set[str] = set()
    for number, raw in enumerate(raws, 1):
        code = raw.get("code") if isinstance(raw, dict) else None
        if not isinstance(code, str) or not CODE.fullmatch(code):
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
    yield from _fields_problems(raw)
    if raw.get("subject") == "natural_person":
        yield from _person_problems(raw)
    elif raw.get("may_feed_score") is True:
        yield "只有自然人条目可以计分"


def _choice_problems(raw: Mapping[str, Any]) -> Iterator[str]:
    for name, values in (("subject", SUBJECTS), ("effect", EFFECTS), ("disclosure", DISCLOSURES)):
        if raw.get(name) not in values:
            yield f"{name} 应为 {'、'.join(values)} 之一"
    categories = CATEGORIES.get(str(raw.get("subject")), ())
    if categories and raw.get("category") not in categories:
        yield f"category 应为 {'、'.join(categories)} 之一（DB32/T 4040.5-2021 5.1.1；《全国公共信用信息基础目录》）"
    if not _texts(raw.get("source_departments")):
        yield "缺少 source_departments"
    if not isinstance(raw.get("may_feed_score"), bool):
        yield "may_feed_score 应为 true 或 false"
    if not isinstance(raw.get("self_declarable", False), bool):
        yield "self_declarable 应为 true 或 false"
    elif raw.get("self_declarable") and raw.get("effect") == "adverse":
        yield "失信信息须由有权机关认定，不能自主申报"
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


def _fields_problems(raw: Mapping[str, Any]) -> Iterator[str]:
    fields = raw.get("fields")
    if not isinstance(fields, list) or not fields:
        yield "缺少 fields"
        return
    known: dict[str, Mapping[str, Any]] = {}
    for entry in fields:
        name = entry.get("name", "") if isinstance(entry, dict) else ""
        if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,59}", name):
            yield "fields 中有 name 不合规范的列"
            continue
        if name in known:
            yield "fields 中有重复的列"
        known[name] = entry
    sound = True
    for name, entry in known.items():
        for problem in _field_problems(entry, known):
            sound = False
            yield f"列 {name}：{problem}"
    severity = raw.get("severity_field")
    if severity is not None and severity not in known:
        yield f"severity_field 指向不存在的列 {severity}"
    if sound:
        yield from _head_problems(raw.get("subject"), known)


def _field_problems(entry: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    if entry.get("type") not in FIELD_TYPES or not isinstance(entry.get("required"), bool):
        yield f"type 应为 {'、'.join(FIELD_TYPES)} 之一，required 应为 true 或 false"
    if not isinstance(entry.get("title"), str) or not entry["title"].strip():
        yield "缺少 title（列名）"
    lists = [entry.get(name, []) for name in ("aliases", "values")]
    for name, found in zip(("aliases", "values"), lists, strict=True):
        if name in entry and not (_texts(found) and len(set(found)) == len(found)):
            yield f"{name} 应为不重复、不为空的文字列表"
    lists.append(list(names.values()) if isinstance(names := entry.get("value_names", {}), dict) else [])
    texts = [text for found in lists if isinstance(found, list) for text in found if isinstance(text, str)]
    if found := prohibited(str(entry["name"]), str(entry.get("title", "")), *texts):
        yield found
    yield from _check_problems(entry, known)


def _names_its_values(entry: Mapping[str, Any]) -> bool:
    values, names = entry.get("values", []), entry["value_names"]
    if not isinstance(names, dict) or not isinstance(values, list) or not _texts(list(names.values())):
        return False
    said = list(names.values())
    return set(names) <= set(values) and len(set(said)) == len(said) and not set(said) & set(values)


def _check_problems(entry: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    if ("values" in entry or "pattern" in entry) and entry.get("type") != "text":
        yield "values 与 pattern 只用于 text"
    if "value_names" in entry and not _names_its_values(entry):
        yield "value_names 应给 values 中的值各一个不重复的叫法，且不是另一个值"
    if "pattern" in entry and (problem := _pattern_problem(entry["pattern"])):
        yield problem
    longest = entry.get("longest", 1)
    if type(longest) is not int or not 1 <= longest <= LONGEST_TEXT:
        yield f"longest 应为 1 至 {LONGEST_TEXT} 的整数"
    yield from _number_problems(entry)
    yield from _date_problems(entry, known)


def _number_problems(entry: Mapping[str, Any]) -> Iterator[str]:
    bounds = [_bound(entry.get(name)) for name in ("minimum", "maximum")]
    if ("minimum" in entry or "maximum" in entry) and entry.get("type") not in NUMBERS:
        yield "minimum 与 maximum 只用于 integer 与 decimal"
    elif any(bound == "wrong" for bound in bounds):
        yield "minimum 与 maximum 应为数"
    elif all(isinstance(bound, Decimal) for bound in bounds) and bounds[0] > bounds[1]:  # type: ignore[operator]
        yield "minimum 不能大于 maximum"


def _date_problems(entry: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    if ("not_before" in entry or "may_be_future" in entry) and entry.get("type") != "date":
        yield "not_before 与 may_be_future 只用于 date"
    if not isinstance(entry.get("may_be_future", False), bool):
        yield "may_be_future 应为 true 或 false"
    if "not_before" in entry:
        other = known.get(entry["not_before"]) if isinstance(entry["not_before"], str) else None
        if other is None or other.get("type") != "date" or other is entry:
            yield "not_before 应为本条目另一日期列的 name"


def _pattern_problem(pattern: object) -> str | None:
    """Two engines read a pattern: Python's, and the columnar one, which knows neither look-around nor references."""
    if not isinstance(pattern, str) or not pattern:
        return "pattern 应为正则表达式"
    if re.search(r"\(\?(?!:)|\\[1-9]|[*+?}]\+", pattern):
        return "pattern 不能用环视、反向引用和占有量词"
    try:
        re.compile(pattern)
    except re.error:
        return "pattern 不是正则表达式"
    return None


def _bound(value: object) -> Decimal | str | None:
    if value is None:
        return None
    try:
        number = Decimal(str(value)) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except InvalidOperation:
        return "wrong"
    return number if number is not None and number.is_finite() else "wrong"


def _head_problems(subject: object, known: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A head leads to one column, or a file would be read in two ways."""
    fields = [field_of(entry) for entry in known.values()]
    if not {"party_name", "party_code_1"} <= known.keys():
        fields += PERSON if subject == "natural_person" else ENTITY
    owners: dict[str, str] = {}
    for f in fields:
        for head in sorted(set(f.heads)):
            if head in owners:
                yield f"列名“{head}”同时属于 {owners[head]} 与 {f.name}"
            owners[head] = f.name
