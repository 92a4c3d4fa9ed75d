"""Which numbers a policy can bring about at all: sets of sums as the bits of an integer. Pure.

A person may have any number of records of an item, so that what an indicator brings is every sum of its steps' worth
up to its caps. Bit n of a set says that n points can be had.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import Any

from backend.scoring.rules import steps_of


def of_policy(content: Mapping[str, Any]) -> int:
    """The numbers within the scale that some archive leads to."""
    scale: Mapping[str, int] = content["scale"]
    ups, downs = (
        reduce(both, (of_side(content, dimension, sign) for dimension in content["dimensions"]), 1) for sign in (1, -1)
    )
    found, low, high = 0, scale["min"], scale["max"]
    for down in _members(downs):
        found |= _shifted(ups, scale["base"] - down, low)
    over = found >> (high + 1)
    return (found & ((1 << (high + 1)) - 1)) | (1 << high if over else 0)


def of_side(content: Mapping[str, Any], dimension: Mapping[str, Any], sign: int) -> int:
    """What the indicators of one sign can bring to a dimension, under its cap."""
    cap = dimension["cap_up" if sign > 0 else "cap_down"]
    own = (
        raw
        for raw in content["indicators"]
        if raw["dimension"] == dimension["id"] and (raw["points"] > 0) == (sign > 0)
    )
    return reduce(lambda before, raw: under(both(before, of_indicator(raw, cap)), cap), own, 1)


def of_indicator(raw: Mapping[str, Any], most: int) -> int:
    """What one indicator can bring; beyond ``most`` nobody asks."""
    steps = steps_of(raw["points"], raw.get("decay", []), raw["lasts_days"])
    worth = sorted({abs(step.points) for step in steps} - {0})
    total = min(raw.get("total_cap", most), most)
    if "per_period_cap" not in raw:
        return _sums(worth, total)
    each, found = _sums(worth, raw["per_period_cap"]), 1
    for _ in range(min(periods_of(raw), total)):
        found = under(both(found, each), total)
    return found


def periods_of(raw: Mapping[str, Any]) -> int:
    """How many of an indicator's periods can have records that count on one day."""
    return (int(raw["lasts_days"]) - 1) // int(raw["period_days"]) + 2


def highest(found: int) -> int:
    """The largest member."""
    return found.bit_length() - 1


def lowest(found: int) -> int:
    """The smallest member."""
    return (found & -found).bit_length() - 1


def both(one: int, other: int) -> int:
    """Every sum of a member of each."""
    few, many = sorted((one, other), key=int.bit_count)
    return reduce(lambda found, member: found | many << member, _members(few), 0)


def under(found: int, cap: int) -> int:
    """What is above a cap counts the cap."""
    return (found & ((1 << (cap + 1)) - 1)) | (1 << cap if found >> cap else 0)


def _sums(worth: Sequence[int], cap: int) -> int:
    """Every sum of any number of these, under a cap."""
    found = 1
    for each in worth:
        step = each
        while step <= cap:
            found = found | (found << step) & ((1 << (cap + 1)) - 1)
            step *= 2
    return found | (1 << cap if worth else 0)


def _shifted(found: int, by: int, low: int) -> int:
    """Members moved by a number; what falls below the lowest number is the lowest."""
    if by >= low:
        return found << by
    cut = low - by
    rest = found >> cut << low
    return rest | (1 << low if found & ((1 << cut) - 1) else 0)


def _members(found: int) -> Iterator[int]:
    while found:
        member = lowest(found)
        yield member
        found ^= 1 << member


def any_between(found: int, low: int, end: int) -> bool:
    """Whether a member lies from ``low`` up to, not including, ``end``."""
    return low < end and bool((found >> low) & ((1 << (end - low)) - 1))
