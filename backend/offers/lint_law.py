"""The score law, as far as a city's offers can break it. Pure; each problem names the rule that is broken.

Sources: NDRC notices on personal credit scores (July and August 2019): encouragement only, never a limit on basic
public services; the State Council's opinion 国办发〔2020〕49号 on not widening what credit may restrict.
"""

from __future__ import annotations

from collections.abc import Iterator

from backend.offers.checks import Check, Item, Names

LAW = "信用分法则："
ADDS = "只增不减法则："
BASIC = "基本公共服务法则："

GATES = {
    "price_points": "不得以积分换取",
    "stock_total": "不得限量",
    "stock_per_day": "不得每日限量",
    "slots": "不得只放给约到时段的人",
    "age": "不得以年龄为门槛",
    "residents_of": "不得只给某个社区的居民",
    "per_person": "不得限制每人次数",
    "blackout": "不得在某些日子停用",
    "stacking_group": "不得与别的优惠互斥",
    "obligation": "不得以欠费为由停用",
}
"""What would shut somebody out of a basic public service, however small it looks, and how that is said."""


def _consents(offer: Item, names: Names) -> Iterator[str]:
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
        yield f'{LAW}设有 level_floor 的优惠必须以 consents = ["score"] 取得本人授权'
    if not floor and "score" in consents:
        yield f"{LAW}没有 level_floor 的优惠不得索取信用分授权"
    if (community := offer.get("residents_of")) and community not in names.communities:
        yield f"没有社区 {community!r}"


def _only_adds(offer: Item, names: Names) -> Iterator[str]:
    """What an offer gives must be worth having to whoever takes it, and cost nobody else anything."""
    benefit = offer.get("benefit")
    obligation = offer.get("obligation")
    if isinstance(obligation, dict) and isinstance(benefit, dict) and "up_to_fen" not in benefit:
        yield f"{ADDS}设有 obligation 的优惠必须以 benefit.up_to_fen 写明最多要付多少"
    if offer.get("kind") in ("pay_after", "deposit_free") and offer.get("price_points"):
        yield f"{ADDS}免押金和后付费不得以积分换取：欠着的人不因没有积分而更早付钱"


def _basic_service(offer: Item, names: Names) -> Iterator[str]:
    basic = offer.get("basic_public_service", False)
    if not isinstance(basic, bool):
        yield "basic_public_service 应为 true 或 false"
    if basic is not True:
        return
    if offer.get("level_floor"):
        yield f"{LAW}基本公共服务不得以信用等级为门槛"
    if offer.get("consents"):
        yield f"{LAW}基本公共服务不得以授权为条件"
    for key, words in GATES.items():
        if offer.get(key):
            yield f"{BASIC}基本公共服务{words}（{key}）"


def _first_time(offer: Item, names: Names) -> Iterator[str]:
    first = offer.get("first_timers_only", False)
    if not isinstance(first, bool):
        yield "first_timers_only 应为 true 或 false"
    if first is not True:
        return
    if offer.get("per_person") != {"limit": 1, "window": "ever"}:
        # The counted turn is what holds against many hands at once; the look back covers what was never counted.
        yield 'first_timers_only 的优惠必须写明 per_person = { limit = 1, window = "ever" }'
    if offer.get("basic_public_service"):
        yield f"{BASIC}基本公共服务不得只给首次使用的人"


CHECKS: tuple[Check, ...] = (_consents, _only_adds, _basic_service, _first_time)
