"""What a city's ``perks.toml`` may say, checked before anything of it is loaded. Pure; problems in Chinese.

The score law is kept here: an offer only ever adds; no rule asks for *less* credit than somebody has; a basic public
service may be made quicker for everybody, and is never gated by a level, a consent or a price.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from stdnum.cn import uscc

from backend.offers.rules import WINDOWS

Items = list[Mapping[str, Any]]
Check = Callable[[Mapping[str, Any], "Names"], Iterator[str]]

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LARGEST_POINTS = 1_000_000
LARGEST_STOCK = 10_000_000
LARGEST_PRICE_FEN = 100_000_000
LONGEST_CODE_SECONDS = 7 * 24 * 3600

BENEFITS: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "free_ticket": {"persons": (1, 20)},
    "percent_off": {"percent_off": (1, 100)},
    "amount_off": {"amount_fen": (1, 100_000_000)},
    "deposit_free": {"up_to_fen": (1, 1_000_000_000)},
    "green_lane": {},
    "free_minutes": {"minutes": (1, 100_000)},
    "service": {},
    "goods": {"quantity": (1, 1000)},
}
"""Benefit types, and the members each needs with their least and largest value (fen, minutes, percent, pieces)."""

KINDS: Mapping[str, frozenset[str]] = {
    "ticket": frozenset({"free_ticket", "percent_off", "amount_off"}),
    "percent_off": frozenset({"percent_off"}),
    "deposit_free": frozenset({"deposit_free"}),
    "green_lane": frozenset({"green_lane", "service"}),
    "transit_discount": frozenset({"percent_off", "amount_off", "free_ticket"}),
    "parking": frozenset({"free_minutes", "percent_off", "amount_off"}),
    "goods": frozenset({"goods"}),
    "service": frozenset({"service"}),
}
"""Kinds of offer, and which types of benefit each may give."""

REFUNDS = ("until_used", "none")
OFFLINE_MODES = ("none", "uses", "value")

OFFER_KEYS = frozenset(
    {
        "slug",
        "scene",
        "partner",
        "venues",
        "title",
        "kind",
        "summary",
        "benefit",
        "benefit_text",
        "price_points",
        "level_floor",
        "consents",
        "residents_of",
        "stock_total",
        "per_person",
        "coupon_valid_days",
        "uses",
        "refund",
        "offline",
        "code_lifetime_seconds",
        "basis",
        "basic_public_service",
        "first_timers_only",
        "starts_on",
        "ends_on",
        "status",
        "settlement_price_fen",
        "funding_account",
        "obligation",
    }
)
"""Every key that an offer may have. An unknown one is refused: nobody smuggles in a rule that nobody reads."""


class Names:
    """What an offer may refer to."""

    def __init__(self, content: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]) -> None:
        def known(kind: str, key: str, name: str) -> set[str]:
            return {str(item.get(name)) for item in _items(others.get(kind, {}), key)}

        self.scenes = {str(scene.get("id")) for scene in _items(content, "scenes")}
        self.partners = {str(partner.get("slug")) for partner in _items(content, "partners")}
        self.venues = {str(v.get("slug")): str(v.get("partner")) for v in _items(content, "venues")}
        self.levels = known("scoring", "levels", "id")
        self.purposes = known("consents", "purposes", "id")
        self.communities = known("community", "communities", "slug")


def _items(content: Mapping[str, Any], key: str) -> Items:
    found = content.get(key, [])
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def lint(content: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Every problem of a ``perks`` policy. ``others``: the contents of all kinds, for what offers refer to."""
    names = Names(content, others)
    problems = [*_shape(content), *_scenes(content), *_partners(content), *_venues(content, names)]
    for offer in _items(content, "offers"):
        who = f"优惠 {offer.get('slug') or offer.get('title') or '（无名）'}"
        problems += [f"{who}：{problem}" for check in CHECKS for problem in check(offer, names)]
    return problems


