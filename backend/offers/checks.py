"""What every check of ``perks.toml`` uses: what an offer may refer to, and the shapes of single values. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

Item = Mapping[str, Any]
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LARGEST_PRICE_FEN = 100_000_000
LONGEST_CODE_SECONDS = 7 * 24 * 3600
OFFICE = "office"
"""The funding account that is the city's programme office, whatever its organisation is called there."""


class Names:
    """What an offer may refer to."""

    def __init__(self, content: Item, others: Mapping[str, Item]) -> None:
        def known(kind: str, key: str, name: str) -> set[str]:
            return {str(item.get(name)) for item in items(others.get(kind, {}), key)}

        self.scenes = {str(scene.get("id")) for scene in items(content, "scenes")}
        self.partners = {str(partner.get("slug")) for partner in items(content, "partners")}
        self.venues = {str(v.get("slug")): str(v.get("partner")) for v in items(content, "venues")}
        self.levels = known("scoring", "levels", "id")
        self.purposes = known("consents", "purposes", "id")
        self.communities = known("community", "communities", "slug")
        self.funders = {OFFICE} | self.partners | self.communities


Check = Callable[[Item, Names], Iterator[str]]


def items(content: Item, key: str) -> list[Item]:
    """The tables under a key; what is no table is left out."""
    found = content.get(key, [])
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def texts(item: Item, **most: int) -> Iterator[str]:
    """Each key a text of 1 to so many characters."""
    for key, length in most.items():
        value = item.get(key)
        if not isinstance(value, str) or not 1 <= len(value.strip()) <= length:
            yield f"{key} 应为 1 至 {length} 个字符的文字"


def is_whole(value: object, least: int, most: int) -> bool:
    """Whether it is an integer within bounds; ``true`` is none."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def whole(item: Item, key: str, least: int, most: int, default: int | None = None) -> Iterator[str]:
    """The key an integer within bounds."""
    value = item.get(key, default)
    if not is_whole(value, least, most):
        yield f"{key} = {value!r}，应为 {least} 至 {most} 的整数"


def table(offer: Item, key: str, names: frozenset[str]) -> Iterator[str]:
    """The key a table that holds nothing but these members."""
    value = offer.get(key)
    if not isinstance(value, dict):
        yield f"{key} 应写作 {{{', '.join(sorted(names))}}}"
        return
    for name in sorted(set(value) - names):
        yield f"{key} 中不认识的字段 {name}"


def within(key: str, problems: Iterator[str]) -> Iterator[str]:
    """The problems of a table's members, each with the table's name before it."""
    return (f"{key}.{problem}" for problem in problems)


def numbers(value: object, least: int, most: int) -> bool:
    """Whether it is a list of different integers within bounds."""
    return isinstance(value, list) and all(is_whole(v, least, most) for v in value) and len(set(value)) == len(value)


def days(value: object) -> bool:
    """Whether it is a list of dates (written as text or as TOML dates)."""
    if not isinstance(value, list):
        return False
    try:
        return all(bool(date.fromisoformat(str(day))) for day in value)
    except ValueError:
        return False
