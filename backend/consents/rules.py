"""What a consent text must say, and who may agree to it: pure functions over facts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

SCORE = "score"
_ID = re.compile(r"[a-z][a-z0-9-]{1,38}")
_TEXTS = ("title", "text", "text_version", "basis", "withdrawal_effect")

FIELD_WORDS: Mapping[str, str] = {
    "masked_name": "遮盖后的姓名", "name": "姓名", "id_number": "身份证号", "phone": "手机号", "birth_on": "出生日期",
    "bound_at": "实名时间", "consents": "同意事项", "communities": "所在社区", "balance_points": "积分余额",
    "records": "信用档案", "score": "信用分", "submission_text": "申报的说明", "submission_photo": "申报的照片",
    "declaration": "自主申报的内容", "declaration_photo": "自主申报的附件",
    "obligation": "账单的事由和您的异议",
    "check_in": "活动签到", "delegations": "代办关系", "spending_paused_until": "冷静期", "wallet": "积分明细",
}  # fmt: skip
"""What the access log's field names mean to the person who reads it."""


def words_of(fields: Sequence[str]) -> list[str]:
    """Field names in Chinese; one that has no words stands for itself."""
    return [FIELD_WORDS.get(field, field) for field in fields]


AUTHORISATIONS: Mapping[str, str] = {
    "consent": "本人的同意", "case": "", "document": "", "delegation": "代办登记", "approval": "审批事项",
    "presence": "", "declaration": "自主申报",
    "obligation": "对账单的异议",
}  # fmt: skip
"""What a look may rest on, written ``kind:number``, and what the person reads before the number."""

PRESENCES: Mapping[str, str] = {"card": "本人持身份证在场", "code": "本人出示身份码", "counter": "本人在场"}
"""What showed that the person was there, in place of a number."""

MOST_AUTHORISATION = 160


def is_authorisation(text: str) -> bool:
    """Whether a text names one authorisation, as ``kind:number``."""
    kind, _, number = text.partition(":")
    known = number in PRESENCES if kind == "presence" else bool(number.strip())
    return kind in AUTHORISATIONS and known and len(text) <= MOST_AUTHORISATION


def authorisation_in_words(text: str | None) -> str | None:
    """An authorisation as the person reads it; one of no known kind stands for itself."""
    kind, _, number = (text or "").partition(":")
    if kind not in AUTHORISATIONS:
        return text
    if kind in ("consent", "delegation"):  # which one, the basis says in words
        return AUTHORISATIONS[kind]
    return f"{AUTHORISATIONS[kind]} {PRESENCES.get(number, number)}".strip()


class Purpose(NamedTuple):
    """One thing a person may agree to, as the city's policy words it.

    ``guardian_below_age``: below it a guardian decides (个人信息保护法第三十一条); None where nobody is that young.
    """

    id: str
    title: str
    text: str
    text_version: str
    basis: str
    withdrawal_effect: str
    adult_only: bool
    guardian_below_age: int


def purposes(content: dict[str, Any], guarded_years: int) -> list[Purpose]:
    """The purposes of a linted policy, in its order. No policy can lower the statutory age of guardianship."""
    return [
        Purpose(
            item["id"], item["title"], item["text"].strip(), item["text_version"], item["basis"],
            item["withdrawal_effect"], item["adult_only"], max(item.get("guardian_below_age", 0), guarded_years),
        )
        for item in content["purposes"]
    ]  # fmt: skip


def lint(content: dict[str, Any]) -> list[str]:
    """What is wrong with ``consents.toml``, in Chinese; an empty list when nothing is."""
    items = content.get("purposes")
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        return ["缺少 [[purposes]]"]
    problems = [problem for item in items for problem in _lint_one(item)]
    ids = [item.get("id") for item in items]
    problems += [f"purposes {id_!r} 重复" for id_ in sorted({str(i) for i in ids if ids.count(i) > 1})]
    score = next((item for item in items if item.get("id") == SCORE), None)
    if score is None:
        problems.append("缺少 score：信用分须单独征得同意（个人信息保护法第二十四条、第二十九条）")
    elif score.get("adult_only") is not True:
        problems.append("score：adult_only 必须为 true，未成年人不评分")
    return problems


def _lint_one(item: dict[str, Any]) -> list[str]:
    name = str(item.get("id", "?"))
    problems = [
        f"{name}：缺少 {field}" for field in _TEXTS if not isinstance(item.get(field), str) or not item[field].strip()
    ]
    if not _ID.fullmatch(name):
        problems.append(f"{name}：id 应为小写字母、数字和连字符")
    if not isinstance(item.get("adult_only"), bool):
        problems.append(f"{name}：adult_only 应写明 true 或 false")
    age = item.get("guardian_below_age", 0)
    if isinstance(age, bool) or not isinstance(age, int) or not 0 <= age <= 18:
        problems.append(f"{name}：guardian_below_age 应为 0 至 18 的整数")
    if isinstance(item.get("text_version"), str) and len(item["text_version"]) > 40:
        problems.append(f"{name}：text_version 不应超过 40 个字符")
    if isinstance(item.get("text"), str) and len(item["text"]) > 10_000:
        problems.append(f"{name}：text 不应超过 10000 字")
    return problems


def holds(granted: bool, agreed_version: str, current_version: str) -> bool:
    """Whether a consent counts: given, and given to the text in force (个人信息保护法第十四条：变更须重新取得同意)."""
    return granted and agreed_version == current_version


def may_agree(purpose: Purpose, age_years: int, adult_years: int = 18, *, by_guardian: bool = False) -> str:
    """``""`` when someone of this age may agree, else ``"adults-only"`` or ``"guardian-needed"``.

    ``by_guardian``: the guardian decides (个人信息保护法第三十一条); no guardian can decide what is for adults only.
    """
    if purpose.adult_only and age_years < adult_years:
        return "adults-only"
    return "guardian-needed" if age_years < purpose.guardian_below_age and not by_guardian else ""
