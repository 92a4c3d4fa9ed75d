"""What a simulation counts and what of it is shown. Pure; integers only.

**Nobody is singled out.** Every count that leaves the house is a multiple of five, and one to four people are only ever
"fewer than five": so neither a cell, nor the difference of a total and its other cells, nor the difference of two
simulations tells of one person. Inside, the counts are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

FEW = 5
"""Fewer people than this are not told apart."""
MOST_BARS = 20
WIDTHS = (1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
CHANGES = ((None, -101), (-100, -51), (-50, -21), (-20, -1), (0, 0), (1, 20), (21, 50), (51, 100), (101, None))
"""By how many points a number changes: from, to; None is without end."""


class Tried(Protocol):
    """So many residents go from one number and level to others. No level to go from: no number stands yet."""

    @property
    def from_level(self) -> str | None: ...
    @property
    def from_value(self) -> int | None: ...
    @property
    def to_level(self) -> str: ...
    @property
    def to_value(self) -> int: ...
    @property
    def residents(self) -> int: ...


class Bars(NamedTuple):
    """The columns of a histogram over a scale: ``number`` of them, ``width`` points each, from ``low`` on."""

    low: int
    high: int
    width: int
    number: int

    def place(self, value: int) -> int:
        """The column in which a value stands; the last one has the scale's end."""
        return min(max((value - self.low) // self.width, 0), self.number - 1)

    def ends(self, place: int) -> tuple[int, int]:
        """The lowest and the highest value of a column."""
        first = self.low + place * self.width
        return first, self.high if place == self.number - 1 else first + self.width - 1


def bars_over(*scales: Mapping[str, int]) -> Bars:
    """Columns that hold the values of all scales, at most MOST_BARS of a round width."""
    low, high = min(scale["min"] for scale in scales), max(scale["max"] for scale in scales)
    width = next((width for width in WIDTHS if width * MOST_BARS >= high - low), (high - low) // MOST_BARS + 1)
    return Bars(low, high, width, max(1, -(-(high - low) // width)))


@dataclass
class Tally:
    """The counts so far: ``moves`` from level to level, two histograms, and by how much the numbers change."""

    moves: dict[tuple[str | None, str], int] = field(default_factory=dict)
    before: dict[int, int] = field(default_factory=dict)
    after: dict[int, int] = field(default_factory=dict)
    changes: dict[int, int] = field(default_factory=dict)

    def add(self, rows: Iterable[Tried], bars: Bars) -> int:
        """Count some more residents; returns how many."""
        counted = 0
        for row in rows:
            counted += row.residents
            _more(self.moves, (row.from_level, row.to_level), row.residents)
            _more(self.after, bars.place(row.to_value), row.residents)
            if row.from_value is not None:
                _more(self.before, bars.place(row.from_value), row.residents)
                _more(self.changes, change_of(row.to_value - row.from_value), row.residents)
        return counted

    def kept(self) -> dict[str, Any]:
        """As JSON, for the row."""
        moves = sorted(self.moves.items(), key=lambda item: (item[0][0] or "", item[0][1]))
        plain = {name: {str(place): n for place, n in sorted(getattr(self, name).items())}
                 for name in ("before", "after", "changes")}  # fmt: skip
        return {"moves": [[start, end, n] for (start, end), n in moves], **plain}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Tally:
        """What ``kept`` wrote; an empty one at the beginning."""
        counts = ({int(place): n for place, n in kept.get(name, {}).items()} for name in ("before", "after", "changes"))
        return cls({(start, end): n for start, end, n in kept.get("moves", ())}, *counts)

    def direction(self, sign: int) -> int:
        """How many numbers rise (1), stay (0), fall (-1)."""
        return sum(n for place, n in self.changes.items() if sign_of(place) == sign)

    def fresh(self) -> int:
        """How many have no number yet to compare with."""
        return sum(n for (start, _), n in self.moves.items() if start is None)


def _more(counts: dict[Any, int], key: Any, n: int) -> None:
    counts[key] = counts.get(key, 0) + n


def change_of(points: int) -> int:
    """The place in CHANGES of a change."""
    return next(
        at for at, (least, most) in enumerate(CHANGES)
        if (least is None or points >= least) and (most is None or points <= most)
    )  # fmt: skip


def sign_of(place: int) -> int:
    """Whether a place in CHANGES is a rise, a fall, or none."""
    least, most = CHANGES[place]
    return 0 if (least, most) == (0, 0) else 1 if least is not None and least > 0 else -1


def shown(residents: int) -> int | None:
    """A count as it may be told: a multiple of five; None for one to four people."""
    if 0 < residents < FEW:
        return None
    return (residents + FEW // 2) // FEW * FEW


def words(residents: int) -> str:
    """The same in words."""
    told = shown(residents)
    return f"不到 {FEW} 人" if told is None else f"约 {told} 人" if told else "没有人"


class Level(NamedTuple):
    id: str
    name: str


def levels_of(content: Mapping[str, Any]) -> tuple[Level, ...]:
    """A policy's levels, the lowest first."""
    return tuple(Level(raw["id"], raw["name"]) for raw in sorted(content["levels"], key=lambda raw: raw["from"]))


def summary(tally: Tally, levels: tuple[Sequence[Level], Sequence[Level]]) -> list[str]:
    """What the second person reads: how many numbers rise and fall, and who goes from which level to which."""
    before, after = levels
    up, same, down = (words(tally.direction(sign)) for sign in (1, 0, -1))
    told = [f"分数上升：{up}；不变：{same}；下降：{down}"]
    if fresh := tally.fresh():
        told.append(f"还没有分数、无从比较：{words(fresh)}")
    steps = [
        f"{start.id} {start.name} → {end.id} {end.name}：{words(tally.moves[start.id, end.id])}"
        for start in before for end in after if start.id != end.id and (start.id, end.id) in tally.moves
    ]  # fmt: skip
    return [*told, "等级变化：" + ("；".join(steps) if steps else "没有")]
