"""Months, states, totals and digests."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.settlement import rules

DAYS = st.dates(date(2020, 1, 1), date(2090, 12, 31))


class Line(NamedTuple):
    number: int
    admission_id: UUID
    kind: str
    funding_account: str
    due_fen: int
    points: int


LINES = st.lists(
    st.builds(
        Line, st.integers(1, 9999), st.uuids(), st.sampled_from(["admission", "correction"]),
        st.sampled_from(["", "office", "fund"]), st.integers(-10**6, 10**6), st.integers(-1000, 1000),
    ),
    max_size=20,
)  # fmt: skip


@given(DAYS)
def test_a_month_begins_on_its_first_day_and_the_next_follows_at_once(day: date) -> None:
    first, following = rules.first_of(day), rules.next_month(day)
    assert first.day == following.day == 1 and first <= day < following
    assert (following - timedelta(days=1)).month == day.month
    assert rules.month_before(following) == first
    assert rules.month_of(f"{day:%Y-%m}") == first


@pytest.mark.parametrize("text", ["2026-13", "2026-00", "2026-1", "26-01", "2026-01-01", "", "同", "2026-01\n"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a month"):
        rules.month_of(text)


@given(DAYS, st.integers(2, 20))
def test_a_month_is_prepared_from_its_day_on_and_never_while_it_lasts(day: date, prepare_on: int) -> None:
    month = rules.first_of(day)
    ready = rules.next_month(month) + timedelta(days=prepare_on - 1)
    assert rules.may_prepare(month, ready, prepare_on)
    assert not rules.may_prepare(month, ready - timedelta(days=1), prepare_on)
    assert not rules.may_prepare(month, day, prepare_on)


@pytest.mark.parametrize(
    ("state", "open_disputes", "days", "why"),
    [
        ("agreed", 0, -5, ""), ("agreed", 1, 5, "disputed"), ("proposed", 0, 0, "in-review"), ("proposed", 0, 1, ""),
        ("proposed", 2, 9, "disputed"), ("preparing", 0, 99, "state"), ("closed", 0, 99, "state"),
    ],
)  # fmt: skip
def test_a_statement_is_closed_when_agreed_or_when_review_is_over(
    state: str, open_disputes: int, days: int, why: str
) -> None:
    until = date(2026, 12, 12)
    assert rules.may_close(state, open_disputes, until, until + timedelta(days=days)) == why


def test_nothing_leads_out_of_a_closed_statement() -> None:
    assert not [act for (state, act) in rules.TRANSITIONS if state == "closed"]


@given(LINES, st.data())
def test_the_digest_knows_every_line_and_their_order(found: list[Line], data: st.DataObject) -> None:
    statement = uuid4()

    def digest(lines: list[Line]) -> str:
        made = rules.Digest(statement)
        for line in lines:
            made.add(line)
        return made.hexdigest()

    assert digest(found) == digest(list(found))
    if found:
        at = data.draw(st.integers(0, len(found) - 1))
        changed = [*found[:at], found[at]._replace(due_fen=found[at].due_fen + 1), *found[at + 1 :]]
        assert digest(changed) != digest(found)
        assert digest(found[:-1]) != digest(found)


@given(LINES)
def test_totals_are_the_sums_of_their_lines(found: list[Line]) -> None:
    made = rules.totals(found)
    assert made == (len(found), sum(line.due_fen for line in found), sum(line.points for line in found))


@given(st.integers(-(10**13), 10**13))
def test_fen_are_said_in_yuan_exactly(fen: int) -> None:
    said = rules.yuan(fen)
    assert int(said.replace(",", "").replace(".", "")) == fen and said[-3] == "."


@pytest.mark.parametrize(
    "said", [{"review_days": 0}, {"review_days": "10"}, {"prepare_on_day": 1}, {"review_days": True}, {"who": 1}, 5]
)
def test_a_city_that_says_something_else_is_told(said: object) -> None:
    assert rules.lint({"settlement": said})
    assert rules.lint({}) == rules.lint({"settlement": {"review_days": 15, "prepare_on_day": 5}}) == []
