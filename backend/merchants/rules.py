"""A merchant's grade: the city's public policy over facts. Whoever has the facts can work it out by hand.

Scores are whole numbers within the policy's scale. What is repaired, withdrawn, disputed or past its publicity is
no fact (信用修复管理办法, NDRC order 36). A fact about which nothing is known neither raises nor lowers anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple

FORMS = ("flag", "each", "ratio")
FACTS = {
    "licence_valid": "flag", "licence_expired": "flag", "pledge_signed": "flag", "pledge_broken": "each",
    "penalty_minor_published": "each", "penalty_general_published": "each", "penalty_serious_published": "each",
    "abnormal_operation_listed": "flag", "serious_dishonesty_listed": "flag",
    "complaint_answered_in_time": "ratio", "complaint_overdue": "each", "complaint_upheld": "each",
    "inspection_passed": "each", "inspection_failed_uncorrected": "each", "verified_review_good": "ratio",
    "price_marking_passed": "flag", "measure_verified": "flag", "refund_promise_joined": "flag",
    "integrity_merchant_honour": "flag", "annual_report_filed": "flag",
}  # fmt: skip
"""Every fact that a policy may speak of, and the form in which it comes."""

PENALTY = "LE-PEN-01"
ABNORMAL = "LE-ABN-01"
SERIOUS_LIST = "LE-LST-01"
PROMISE = "LE-PRO-01"
HONOUR = "LE-HON-03"
ANNUAL_REPORT = "LE-ANN-01"
REPORTS_DUE = (6, 30)
"""The last day for the annual report of the year before (企业信息公示暂行条例 art. 8)."""


class Published(NamedTuple):
    """A record that is in publicity and stands undisputed. ``fields``: the catalogue item's columns."""

    item_code: str
    decided_on: date
    fields: Mapping[str, Any]


@dataclass
class Facts:
    """What is known of a merchant on a day.

    ``flags``: names that hold. ``events``: the days on which something happened. ``ratios``: (how many, of how many).
    """

    flags: set[str] = field(default_factory=set)
    events: dict[str, list[date]] = field(default_factory=dict)
    ratios: dict[str, tuple[int, int]] = field(default_factory=dict)


def facts_of(
    licence_no: str, licence_valid_until_on: date | None, pledged: bool, records: Iterable[Published], today: date
) -> Facts:
    """The facts that the archive itself holds. Other rooms' (complaints, inspections) may be added to the result."""
    facts = Facts()
    if licence_no:
        good = licence_valid_until_on is None or licence_valid_until_on >= today
        facts.flags.add("licence_valid" if good else "licence_expired")
    if pledged:
        facts.flags.add("pledge_signed")
    for record in records:
        _add_record(facts, record, today)
    return facts


def _add_record(facts: Facts, record: Published, today: date) -> None:
    said = record.fields
    if record.item_code == PENALTY:
        severity = said.get("severity")
        name = severity if severity in ("minor", "general", "serious") else "general"
        facts.events.setdefault(f"penalty_{name}_published", []).append(record.decided_on)
    elif record.item_code == ABNORMAL and not _past(said.get("removed_on"), today):
        facts.flags.add("abnormal_operation_listed")
    elif record.item_code == SERIOUS_LIST and not _past(said.get("exit_on"), today):
        facts.flags.add("serious_dishonesty_listed")
    elif record.item_code == PROMISE and str(said.get("fulfilment", "")).startswith(("未", "违")):
        facts.events.setdefault("pledge_broken", []).append(record.decided_on)
    elif record.item_code == HONOUR and not _past(said.get("valid_until_on"), today - timedelta(days=1)):
        facts.flags.add("integrity_merchant_honour")
    elif record.item_code == ANNUAL_REPORT and _report_is_current(said.get("report_year"), today):
        facts.flags.add("annual_report_filed")


def _past(day: Any, today: date) -> bool:
    """Whether a date, if there is one, has come."""
    return isinstance(day, str) and day != "" and date.fromisoformat(day) <= today


def _report_is_current(year: Any, today: date) -> bool:
    newest_due = today.year - 1 if (today.month, today.day) > REPORTS_DUE else today.year - 2
    return isinstance(year, int) and year >= newest_due


class Reason(NamedTuple):
    """Why the score is what it is: one line of the sum. ``basis``: where the policy takes it from."""

    indicator: str
    title: str
    points: int
    basis: str


class Grade(NamedTuple):
    id: str
    name: str
    colour: str


class Verdict(NamedTuple):
    """A grade with its sum: the scale's base plus the reasons' points is the score."""

    score: int
    grade: Grade
    reasons: tuple[Reason, ...]


