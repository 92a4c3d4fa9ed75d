"""What a city may declare about departures and looks, and what is safe to write: pure functions over facts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

LOOK_FIELDS = (
    "name", "id_number", "phone", "birth_on", "bound_at", "consents", "communities", "balance_points", "records",
)  # fmt: skip
"""What a look may ask for in clear. A score is not among them: no counter needs it."""

LOOK_ROLES = ("counter-clerk", "office")
PRESENT = "本人在场"
"""The authorisation that the person's own presence gives; it counts at a counter only."""

MOST_DAYS = 3660
MOST_LOOKS = 1000
_ID = re.compile(r"[a-z][a-z0-9-]{1,38}")
_DOCUMENT = re.compile(r"(?=.*[0-9])[\w〔〕（）()\[\]【】—/.．·# -]{4,80}")
_PERSONAL_NUMBER = re.compile(r"[0-9]{11,}")


class Purpose(NamedTuple):
    """Why staff may look: ``fields`` are the most that may be asked for, ``roles`` who may give this reason."""

    id: str
    title: str
    basis: str
    fields: tuple[str, ...]
    roles: tuple[str, ...]


def purposes(looks: Mapping[str, Any]) -> dict[str, Purpose]:
    """The purposes of a linted ``[looks]``, by id."""
    return {
        item["id"]: Purpose(item["id"], item["title"], item["basis"], tuple(item["fields"]), tuple(item["roles"]))
        for item in looks["purposes"]
    }


def authorisation_problem(text: str, at_counter: bool) -> tuple[str, str] | None:
    """What is wrong with the authorisation of a look, in Chinese and English; None when nothing is.

    A document's or case's number, 4 to 80 characters with a figure in it; at a counter also ``本人在场``. It stands in
    the log for years, so a number that could be a person's own is refused.
    """
    if text == PRESENT:
        if at_counter:
            return None
        return "请写明文书号或案号。", "Give the number of the document or the case."
    if _PERSONAL_NUMBER.search(text):
        return "不要填写身份证号、手机号。", "No id number and no phone belongs here."
    if not _DOCUMENT.fullmatch(text):
        known = f"“{PRESENT}”，或" if at_counter else ""
        return (
            f"应为{known}文书号、案号（4 至 80 个字符，含数字）。",
            "A document or case number (4 to 80).",
        )
    return None


def lint(content: Mapping[str, Any], contents: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What is wrong with ``[departure]`` and ``[looks]`` of ``city.toml``, in Chinese."""
    return [
        *_lint_departure(content.get("departure"), contents.get("catalogue", {})),
        *_lint_looks(content.get("looks")),
    ]


def _lint_departure(found: Any, catalogue: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(found, dict):
        yield "缺少 [departure]：退出后保留什么、多久、依据什么"
        return
    if not isinstance(found.get("confirmation"), str) or not 4 <= len(found["confirmation"].strip()) <= 40:
        yield "departure.confirmation 应为 4 至 40 个字"
    yield from _days(found.get("backup_days"), "departure.backup_days")
    for name in ("tombstone", "proof"):
        yield from _days(found.get(f"{name}_days"), f"departure.{name}_days")
        if not isinstance(found.get(f"{name}_basis"), str) or not found[f"{name}_basis"].strip():
            yield f"departure.{name}_basis：必须写明依据"
    known = {item.get("code") for item in catalogue.get("items", ()) if isinstance(item, dict)}
    for item in found.get("kept_records", []):
        if not isinstance(item, dict) or item.get("item_code") not in known:
            yield f"departure.kept_records：目录中没有 {item!r}"
            continue
        yield from _days(item.get("days"), f"departure.kept_records {item['item_code']}")
        if not isinstance(item.get("basis"), str) or not item["basis"].strip():
            yield f"departure.kept_records {item['item_code']}：必须写明法律依据"


def _days(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_DAYS:
        yield f"{name}：应为 1 至 {MOST_DAYS} 天"


def _lint_looks(found: Any) -> Iterator[str]:
    if not isinstance(found, dict) or not isinstance(found.get("purposes"), list) or not found["purposes"]:
        yield "缺少 [looks] 和 [[looks.purposes]]：工作人员为什么可以查看"
        return
    most = found.get("per_day")
    if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= MOST_LOOKS:
        yield f"looks.per_day：应为 1 至 {MOST_LOOKS}"
    ids = [item.get("id") for item in found["purposes"] if isinstance(item, dict)]
    if len(set(map(str, ids))) != len(found["purposes"]):
        yield "looks.purposes：id 重复，或不是一项"
        return
    for item in found["purposes"]:
        yield from _lint_purpose(item)


def _lint_purpose(item: Mapping[str, Any]) -> Iterator[str]:
    where = f"looks.purposes {item.get('id')!r}"
    if not isinstance(item.get("id"), str) or not _ID.fullmatch(item["id"]):
        yield f"{where}：id 应为小写字母、数字和连字符"
    for name, most in (("title", 60), ("basis", 200)):
        if not isinstance(item.get(name), str) or not 1 <= len(item[name].strip()) <= most:
            yield f"{where}：{name} 应为 1 至 {most} 个字"
    for name, known in (("fields", LOOK_FIELDS), ("roles", LOOK_ROLES)):
        values = item.get(name)
        if not isinstance(values, list) or not values or not set(map(str, values)) <= set(known):
            yield f"{where}：{name} 应取自 {'、'.join(known)}"


def unique(items: Sequence[Any]) -> list[Any]:
    """Each once, in the order of first sight."""
    return list(dict.fromkeys(items))