def _shape(content: Mapping[str, Any]) -> Iterator[str]:
    for key, name in (("scenes", "id"), ("partners", "slug"), ("venues", "slug"), ("offers", "slug")):
        if not isinstance(content.get(key), list) or not content[key]:
            yield f"缺少 [[{key}]]"
        counted = Counter(str(item.get(name)) for item in _items(content, key))
        for value, count in counted.items():
            if count > 1:
                yield f"[[{key}]] 中 {name} = {value} 重复"
            if not SLUG.fullmatch(value) or len(value) > (20 if key == "scenes" else 60):
                yield f"[[{key}]] 中 {name} = {value!r} 应为小写字母、数字和连字符"


def _scenes(content: Mapping[str, Any]) -> Iterator[str]:
    for scene in _items(content, "scenes"):
        yield from (f"场景 {scene.get('id')}：{problem}" for problem in _texts(scene, name=40, description=400))


def _partners(content: Mapping[str, Any]) -> Iterator[str]:
    for partner in _items(content, "partners"):
        who = f"合作机构 {partner.get('slug')}"
        yield from (f"{who}：{problem}" for problem in _texts(partner, name=80))
        code = partner.get("unified_social_credit_code")
        if not isinstance(code, str) or not uscc.is_valid(code) or uscc.compact(code) != code:
            yield f"{who}：统一社会信用代码 {code!r} 不符合 GB 32100"


def _venues(content: Mapping[str, Any], names: Names) -> Iterator[str]:
    for venue in _items(content, "venues"):
        who = f"场所 {venue.get('slug')}"
        yield from (f"{who}：{problem}" for problem in _texts(venue, name=80, address=200))
        if venue.get("partner") not in names.partners:
            yield f"{who}：没有合作机构 {venue.get('partner')!r}"
        for key, least, most in (("lat", 3.0, 54.0), ("lon", 73.0, 136.0)):
            value = venue.get(key)
            if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
                yield f"{who}：{key} = {value!r} 不在中国境内"


def _texts(item: Mapping[str, Any], **most: int) -> Iterator[str]:
    for key, length in most.items():
        value = item.get(key)
        if not isinstance(value, str) or not 1 <= len(value.strip()) <= length:
            yield f"{key} 应为 1 至 {length} 个字符的文字"


def _whole(item: Mapping[str, Any], key: str, least: int, most: int, default: int | None = None) -> Iterator[str]:
    value = item.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        yield f"{key} = {value!r}，应为 {least} 至 {most} 的整数"


def _offer_keys(offer: Mapping[str, Any], names: Names) -> Iterator[str]:
    for key in sorted(set(offer) - OFFER_KEYS):
        yield f"不认识的字段 {key}"
    yield from _texts(offer, title=80, summary=400, benefit_text=120, basis=400)
    if offer.get("status", "open") not in ("open", "closed"):
        yield "status 应为 open 或 closed"
    if offer.get("refund", "until_used") not in REFUNDS:
        yield f"refund 应为 {'、'.join(REFUNDS)} 之一"


def _offer_names(offer: Mapping[str, Any], names: Names) -> Iterator[str]:
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


def _offer_numbers(offer: Mapping[str, Any], names: Names) -> Iterator[str]:
    yield from _whole(offer, "price_points", 0, LARGEST_POINTS)
    yield from _whole(offer, "stock_total", 0, LARGEST_STOCK, 0)
    yield from _whole(offer, "coupon_valid_days", 0, 3660)
    yield from _whole(offer, "settlement_price_fen", 0, LARGEST_PRICE_FEN, 0)
    yield from _whole(offer, "uses", 1, 1000, 1)
    yield from _whole(offer, "code_lifetime_seconds", 30, LONGEST_CODE_SECONDS, 300)
    if (person := offer.get("per_person")) is not None:
        if not isinstance(person, dict) or set(person) - {"limit", "window"}:
            yield "per_person 应写作 {limit, window}"
        else:
            yield from (f"per_person.{problem}" for problem in _whole(person, "limit", 1, 10_000))
            if person.get("window") not in WINDOWS:
                yield f"per_person.window 应为 {'、'.join(WINDOWS)} 之一"


def _offer_days(offer: Mapping[str, Any], names: Names) -> Iterator[str]:
    days = {}
    for key in ("starts_on", "ends_on"):
        try:
            days[key] = date.fromisoformat(offer[key]) if key in offer else None
        except (TypeError, ValueError):
            yield f"{key} 应为日期"
    if len(days) == 2 and days["starts_on"] and days["ends_on"] and days["ends_on"] < days["starts_on"]:
        yield "ends_on 早于 starts_on"


