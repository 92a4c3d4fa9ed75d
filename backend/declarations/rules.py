"""What may be declared, with which pledge, and how a declaration may change: pure functions over facts.

Source: 南京市“十四五”社会信用体系建设规划 四、（二）(voluntary registration with a pledge of truthfulness, verified
before use); 《征信业管理条例》 art. 14 (what is never collected of a person).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from backend.catalogue.prohibited import prohibited
from backend.catalogue.rules import Field, Item
from backend.kit.ids import NIL
from backend.records.rules import NewRecord, record_problems

SECTION = "self_declaration"
PERSON, ENTITY = "natural_person", "legal_entity"
SUBJECTS = (PERSON, ENTITY)
MOST_TEXT = 10_000
MOST_PICTURES = 9

PENDING, CONFIRMED, REJECTED, WITHDRAWN, REVOKED = "pending", "confirmed", "rejected", "withdrawn", "revoked"
STATUS_TEXT: Mapping[str, str] = {
    PENDING: "待核实", CONFIRMED: "已确认", REJECTED: "未通过", WITHDRAWN: "已撤回", REVOKED: "确认已撤销",
}  # fmt: skip
STANDING = (PENDING, CONFIRMED)
"""As long as it is so, the same document is not declared again."""

BECOMES: Mapping[tuple[str, str], str] = {
    (PENDING, "confirm"): CONFIRMED,
    (PENDING, "reject"): REJECTED,
    (PENDING, "withdraw"): WITHDRAWN,
    (CONFIRMED, "revoke"): REVOKED,
    (CONFIRMED, "withdraw"): WITHDRAWN,
}
"""(status, act) → status. Nothing else is possible."""
DECISIONS = ("confirm", "reject", "revoke")

DOCUMENT_NO, DECIDED_ON, DOCUMENT_NAME = "document_no", "decided_on", "document_name"
PLEDGE_NO = "promise_no"
"""The number of the pledge, where an item has a column for it, is the declaration's own: nobody types it."""
_NAMES_AN_AUTHORITY = ("authority", "authority_code", DOCUMENT_NO)


class Pledge(NamedTuple):
    """The text by which a declarer vouches for the truth."""

    version: str
    title: str
    text: str


class Terms(NamedTuple):
    """What the city says of declarations. ``pledges`` by subject; days of evidence count from the decision."""

    pledges: Mapping[str, Pledge]
    open_most: int
    per_day_most: int
    evidence_days: int


class Content(NamedTuple):
    """What was declared: the document's number and day, and the item's further columns by name."""

    document_no: str
    decided_on: date
    fields: Mapping[str, Any]

    @property
    def title(self) -> str:
        """What the document is called, as far as the declarer said."""
        return str(self.fields.get(DOCUMENT_NAME) or "")


def terms(catalogue: Mapping[str, Any]) -> Terms | None:
    """The terms of a linted catalogue; None where the city takes no declarations."""
    raw = catalogue.get(SECTION)
    if raw is None:
        return None
    pledges = {one["subject"]: Pledge(one["version"], one["title"], one["text"].strip()) for one in raw["pledges"]}
    return Terms(pledges, raw["open_most"], raw["per_day_most"], raw["evidence_days"])


def lint(content: Mapping[str, Any]) -> list[str]:
    """What is wrong with a catalogue's ``[self_declaration]``, in Chinese. A catalogue without one takes none."""
    raw = content.get(SECTION)
    if raw is None:
        return []
    if not isinstance(raw, dict):
        return [f"{SECTION} 应为一个表"]
    return [f"{SECTION}：{problem}" for problem in _lint(raw)]


