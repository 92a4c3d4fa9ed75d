"""The figures by themselves: whole numbers that add up, rates rounded one way, a line judged exactly."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.quality import rules
from backend.quality.report import Cell, Report
from backend.quality.rules import COUNTED, FIGURES, Counts, Line, Month
from config.settings import ROOT

MONTHS = rules.months(Month(2026, 9), Month(2027, 2))
ORGANISATIONS = {UUID(int=n): f"部门{n}" for n in range(1, 5)}
ITEMS = {code: code for code in ("LE-PEN-01", "LE-LIC-01", "NP-VOL-01")}
SUMS = st.integers(0, 10**9)
COUNTS = st.tuples(*[SUMS] * len(COUNTED)).map(lambda values: Counts(*values))
WHERE = [st.sampled_from(known) for known in (list(ORGANISATIONS), list(ITEMS), MONTHS)]
CELLS = st.lists(st.builds(Cell, *WHERE, COUNTS), max_size=12)


def report_of(cells: list[Cell], line: Line = rules.LINE) -> Report:
    first, last = MONTHS[0], MONTHS[-1]
    asked = (None, None)
    return Report(
        first, last, first, asked, ORGANISATIONS, ITEMS, tuple(cells), (), line, datetime(2026, 11, 28, tzinfo=UTC)
    )


@settings(max_examples=40)
@given(CELLS)
def test_whichever_way_the_whole_is_cut_its_parts_add_up_to_it(cells: list[Cell]) -> None:
    report = report_of(cells)
    by_hand = tuple(sum(cell.counts[at] for cell in cells) for at in range(len(COUNTED)))
    cuts = (report.by_month(), report.by_organisation(), report.by_item(), report.by_source())
    assert report.total() == by_hand
    for cut in cuts:
        assert rules.total(counts for _, counts in cut) == by_hand
        assert len({key for key, _ in cut}) == len(cut)
    assert [month for month, _ in report.by_month()] == MONTHS
    assert {one for one, _ in report.by_organisation()} == set(ORGANISATIONS)


@given(st.integers(0, 10**12), st.integers(1, 10**12))
def test_a_rate_is_rounded_half_up_to_a_ten_thousandth(part: int, more: int) -> None:
    whole = part + more
    exact = Decimal(part) * 10_000 / Decimal(whole)
    assert rules.per_ten_thousand(part, whole) == int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def test_a_half_goes_up_and_nothing_reported_has_no_rate() -> None:
    assert [rules.per_ten_thousand(part, 20_000) for part in (0, 1, 2, 19_999, 20_000)] == [0, 1, 1, 10_000, 10_000]
    assert set(rules.rates(Counts()).values()) == {None}
    assert set(rules.rates(Counts(batches=3, trials=2, withdrawn_rows=9)).values()) == {None}


@pytest.mark.parametrize(
    ("bad", "rows", "keeps"),
    [(0, 0, None), (0, 1, True), (1, 1000, True), (1, 999, False), (1001, 1_000_000, False), (1000, 1_000_000, True)],
)
def test_one_in_a_thousand_is_still_good_and_one_row_more_is_not(bad: int, rows: int, keeps: bool | None) -> None:
    assert rules.keeps_to(rules.LINE, Counts(rows=rows, bad_codes=bad)) is keeps


@given(COUNTS.filter(lambda c: c.rows >= c.bad_codes), st.integers(0, 20))
def test_the_line_is_judged_by_the_sums_and_not_by_the_rounded_rate(counts: Counts, permille: int) -> None:
    keeps = rules.keeps_to(Line(permille, "依据"), counts)
    assert keeps is (None if not counts.rows else Decimal(counts.bad_codes) <= Decimal(permille * counts.rows) / 1000)


@given(st.integers(2000, 2199), st.integers(1, 12), st.integers(-400, 400))
def test_months_are_counted_on_and_back(year: int, month: int, by: int) -> None:
    start = Month(year, month)
    moved = start.later(by)
    assert moved.later(-by) == start and (moved > start) == (by > 0)
    assert Month.read(str(start)) == start
    between = rules.months(start, moved)
    assert len(between) == max(0, by + 1) and (not between or (between[0], between[-1]) == (start, moved))


def test_every_figure_divides_sums_that_are_told_and_says_where_it_comes_from() -> None:
    for figure in FIGURES:
        assert {figure.part, figure.whole} <= set(COUNTED)
        assert figure.formula.count("÷") == 1 and figure.meaning and figure.source
    titles = [figure.title for figure in FIGURES]
    assert titles == ["完整率", "合规率", "及时率", "重复率", "关联率", "重错码率"]


def test_the_citys_line_is_its_own_and_has_a_basis() -> None:
    city = tomllib.loads((ROOT / "config" / "cities" / "320115" / "city.toml").read_text("utf-8"))
    assert list(rules.lint(city)) == []
    assert rules.line_of(city) == Line(1, city["quality"]["bad_code_basis"])
    assert rules.line_of({}) == rules.LINE


@pytest.mark.parametrize(
    "told",
    [
        [], {}, {"bad_code_permille": 1}, {"bad_code_permille": True, "bad_code_basis": "依据"},
        {"bad_code_permille": 1001, "bad_code_basis": "依据"}, {"bad_code_permille": 1, "bad_code_basis": " "},
    ],
)  # fmt: skip
def test_a_line_without_number_or_basis_is_refused(told: object) -> None:
    assert list(rules.lint({"quality": told}))