def _offer_benefit(offer: Mapping[str, Any], names: Names) -> Iterator[str]:
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
        yield from (f"benefit.{problem}" for problem in _whole(benefit, key, least, most))


def _offer_offline(offer: Mapping[str, Any], names: Names) -> Iterator[str]:
    offline = offer.get("offline", {"mode": "none"})
    if not isinstance(offline, dict) or offline.get("mode") not in OFFLINE_MODES:
        yield f"offline.mode 应为 {'、'.join(OFFLINE_MODES)} 之一"
        return
    for key in sorted(set(offline) - {"mode", "max_uses", "max_value_fen", "code_lifetime_seconds"}):
        yield f"offline 中不认识的字段 {key}"
    if offline["mode"] == "uses":
        yield from (f"offline.{problem}" for problem in _whole(offline, "max_uses", 1, 100_000))
    if offline["mode"] == "value":
        yield from (f"offline.{problem}" for problem in _whole(offline, "max_value_fen", 1, LARGEST_PRICE_FEN))
        benefit = offer["benefit"] if isinstance(offer.get("benefit"), dict) else {}
        if not (offer.get("settlement_price_fen") or benefit.get("amount_fen") or benefit.get("up_to_fen")):
            yield "offline.mode = value 要有按次的价值：settlement_price_fen，或以分计的 benefit"
    if offline["mode"] != "none":
        lifetime = _whole(offline, "code_lifetime_seconds", 30, LONGEST_CODE_SECONDS, 300)
        yield from (f"offline.{problem}" for problem in lifetime)


def _offer_score_law(offer: Mapping[str, Any], names: Names) -> Iterator[str]:
    floor, consents = offer.get("level_floor", ""), offer.get("consents", [])
    if not isinstance(consents, list) or not all(isinstance(purpose, str) for purpose in consents):
        yield "consents 应为同意事项的列表"
        return
    for purpose in consents:
        if purpose not in names.purposes:
            yield f"没有同意事项 {purpose!r}"
    if floor and floor not in names.levels:
        yield f"没有信用等级 {floor!r}"
    if floor and "score" not in consents:
        yield '信用分法则：设有 level_floor 的优惠必须以 consents = ["score"] 取得本人授权'
    if not floor and "score" in consents:
        yield "信用分法则：没有 level_floor 的优惠不得索取信用分授权"
    if (community := offer.get("residents_of")) and community not in names.communities:
        yield f"没有社区 {community!r}"


def _offer_basic_service(offer: Mapping[str, Any], names: Names) -> Iterator[str]:
    basic = offer.get("basic_public_service", False)
    if not isinstance(basic, bool):
        yield "basic_public_service 应为 true 或 false"
    if basic is not True:
        return
    if offer.get("level_floor"):
        yield "信用分法则：基本公共服务不得以信用等级为门槛"
    if offer.get("consents"):
        yield "信用分法则：基本公共服务不得以授权为条件"
    if offer.get("price_points"):
        yield "信用分法则：基本公共服务不得以积分换取"
    if offer.get("stock_total"):
        yield "信用分法则：基本公共服务不得限量"


def _offer_first_time(offer: Mapping[str, Any], names: Names) -> Iterator[str]:
    first = offer.get("first_timers_only", False)
    if not isinstance(first, bool):
        yield "first_timers_only 应为 true 或 false"
    if first is not True:
        return
    if offer.get("per_person") != {"limit": 1, "window": "ever"}:
        # The counted turn is what holds against many hands at once; the look back covers what was never counted.
        yield 'first_timers_only 的优惠必须写明 per_person = { limit = 1, window = "ever" }'
    if offer.get("basic_public_service"):
        yield "基本公共服务不得只给首次使用的人"


CHECKS: tuple[Check, ...] = (
    _offer_keys, _offer_names, _offer_numbers, _offer_days, _offer_benefit, _offer_offline, _offer_score_law,
    _offer_basic_service, _offer_first_time,
)  # fmt: skip
