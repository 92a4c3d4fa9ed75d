"""How a case goes, and what a change makes of the city's file: pure functions."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from stdnum.cn import uscc

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
MOST_SLUG = 60
TOKEN = re.compile(r"pf1\.[A-Za-z0-9_-]{43}")
CLOSED = ("approved", "refused", "withdrawn", "lapsed")
STATUSES = ("submitted", "returned", "proposed", *CLOSED)
DECISIONS = ("approved", "returned", "refused")
STATUS_TEXT = {
    "submitted": "已提交，待审核", "returned": "已退回，待补正", "proposed": "审核通过，待另一个人批准",
    "approved": "已批准", "refused": "不予批准", "withdrawn": "已撤回", "lapsed": "逾期未补正，已办结",
}  # fmt: skip

CONTACT_KEPT_DAYS = 90
"""Days after a case is closed for which the contact is kept, unless the city's file says otherwise (0 to 365)."""
RETURNED_DAYS = 30
"""Days within which a returned application is corrected before it lapses, unless the city's file says otherwise."""
PERIODS = {"contact_kept_days": (0, 365, CONTACT_KEPT_DAYS), "returned_days": (1, 365, RETURNED_DAYS)}

NAMES = {"partners": "合作机构", "venues": "场所", "offers": "优惠"}
OFFICES_OWN = {"settlement_price_fen": 0, "funding_account": ""}
"""What of an offer the office alone sets, and what it is where nothing is said."""
_MARK = "；本版依据："


def credit_code(text: str) -> str | None:
    """A unified social credit code in its normal form (GB 32100: 18 characters, capitals); None when it is none."""
    code = str(uscc.compact(text)).upper()
    return code if len(code) == 18 and code.isascii() and uscc.is_valid(code) else None


def after(status: str, approval_state: str, decision: str, stale: bool) -> str | None:
    """How a case stands after the office's decision; None when there is none to take now.

    ``approval_state``: of the proposal that a case in ``proposed`` hangs on. ``stale``: the policy that the proposal
    was made against is no longer the one in force, so that it can only be refused or made anew.
    """
    if status == "returned" and decision == "refused":
        return "refused"
    waits = status == "proposed" and approval_state == "proposed" and not stale
    if status not in ("submitted", "proposed") or approval_state == "approved" or waits:
        return None
    return "proposed" if decision == "approved" else decision


def merged(content: Mapping[str, Any], change: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """The content with items changed or added, each in its list by its ``slug``; everything else as it is."""
    made = dict(content)
    for key, items in change.items():
        new = {item["slug"]: dict(item) for item in items}
        kept = [new.pop(item["slug"], item) for item in made.get(key, ())]
        made[key] = [*kept, *new.values()]
    return made


def dated(content: Mapping[str, Any], today: date, begins_on: date, taken: Collection[str], why: str) -> dict[str, Any]:
    """The content as a version of its own: named by the day and a counter, in force from today on, or from
    ``begins_on`` where the version that it follows begins later. ``why`` is told after the file's own basis."""
    effective_on = max(today, begins_on)
    count = next(n for n in range(1, 10_000) if f"{effective_on.isoformat()}.p{n}" not in taken)
    basis = str(content.get("basis", "")).partition(_MARK)[0]
    version = f"{effective_on.isoformat()}.p{count}"
    return {**content, "version": version, "effective_on": effective_on.isoformat(), "basis": f"{basis}{_MARK}{why}"}


def item_of(content: Mapping[str, Any], key: str, slug: str) -> dict[str, Any] | None:
    """The item of a list that is called so."""
    return next((dict(item) for item in content.get(key, ()) if item.get("slug") == slug), None)


def own_items(content: Mapping[str, Any], key: str, partner: str) -> list[dict[str, Any]]:
    """A partner's items of a list, in the file's order."""
    return [dict(item) for item in content.get(key, ()) if item.get("partner") == partner]


def numbered(stem: str, taken: Collection[str]) -> str:
    """``stem-n`` with the least number that is not taken, within the length of a slug."""
    stem = stem[: MOST_SLUG - 6].rstrip("-")
    return next(name for n in range(1, 100_000) if (name := f"{stem}-{n}") not in taken)


def periods(city: Mapping[str, Any]) -> dict[str, int]:
    """The periods of ``[partners]`` in the city's file, in days, with what holds where it says nothing."""
    said = city.get("partners", {})
    return {name: said.get(name, default) for name, (_, _, default) in PERIODS.items()}


def lint(content: Mapping[str, Any]) -> list[str]:
    """What is wrong with ``[partners]`` in the city's file."""
    said = content.get("partners", {})
    if not isinstance(said, dict):
        return ["partners 应为表"]
    problems = [f"partners.{name}：没有这一项" for name in sorted(set(said) - set(PERIODS))]
    for name, (least, most, _) in PERIODS.items():
        if name in said and (type(said[name]) is not int or not least <= said[name] <= most):
            problems.append(f"partners.{name} 应为 {least} 至 {most} 的整数（天）")
    return problems