def evaluate(content: Mapping[str, Any], facts: Facts, today: date) -> Verdict:
    """Apply a merchants policy to facts on a day."""
    scale = content["scale"]
    reasons = [
        Reason(item["id"], item["title"], points, item.get("basis", ""))
        for item in content["indicators"]
        if (points := _points(item, facts, today))
    ]
    raw = int(scale["base"]) + sum(reason.points for reason in reasons)
    score = min(max(raw, scale["min"]), scale["max"])
    if score != raw:
        limit = "最高" if score < raw else "最低"
        reasons.append(Reason("scale", f"{limit}为 {score} 分，超出部分不计", score - raw, ""))
    return Verdict(score, grade_of(content["grades"], score), tuple(reasons))


def _points(item: Mapping[str, Any], facts: Facts, today: date) -> int:
    name, points = item["fact"], int(item["points"])
    if item["form"] == "flag":
        return points if name in facts.flags else 0
    if item["form"] == "ratio":
        good, total = facts.ratios.get(name, (0, 0))
        enough = total >= max(item["min_samples"], 1) and good * 100 >= item["at_least_percent"] * total
        return points if enough else 0
    within = item["within_days"]
    days = [day for day in facts.events.get(name, ()) if within == 0 or today - timedelta(days=within) <= day <= today]
    total, cap = points * len(days), item.get("total_cap")
    return total if cap is None else min(max(total, -cap), cap)


def grade_of(grades: Sequence[Mapping[str, Any]], score: int) -> Grade:
    """The highest grade whose lower bound the score reaches."""
    held = max((grade for grade in grades if grade["from"] <= score), key=lambda grade: grade["from"])
    return Grade(held["id"], held["name"], held["colour"])


# --- what a city's file may say --------------------------------------------------------------------------------


def lint(content: Mapping[str, Any], _contents: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Every rule that a merchants file breaks, in Chinese."""
    scale = content.get("scale")
    if not isinstance(scale, dict) or not all(type(scale.get(name)) is int for name in ("min", "base", "max")):
        return ["scale 应写明整数 min、base、max"]
    problems = [] if scale["min"] <= scale["base"] <= scale["max"] else ["scale 应满足 min ≤ base ≤ max"]
    problems += _lint_grades(_tables(content, "grades"), scale["min"])
    for name in ("grades", "indicators", "trades"):
        ids = [item.get("id") for item in _tables(content, name)]
        problems += [f"{name} 中 {one} 重复" for one in sorted({str(i) for i in ids if ids.count(i) > 1})]
    for item in _tables(content, "indicators"):
        problems += [f"指标 {item.get('id')}：{problem}" for problem in _lint_indicator(item)]
    return problems + list(_lint_pledge(content.get("pledge")))


def _tables(content: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = content.get(name, [])
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _lint_grades(grades: Sequence[Mapping[str, Any]], lowest: int) -> Iterator[str]:
    bounds = [bound for grade in grades if type(bound := grade.get("from")) is int]
    if not bounds or len(set(bounds)) != len(grades):
        yield "grades 应各有不同的整数 from"
    elif min(bounds) > lowest:
        yield "最低一级的 from 不能高于 scale.min：每个分数都应有等级"
    for grade in grades:
        if not grade.get("name") or not re.fullmatch(r"#[0-9A-Fa-f]{6}", str(grade.get("colour", ""))):
            yield f"等级 {grade.get('id')}：缺少 name，或 colour 不是 #RRGGBB"


def _lint_indicator(item: Mapping[str, Any]) -> Iterator[str]:
    form = FACTS.get(str(item.get("fact")))
    if form is None:
        yield f"没有事实 {item.get('fact')}"
    elif item.get("form") != form:
        yield f"事实 {item['fact']} 的 form 应为 {form}"
    if type(item.get("points")) is not int or item["points"] == 0:
        yield "points 应为非零整数"
    if not item.get("title") or not item.get("basis"):
        yield "缺少 title 或 basis"
    whole = {"each": ("within_days",), "ratio": ("at_least_percent", "min_samples")}.get(str(form), ())
    for name in whole:
        if type(item.get(name)) is not int or item[name] < 0:
            yield f"{name} 应为不小于 0 的整数"
    cap = item.get("total_cap")
    if cap is not None and (type(cap) is not int or cap < 1):
        yield "total_cap 应为正整数"


def _lint_pledge(pledge: Any) -> Iterator[str]:
    if not isinstance(pledge, dict) or not pledge.get("version") or not pledge.get("title"):
        yield "pledge 缺少 version 或 title"
        return
    text = pledge.get("text")
    if not isinstance(text, list) or not text or not all(isinstance(line, str) and line for line in text):
        yield "pledge.text 应为非空的条文列表"
