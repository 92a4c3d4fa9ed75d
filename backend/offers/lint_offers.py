"""What an offer is and gives: its names, numbers, days, benefit, and how it is admitted offline. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from backend.offers.checks import LARGEST_PRICE_FEN, LONGEST_CODE_SECONDS, Check, Item, Names, texts, whole, within
from backend.offers.rules import WINDOWS

LARGEST_POINTS = 1_000_000
LARGEST_STOCK = 10_000_000

BENEFITS: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "free_ticket": {"persons": (1, 20)},
    "percent_off": {"percent_off": (1, 100)},
    "amount_off": {"amount_fen": (1, 100_000_000)},
    "deposit_free": {"up_to_fen": (1, 1_000_000_000)},
    "pay_after": {"up_to_fen": (1, 1_000_000_000)},
    "green_lane": {},
    "free_minutes": {"minutes": (1, 100_000)},
    "service": {},
    "upgrade": {},
    "goods": {"quantity": (1, 1000)},
}
"""Benefit types, and the members each needs with their least and largest value (fen, minutes, percent, pieces)."""

KINDS: Mapping[str, frozenset[str]] = {
    "ticket": frozenset({"free_ticket", "percent_off", "amount_off"}),
    "percent_off": frozenset({"percent_off"}),
    "deposit_free": frozenset({"deposit_free"}),
    "pay_after": frozenset({"pay_after"}),
    "green_lane": frozenset({"green_lane", "service"}),
    "transit_discount": frozenset({"percent_off", "amount_off", "free_ticket"}),
    "parking": frozenset({"free_minutes", "percent_off", "amount_off"}),
    "goods": frozenset({"goods"}),
    "service": frozenset({"service"}),
    "upgrade": frozenset({"upgrade", "service"}),
}
"""Kinds of offer, and which types of benefit each may give."""

REFUNDS = ("until_used", "none")
OFFLINE_MODES = ("none", "uses", "value")

OFFER_KEYS = frozenset((
    "slug", "scene", "partner", "venues", "title", "kind", "summary", "benefit", "benefit_text", "price_points",
    "level_floor", "consents", "residents_of", "stock_total", "per_person", "coupon_valid_days", "uses", "refund",
    "offline", "code_lifetime_seconds", "basis", "basic_public_service", "first_timers_only", "starts_on", "ends_on",
    "status", "age", "stock_per_day", "slots", "blackout", "stacking_group", "funding_account",
    "settlement_price_fen", "late_refund", "obligation",
))  # fmt: skip
"""Every key that an offer may have. An unknown one is refused: nobody smuggles in a rule that nobody reads."""


def _keys(offer: Item, names: Names) -> Iterator[str]:
    for key in sorted(set(offer) - OFFER_KEYS):
        yield f"不认识的字段 {key}"
    yield from texts(offer, title=80, summary=400, benefit_text=120, basis=400)
    if offer.get("status", "open") not in ("open", "closed"):
        yield "status 应为 open 或 closed"
    if offer.get("refund", "until_used") not in REFUNDS:
        yield f"refund 应为 {'、'.join(REFUNDS)} 之一"


def _names(offer: Item, names: Names) -> Iterator[str]:
    if offer.get("scene") not in names.scenes:
        yield f"没有场景 {offer.get('scene')!r}"
    if offer.get("partner") not in names.partners:
        yield f"没有合作机构 {offer.get('partner')!r}"
    venues = offer.get("venues")
    if not isinstance(venues, list) or not venues:
        yield "venues 至少要有一个场所"
        return
    for slug in venues:
        if names.venues.get(str(slug)) is None:
            yield f"没有场所 {slug!r}"
        elif names.venues[str(slug)] != offer.get("partner"):
            yield f"场所 {slug} 不属于合作机构 {offer.get('partner')}"
    if len({str(slug) for slug in venues}) != len(venues):
        yield "venues 中有重复"


def _numbers(offer: Item, names: Names) -> Iterator[str]:
    yield from whole(offer, "price_points", 0, LARGEST_POINTS)
    yield from whole(offer, "stock_total", 0, LARGEST_STOCK, 0)
    yield from whole(offer, "stock_per_day", 0, LARGEST_STOCK, 0)
    yield from whole(offer, "coupon_valid_days", 0, 3660)
    yield from whole(offer, "settlement_price_fen", 0, LARGEST_PRICE_FEN, 0)
    yield from whole(offer, "uses", 1, 1000, 1)
    yield from whole(offer, "code_lifetime_seconds", 30, LONGEST_CODE_SECONDS, 300)
    if (person := offer.get("per_person")) is not None:
        if not isinstance(person, dict) or set(person) - {"limit", "window"}:
            yield "per_person 应写作 {limit, window}"
        else:
            yield from within("per_person", whole(person, "limit", 1, 10_000))
            if person.get("window") not in WINDOWS:
                yield f"per_person.window 应为 {'、'.join(WINDOWS)} 之一"


def _days(offer: Item, names: Names) -> Iterator[str]:
    days = {}
    for key in ("starts_on", "ends_on"):
        try:
            days[key] = date.fromisoformat(offer[key]) if key in offer else None
        except (TypeError, ValueError):
            yield f"{key} 应为日期"
    if len(days) == 2 and days["starts_on"] and days["ends_on"] and days["ends_on"] < days["starts_on"]:
        yield "ends_on 早于 starts_on"


def _benefit(offer: Item, names: Names) -> Iterator[str]:
    kind, benefit = offer.get("kind"), offer.get("benefit")
    if kind not in KINDS:
        yield f"kind = {kind!r}，应为 {'、'.join(KINDS)} 之一"
        return
    if not isinstance(benefit, dict) or benefit.get("type") not in BENEFITS:
        yield f"benefit.type 应为 {'、'.join(BENEFITS)} 之一"
        return
    if benefit["type"] not in KINDS[str(kind)]:
        yield f"kind = {kind} 不能给出 {benefit['type']}，可以是 {'、'.join(sorted(KINDS[str(kind)]))}"
    members = BENEFITS[benefit["type"]]
    for key in sorted(set(benefit) - set(members) - {"type"}):
        yield f"benefit 中不认识的字段 {key}"
    for key, (least, most) in members.items():
        # A benefit below its least value would take something away, which no offer may.
        yield from within("benefit", whole(benefit, key, least, most))


def _offline(offer: Item, names: Names) -> Iterator[str]:
    offline = offer.get("offline", {"mode": "none"})
    if not isinstance(offline, dict) or offline.get("mode") not in OFFLINE_MODES:
        yield f"offline.mode 应为 {'、'.join(OFFLINE_MODES)} 之一"
        return
    for key in sorted(set(offline) - {"mode", "max_uses", "max_value_fen", "code_lifetime_seconds"}):
        yield f"offline 中不认识的字段 {key}"
    if offline["mode"] == "uses":
        yield from within("offline", whole(offline, "max_uses", 1, 100_000))
    if offline["mode"] == "value":
        yield from within("offline", whole(offline, "max_value_fen", 1, LARGEST_PRICE_FEN))
        if not _value_fen(offer):
            yield "offline.mode = value 需要 settlement_price_fen，否则无从计算离线放行的金额"
    if offline["mode"] != "none":
        yield from within("offline", whole(offline, "code_lifetime_seconds", 30, LONGEST_CODE_SECONDS, 300))


def _value_fen(offer: Item) -> Any:
    return offer.get("settlement_price_fen", 0)


CHECKS: tuple[Check, ...] = (_keys, _names, _numbers, _days, _benefit, _offline)
