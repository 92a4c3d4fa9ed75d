"""What an offer asks beyond points: age, time slots, closed days, groups; who pays, and what it binds to. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from backend.offers import rules
from backend.offers.checks import SLUG, Check, Item, Names, days, is_whole, numbers, table, whole, within

OBLIGING = ("pay_after", "deposit_free")
"""Kinds of offer whose use may bind its holder to something."""
LATE = ("expire", "grace")
SLOT_KEYS = frozenset({"minutes", "open", "weekdays", "capacity", "days_ahead", "early_minutes", "no_show"})
NO_SHOW_KEYS = frozenset({"strikes", "within_days", "pause_days"})


def _age(offer: Item, names: Names) -> Iterator[str]:
    if (age := offer.get("age")) is None:
        return
    if problems := list(table(offer, "age", frozenset({"from", "to"}))):
        yield from problems
        return
    yield from within("age", whole(age, "from", 0, 150, 0))
    yield from within("age", whole(age, "to", 0, 150, 150))
    if is_whole(age.get("from", 0), 0, 150) and is_whole(age.get("to", 150), 0, 150):
        if age.get("from", 0) > age.get("to", 150):
            yield "age.from 大于 age.to"
        if not age:
            yield "age 应写明 from 或 to"


def _slots(offer: Item, names: Names) -> Iterator[str]:
    if (slots := offer.get("slots")) is None:
        return
    if problems := list(table(offer, "slots", SLOT_KEYS)):
        yield from problems
        return
    yield from within("slots", whole(slots, "minutes", 5, 1440))
    yield from within("slots", whole(slots, "capacity", 1, 100_000))
    yield from within("slots", whole(slots, "days_ahead", 0, 366, 14))
    yield from within("slots", whole(slots, "early_minutes", 0, 1440, 0))
    if not numbers(slots.get("weekdays", [1, 2, 3, 4, 5, 6, 7]), 1, 7) or not slots.get("weekdays", [1]):
        yield "slots.weekdays 应为 1（周一）至 7（周日）的列表"
    yield from within("slots", _open(slots))
    if offer.get("uses", 1) != 1:
        yield "分时段的优惠每张券只能用一次（uses = 1）"
    if "no_show" in slots:
        yield from within("slots", table(slots, "no_show", NO_SHOW_KEYS))
        if isinstance(slots["no_show"], dict):
            for key, most in (("strikes", 20), ("within_days", 366), ("pause_days", 366)):
                yield from within("slots.no_show", whole(slots["no_show"], key, 1, most))


def _open(slots: Item) -> Iterator[str]:
    said = slots.get("open")
    spans = [rules.open_minutes(text) for text in said] if isinstance(said, list) else []
    if not spans or None in spans:
        yield 'open 应为时段列表，如 ["09:00-11:00", "14:00-17:00"]，止于 24:00'
        return
    known = sorted(span for span in spans if span is not None)
    if any(later[0] < earlier[1] for earlier, later in pairwise(known)):
        yield "open 的时段相互重叠"
    minutes = slots.get("minutes", 0)
    if is_whole(minutes, 5, 1440) and any((end - start) % minutes for start, end in known):
        yield f"open 的每个时段应是 {minutes} 分钟的整数倍"


def _blackout(offer: Item, names: Names) -> Iterator[str]:
    if (blackout := offer.get("blackout")) is None:
        return
    if problems := list(table(offer, "blackout", frozenset({"days", "weekdays", "use_too"}))):
        yield from problems
        return
    if not days(blackout.get("days", [])):
        yield "blackout.days 应为日期列表"
    if not numbers(blackout.get("weekdays", []), 1, 7):
        yield "blackout.weekdays 应为 1（周一）至 7（周日）的列表"
    elif len(blackout.get("weekdays", [])) == 7:
        yield "blackout.weekdays 不能是每一天"
    if not isinstance(blackout.get("use_too", False), bool):
        yield "blackout.use_too 应为 true 或 false"


def _group(offer: Item, names: Names) -> Iterator[str]:
    group = offer.get("stacking_group", "")
    if group and (not isinstance(group, str) or not SLUG.fullmatch(group) or len(group) > 40):
        yield f"stacking_group = {group!r} 应为小写字母、数字和连字符，至多 40 个字符"


def _funding(offer: Item, names: Names) -> Iterator[str]:
    account = offer.get("funding_account", "")
    if account and account not in names.funders:
        yield f"funding_account = {account!r}，应为 office（项目办公室）、本文件的合作机构或本市的社区"
    if account and not offer.get("settlement_price_fen"):
        yield "写明 funding_account 时要写明 settlement_price_fen"


def _late_refund(offer: Item, names: Names) -> Iterator[str]:
    if (late := offer.get("late_refund")) is None:
        return
    if problems := list(table(offer, "late_refund", frozenset({"to", "grace_days"}))):
        yield from problems
        return
    if late.get("to") not in LATE:
        yield f"late_refund.to 应为 {'、'.join(LATE)} 之一"
    if late.get("to") == "grace":
        yield from within("late_refund", whole(late, "grace_days", 0, 366))


def _obligation(offer: Item, names: Names) -> Iterator[str]:
    kind, said = offer.get("kind"), offer.get("obligation")
    if said is None:
        if kind == "pay_after":
            yield "kind = pay_after 必须写明 obligation：多久内付清、何时提醒"
        return
    if problems := list(table(offer, "obligation", frozenset({"kind", "due_hours", "remind_hours_before"}))):
        yield from problems
        return
    if kind not in OBLIGING:
        yield f"obligation 只能用于 kind = {'、'.join(OBLIGING)}"
    if said.get("kind") != kind:
        yield f"obligation.kind = {said.get('kind')!r}，应与 kind 一致"
    yield from within("obligation", whole(said, "due_hours", 1, 8760))
    remind = said.get("remind_hours_before", [])
    due = said["due_hours"] if is_whole(said.get("due_hours"), 1, 8760) else 8760
    if not numbers(remind, 1, due) or len(remind) > 5:
        yield "obligation.remind_hours_before 应为至多 5 个不同的小时数，不超过 due_hours"


CHECKS: tuple[Check, ...] = (_age, _slots, _blackout, _group, _funding, _late_refund, _obligation)
