"""How names and numbers are looked up, and what of a record may stand on a public page.

Pure functions. Sources: 《政府信息公开条例》第二十条 and the standard of the double publicity (双公示) for what is
shown; 《信用修复管理办法》 (order 36 of the 国家发展改革委) for how publicity ends early. The legal representative's
certificate is collected with the standard's columns and never published.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from backend.catalogue.rules import Item
from backend.kit.sheets import safe
from backend.records.rules import may_be_published

KINDS = ("licence", "penalty", "all")
_PART_OF_CODE = {"licence": "LIC", "penalty": "PEN"}
ITEM_CODE = re.compile(r"[A-Z]{2}-([A-Z]{3})-[0-9]{2}")

# --- names -----------------------------------------------------------------------------------------------------------

MOST_NAME = 400
"""Characters of a folded name that are looked through."""
LEGAL_FORM = "有限公司"
"""What half of all names end in; its pairs find nothing."""


def fold(text: str) -> str:
    """A name as it is compared: full and half width alike, capitals alike, without blanks, brackets and marks."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(character for character in plain if character.isalnum())


def pairs(folded: str) -> list[str]:
    """The pairs of neighbouring characters of a folded name, each once, in order."""
    return list(dict.fromkeys(folded[at : at + 2] for at in range(len(folded) - 1)))


def common_pairs(city_name: str) -> frozenset[str]:
    """Pairs that so many names have that they are neither kept nor looked for: of the legal form and of the city."""
    return frozenset(pairs(LEGAL_FORM) + pairs(fold(city_name)))


def grams(folded: str, common: frozenset[str]) -> list[str]:
    """By which pairs a folded name, or a part of one, is found. A name that has the part has all the part's pairs."""
    return [pair for pair in pairs(folded[:MOST_NAME]) if pair not in common]


# --- numbers ---------------------------------------------------------------------------------------------------------

_BRACKETS = ("〔〕", "()", "（）", "[]", "［］", "【】", "﹝﹞")
_OPENS = {pair[0] for pair in _BRACKETS}
_CLOSES = {pair[1] for pair in _BRACKETS}


def spellings(document_no: str) -> list[str]:
    """How a document's number may stand in the archive: as it was typed, and with each usual kind of brackets.

    Digits and letters of full width are read as those of half width; departments and keyboards differ in both.
    """
    typed = document_no.strip()
    told = "".join(_narrow(character) for character in typed if not character.isspace())
    found = [typed, told]
    if any(character in _OPENS | _CLOSES for character in told):
        for pair in _BRACKETS:
            opening, closing = pair[0], pair[1]
            found.append("".join(opening if c in _OPENS else closing if c in _CLOSES else c for c in told))
    return list(dict.fromkeys(found))


def _narrow(character: str) -> str:
    if character in _OPENS or character in _CLOSES:
        return character
    narrow = unicodedata.normalize("NFKC", character)
    return narrow if narrow.isascii() and narrow.isalnum() else character


def code_of(text: str) -> str | None:
    """A typed code in capitals of half width: 18 characters today, 9 to 20 of old; None when it has no such form."""
    code = "".join(unicodedata.normalize("NFKC", text).split()).upper().replace("-", "")
    return code if re.fullmatch(r"[0-9A-Z]{9,20}", code) and sum(c.isdigit() for c in code) >= 6 else None


def sort_of_search(text: str) -> str:
    """Whether one typed line means a ``code``, a ``document_no`` or a part of a ``name``."""
    if code_of(text):
        return "code"
    numbered = re.search(r"\d", text) and (text.rstrip().endswith("号") or any(c in _OPENS for c in text))
    return "document_no" if numbered else "name"


# --- what is shown ---------------------------------------------------------------------------------------------------


def kind_of(item_code: str) -> str:
    """``licence``, ``penalty`` or ``other``."""
    found = ITEM_CODE.fullmatch(item_code)
    return next((kind for kind, part in _PART_OF_CODE.items() if found and found[1] == part), "other")


