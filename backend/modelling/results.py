"""What a simulation tells: rounded counts, by level and by number."""

from __future__ import annotations

from typing import Any

from backend.kit import city
from backend.kit.db import Reader
from backend.modelling import rules, simulations
from backend.modelling.rules import Bars, Level, Tally
from backend.modelling.simulations import Simulation
from backend.scoring.published import KIND

_TOLD = (
    "id", "draft_id", "state", "failure", "base_version", "as_of_on", "outdated_by", "residents_total",
    "residents_done", "created_at", "done_at",
)  # fmt: skip


def told(reader: Reader, one: Simulation) -> dict[str, Any]:
    """A simulation, with its result once it is done."""
    row = {name: getattr(one, name) for name in _TOLD}
    if one.state != "done":
        return {**row, "result": None}
    base = city.version(reader, KIND, one.base_version).content
    draft = simulations.content_of(reader, one.draft_id)
    return {**row, "result": result(one.tally, base, draft)}


def result(tally: Tally, base: dict[str, Any], draft: dict[str, Any]) -> dict[str, Any]:
    """The counts as they may be told. ``base`` and ``draft``: the policies compared."""
    bars = rules.bars_over(base["scale"], draft["scale"])
    levels = rules.levels_of(base), rules.levels_of(draft)
    signs = {"up": 1, "same": 0, "down": -1}
    return {
        "levels_before": levels[0], "levels_after": levels[1], "moves": _moves(tally, levels),
        "before": _bars(tally.before, bars), "after": _bars(tally.after, bars),
        "changes": [_bar(*ends, tally.changes.get(at, 0)) for at, ends in enumerate(rules.CHANGES)],
        "residents": rules.shown(sum(tally.moves.values())),
        **{name: rules.shown(tally.direction(sign)) for name, sign in signs.items()},
        "fresh": rules.shown(tally.fresh()), "summary": rules.summary(tally, levels),
    }  # fmt: skip


def _moves(tally: Tally, levels: tuple[tuple[Level, ...], tuple[Level, ...]]) -> list[dict[str, Any]]:
    """In the order of the levels, the lowest first; those without a number at the end."""
    before: list[Level | None] = [*levels[0], None]
    pairs = ((start, end) for start in before for end in levels[1])
    counted = ((start, end, tally.moves.get((start.id if start else None, end.id), 0)) for start, end in pairs)
    return [{"from": start, "to": end, "residents": rules.shown(n)} for start, end, n in counted if n]


def _bars(counts: dict[int, int], bars: Bars) -> list[dict[str, Any]]:
    return [_bar(*bars.ends(place), counts.get(place, 0)) for place in range(bars.number)]


def _bar(first: int | None, last: int | None, residents: int) -> dict[str, Any]:
    return {"from": first, "to": last, "residents": rules.shown(residents)}
