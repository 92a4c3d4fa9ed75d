"""What a city's ``perks.toml`` may say, checked before anything of it is loaded. Pure; problems in Chinese.

The score law is kept here, in ``lint_law``: an offer only ever adds; no rule asks for *less* credit than somebody has;
a basic public service may be made quicker for everybody, and is never gated. Each problem names the rule it breaks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from stdnum.cn import uscc

from backend.offers import lint_conditions, lint_law, lint_offers
from backend.offers.checks import SLUG, Item, Names, items, texts

CHECKS = (*lint_offers.CHECKS, *lint_conditions.CHECKS, *lint_law.CHECKS)


def lint(content: Item, others: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Every problem of a ``perks`` policy. ``others``: the contents of all kinds, for what offers refer to."""
    names = Names(content, others)
    problems = [*_shape(content), *_scenes(content), *_partners(content), *_venues(content, names)]
    for offer in items(content, "offers"):
        problems += of_offer(offer, names)
    return problems


def of_offer(offer: Item, names: Names) -> list[str]:
    """Every problem of one offer, as an API that takes offers one by one asks it too."""
    who = f"优惠 {offer.get('slug') or offer.get('title') or '（无名）'}"
    return [f"{who}：{problem}" for check in CHECKS for problem in check(offer, names)]


def _shape(content: Item) -> Iterator[str]:
    for key, name in (("scenes", "id"), ("partners", "slug"), ("venues", "slug"), ("offers", "slug")):
        if not isinstance(content.get(key), list) or not content[key]:
            yield f"缺少 [[{key}]]"
        counted = Counter(str(item.get(name)) for item in items(content, key))
        for value, count in counted.items():
            if count > 1:
                yield f"[[{key}]] 中 {name} = {value} 重复"
            if not SLUG.fullmatch(value) or len(value) > (20 if key == "scenes" else 60):
                yield f"[[{key}]] 中 {name} = {value!r} 应为小写字母、数字和连字符"


def _scenes(content: Item) -> Iterator[str]:
    for scene in items(content, "scenes"):
        yield from (f"场景 {scene.get('id')}：{problem}" for problem in texts(scene, name=40, description=400))


def _partners(content: Item) -> Iterator[str]:
    for partner in items(content, "partners"):
        who = f"合作机构 {partner.get('slug')}"
        yield from (f"{who}：{problem}" for problem in texts(partner, name=80))
        code = partner.get("unified_social_credit_code")
        if not isinstance(code, str) or not uscc.is_valid(code) or uscc.compact(code) != code:
            yield f"{who}：统一社会信用代码 {code!r} 不符合 GB 32100"


def _venues(content: Item, names: Names) -> Iterator[str]:
    for venue in items(content, "venues"):
        who = f"场所 {venue.get('slug')}"
        yield from (f"{who}：{problem}" for problem in texts(venue, name=80, address=200))
        if venue.get("partner") not in names.partners:
            yield f"{who}：没有合作机构 {venue.get('partner')!r}"
        for key, least, most in (("lat", 3.0, 54.0), ("lon", 73.0, 136.0)):
            value = venue.get(key)
            if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
                yield f"{who}：{key} = {value!r} 不在中国境内"
