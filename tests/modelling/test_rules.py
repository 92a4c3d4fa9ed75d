"""Counts, columns, periods and places: pure."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.modelling import results, rules
from backend.modelling.rules import CHANGES, Tally
from backend.scores.service import Tried

LEVELS = st.sampled_from(["C", "B", "A"])
VALUES = st.integers(0, 1000)
ROWS = st.lists(
    st.one_of(
        st.builds(Tried, LEVELS, VALUES, LEVELS, VALUES, st.integers(1, 40)),
        st.builds(Tried, st.none(), st.none(), LEVELS, VALUES, st.integers(1, 40)),
    ),
    max_size=30,
)
POLICY = {
    "scale": {"min": 0, "base": 600, "max": 1000},
    "levels": [{"id": "C", "name": "待提升", "from": 0}, {"id": "B", "name": "良好", "from": 550},
               {"id": "A", "name": "优良", "from": 640}],
}  # fmt: skip


@settings(max_examples=40)
@given(low=st.integers(0, 50_000), reach=st.integers(1, 50_000), data=st.data())
def test_the_columns_of_a_histogram_hold_every_value_once(low: int, reach: int, data: st.DataObject) -> None:
    bars = rules.bars_over({"min": low, "max": low + reach})
    ends = [bars.ends(place) for place in range(bars.number)]
    assert bars.number <= rules.MOST_BARS and (ends[0][0], ends[-1][1]) == (low, low + reach)
    assert all(later[0] == earlier[1] + 1 for earlier, later in pairwise(ends))
    value = data.draw(st.integers(low, low + reach))
    first, last = bars.ends(bars.place(value))
    assert first <= value <= last


@given(st.integers(-3000, 3000))
def test_every_change_has_one_place(points: int) -> None:
    fits = [at for at, (least, most) in enumerate(CHANGES)
            if (least is None or points >= least) and (most is None or points <= most)]  # fmt: skip
    assert fits == [rules.change_of(points)]
    assert rules.sign_of(fits[0]) == (points > 0) - (points < 0)


@settings(max_examples=40)
@given(ROWS)
def test_a_tally_adds_up_and_survives_being_kept(rows: list[Tried]) -> None:
    tally, bars = Tally(), rules.bars_over(POLICY["scale"])
    half = len(rows) // 2
    counted = tally.add(rows[:half], bars)
    tally = Tally.of(tally.kept())
    counted += tally.add(rows[half:], bars)
    everybody = sum(row.residents for row in rows)
    assert counted == everybody == sum(tally.moves.values()) == sum(tally.after.values())
    compared = sum(tally.direction(sign) for sign in (1, 0, -1))
    assert compared == sum(tally.before.values()) == everybody - tally.fresh()
    assert Tally.of(tally.kept()) == tally


@settings(max_examples=40)
@given(ROWS)
def test_no_figure_that_is_told_is_of_fewer_than_five_people(rows: list[Tried]) -> None:
    tally, bars = Tally(), rules.bars_over(POLICY["scale"])
    tally.add(rows, bars)
    told = results.result(tally, POLICY, POLICY)
    exact = Counter[tuple[str | None, str]]()
    for row in rows:
        exact[row.from_level, row.to_level] += row.residents
    shown = {(one["from"].id if one["from"] else None, one["to"].id): one["residents"] for one in told["moves"]}
    assert shown.keys() == exact.keys()
    for key, n in exact.items():
        assert shown[key] is None if n < 5 else shown[key] % 5 == 0 and abs(shown[key] - n) <= 2
    bars_told = [one["residents"] for name in ("before", "after", "changes") for one in told[name]]
    totals = [told[name] for name in ("up", "same", "down", "fresh", "residents")]
    assert all(n is None or n % 5 == 0 for n in [*bars_told, *totals])


def test_a_total_does_not_give_the_small_cell_away() -> None:
    """Whatever the small cell is, the figures beside it may be the same."""
    for others in range(20, 30):
        for few in range(1, 5):
            told = rules.shown(others), rules.shown(others + few)
            fits = {one for one in range(1, 5) for rest in range(15, 35)
                    if (rules.shown(rest), rules.shown(rest + one)) == told}  # fmt: skip
            assert fits == {1, 2, 3, 4}


def test_the_second_person_reads_who_goes_where() -> None:
    tally = Tally()
    rows: list[Any] = [Tried("B", 600, "A", 650, 12), Tried("B", 600, "B", 600, 40), Tried("A", 700, "B", 600, 3)]
    tally.add(rows, rules.bars_over(POLICY["scale"]))
    levels = rules.levels_of(POLICY)
    assert rules.summary(tally, (levels, levels)) == [
        "分数上升：约 10 人；不变：约 40 人；下降：不到 5 人",
        "等级变化：B 良好 → A 优良：约 10 人；A 优良 → B 良好：不到 5 人",
    ]