def _lint(raw: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(raw.get("basis"), str) or not raw["basis"].strip():
        yield "缺少 basis"
    for name, most in (("open_most", 100), ("per_day_most", 100), ("evidence_days", 3650)):
        if type(raw.get(name)) is not int or not 1 <= raw[name] <= most:
            yield f"{name} 应为 1 至 {most} 的整数"
    pledges = raw.get("pledges")
    if not isinstance(pledges, list) or not all(isinstance(one, dict) for one in pledges):
        yield "缺少 [[pledges]]"
        return
    subjects = [one.get("subject") for one in pledges]
    if sorted(map(str, subjects)) != sorted(SUBJECTS):
        yield f"pledges 应为 {'、'.join(SUBJECTS)} 各一份"
    for one in pledges:
        for name, most in (("version", 40), ("title", 80), ("text", MOST_TEXT)):
            if not isinstance(one.get(name), str) or not 1 <= len(one[name].strip()) <= most:
                yield f"承诺书 {one.get('subject')} 的 {name} 应为 1 至 {most} 个字符"


# --- what is declared ------------------------------------------------------------------------------------------------


def declarable(items: Mapping[str, Item], subject: str | None = None) -> list[Item]:
    """The items that may be declared, by code; of one subject where it is named. An adverse one never is."""
    return [
        item
        for _, item in sorted(items.items())
        if item.self_declarable and item.effect != "adverse" and subject in (None, item.subject)
    ]


def asked(item: Item) -> list[Field]:
    """The columns that a declarer fills in."""
    return [field for field in item.fields if field.name != PLEDGE_NO]


def problems(item: Item, told: Mapping[str, Any], today: date) -> list[tuple[str, str]]:
    """Why this cannot be declared: (JSON pointer, in Chinese). ``told``: the item's columns as they were filled in."""
    found = [
        (f"/fields/{field.name}", f"缺少必填的“{field.title}”。")
        for field in asked(item)
        if field.required and told.get(field.name) in (None, "")
    ]
    if PLEDGE_NO in told:
        found.append((f"/fields/{PLEDGE_NO}", "承诺书编号由系统填写。"))
    number, day = told.get(DOCUMENT_NO), _day(told.get(DECIDED_ON))
    if number and (not isinstance(number, str) or len(number) > 120):
        found.append((f"/fields/{DOCUMENT_NO}", "最长 120 个字符。"))
    if told.get(DECIDED_ON) and day is None:
        found.append((f"/fields/{DECIDED_ON}", "应为日期，例如 2026-03-05。"))
    if item.subject == PERSON:
        found += _prohibited(told)
    if found or day is None:
        return found
    new = record(item, Content(str(number), day, further(told)), NIL, Confirmer(NIL, "x"))
    return [
        (_pointer(problem), f"{problem}。") for problem in record_problems(new, {item.code: item}, item.subject, today)
    ]


def _prohibited(told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Whatever a person says about herself: what the law keeps out of a credit archive does not come in this way."""
    for name, value in told.items():
        if isinstance(value, str) and name not in _NAMES_AN_AUTHORITY and (why := prohibited(value)):
            yield f"/fields/{name}", f"内容{why[why.rindex('属于') :]}。"


def _pointer(problem: str) -> str:
    """Where the archives' rules find fault, as they say it: a column by its name, or the document's own."""
    named = re.search(rf"列 ([a-z][a-z0-9_]*)|^({DECIDED_ON}|{DOCUMENT_NO})", problem)
    return f"/fields/{named[1] or named[2]}" if named else "/fields"


def _day(value: object) -> date | None:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value, re.ASCII):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def further(told: Mapping[str, Any]) -> dict[str, Any]:
    """The columns beside those by which every record is known, without the empty ones."""
    apart = (DOCUMENT_NO, DECIDED_ON)
    return {name: value for name, value in told.items() if name not in apart and value not in (None, "")}


def content(told: Mapping[str, Any]) -> Content:
    """What was told, once :func:`problems` finds none."""
    day = _day(told[DECIDED_ON])
    assert day is not None
    return Content(told[DOCUMENT_NO], day, further(told))


class Confirmer(NamedTuple):
    """The organisation that vouches for what was declared."""

    organisation_id: UUID
    name: str


def record(item: Item, said: Content, declaration_id: UUID, by: Confirmer) -> NewRecord:
    """The record that a declaration becomes when ``by`` confirms it."""
    numbered = {PLEDGE_NO: str(declaration_id)} if any(field.name == PLEDGE_NO for field in item.fields) else {}
    return NewRecord(
        item_code=item.code, source_name=source_name(by.name), source_organisation_id=by.organisation_id,
        document_no=said.document_no, title=(said.title or item.title)[:200], decided_on=said.decided_on,
        fields={**said.fields, **numbered}, declaration_id=declaration_id,
    )  # fmt: skip


def source_name(confirmed_by: str) -> str:
    """Who vouches for a confirmed declaration, as every list shows it."""
    return f"自主申报，{confirmed_by[:105]} 确认"


# --- who and when ----------------------------------------------------------------------------------------------------


def is_overdue(status: str, due_on: date, today: date) -> bool:
    """Whether a decision is late: ``due_on`` is the last day in time."""
    return status == PENDING and today > due_on


def own_affair(declarers: Sequence[object], reviewers: Sequence[object]) -> bool:
    """Whether somebody, or an organisation, stands on both sides."""
    return bool({one for one in declarers if one is not None} & {one for one in reviewers if one is not None})