def items_of_kind(items: Mapping[str, Item], kind: str) -> dict[str, Item]:
    """The catalogue's items of legal entities that are open to the public, by code."""
    return {
        code: item
        for code, item in items.items()
        if item.subject == "legal_entity" and item.public and kind in ("all", kind_of(code))
    }


_ID_NUMBER = re.compile(
    r"(?<![0-9A-Za-z])([1-68][0-9]{5})(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx](?![0-9A-Za-z])"
)


def without_id_numbers(value: Any) -> Any:
    """A text in which a resident's number, pasted among the facts by mistake, cannot be read."""
    return _ID_NUMBER.sub(lambda found: f"{found[1]}************", value) if isinstance(value, str) else value


@dataclass(frozen=True)
class Column:
    """A column of the standard with its official name; ``value`` None where nothing was reported."""

    name: str
    title: str
    value: Any


def columns_of(item: Item) -> list[tuple[str, str]]:
    """The columns of an item that are published: name and official title, in the catalogue's order."""
    return [(field.name, field.title) for field in item.fields if may_be_published(field.name)]


def content_of(item: Item, said: Mapping[str, Any], severities: Mapping[str, str]) -> list[Column]:
    """Every published column of a record. ``said``: its reported columns and those of the archive, by name."""
    return [
        Column(name, title, _in_words(name, item, without_id_numbers(said.get(name)), severities))
        for name, title in columns_of(item)
    ]


def _in_words(name: str, item: Item, value: Any, severities: Mapping[str, str]) -> Any:
    if value == "":
        return None
    return severities.get(value, value) if name == item.severity_field else value


# --- the clock, and how it ends early --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Repair:
    """How publicity ends early. ``from_on``: the first day on which it may be asked for; None where the document does
    not say how grave the conduct was. Working days: of the answer from the application, of the decision from its
    acceptance.
    """

    severity: str
    from_on: date | None
    feedback_workdays: int | None
    decision_workdays: int | None
    basis: tuple[str, ...]


def repair_of(item: Item, said: Mapping[str, Any], decided_on: date, deadlines: Mapping[str, Any]) -> Repair:
    """How the publicity of an adverse record may be ended (order 36): after the least period, by whoever decided."""
    severity = {s["id"]: s for s in deadlines.get("publicity", [])}.get(str(said.get(item.severity_field or "")))
    clocks = {c["id"]: c for c in deadlines.get("clocks", [])}
    feedback, decision = clocks.get("repair_feedback", {}), clocks.get("repair_decide", {})
    basis = [part.get("basis", "") for part in (severity or {}, decision, feedback)]
    return Repair(
        severity["name"] if severity else "",
        decided_on + timedelta(days=severity["minimum_days"]) if severity else None,
        feedback.get("workdays"), decision.get("workdays"), tuple(dict.fromkeys(filter(None, basis))),
    )  # fmt: skip


def elapsed(decided_on: date, until_on: date, today: date) -> float:
    """How much of a record's publicity is over, from 0 to 1. The last day is within it."""
    whole = (until_on - decided_on).days + 1
    return min(max((today - decided_on).days / whole, 0.0), 1.0) if whole > 0 else 1.0


# --- the extract -----------------------------------------------------------------------------------------------------

HEADER = (
    "数据日期", "信息类别", "目录条目", "主体名称", "统一社会信用代码", "标题", "公示截止日期", "公示状态",
    "公示依据", "记录编号",
)  # fmt: skip
"""What every row of an extract begins with; the item's own columns follow under their official names."""
REST = "其他内容"


def cell(value: object) -> str:
    """A value as text that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return safe("" if value is None else str(value).replace("\x00", ""))


def extract_columns(items: Iterable[Item]) -> list[tuple[str, str]]:
    """The columns of several items, each once by name, under the first one's title."""
    found: dict[str, str] = {}
    for item in items:
        for name, title in columns_of(item):
            found.setdefault(name, title)
    return list(found.items())


def rest_of(content: Sequence[Column]) -> str:
    """What a record says, in one cell: ``title：value`` of every column that says something."""
    return "；".join(f"{column.title}：{column.value}" for column in content if column.value is not None)
