"""The slots of a day: property tests over dates, and what a changed policy means for them."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from backend.kit import clock
from backend.offers import rules, slots
from backend.offers.rules import Closed, SlotRule

DAYS = st.dates(date(2020, 1, 1), date(2090, 12, 31))
RULES = st.builds(
    lambda minutes, first, lengths, weekdays, ahead, closed: SlotRule(
        minutes, _spans(minutes, first, lengths), frozenset(weekdays), 5, ahead, 0, closed
    ),
    st.sampled_from([5, 15, 30, 60, 120]), st.integers(0, 300), st.lists(st.integers(1, 4), min_size=1, max_size=2),
    st.sets(st.integers(1, 7), min_size=1), st.integers(0, 30),
    st.builds(Closed, st.frozensets(DAYS, max_size=2), st.frozensets(st.integers(1, 6), max_size=3)),
)  # fmt: skip


def _spans(minutes: int, first: int, lengths: list[int]) -> tuple[tuple[int, int], ...]:
    spans, at = [], first
    for length in lengths:
        spans.append((at, at + length * minutes))
        at += length * minutes + 7
    return tuple(spans)


@given(RULES, DAYS)
def test_slots_lie_within_their_shanghai_day_one_after_another(rule: SlotRule, day: date) -> None:
    found = list(slots.spans(rule, day, day))
    for span in found:
        assert clock.shanghai_date(span.starts_at) == day
        assert span.starts_at < span.ends_at <= clock.end_of_day(day)
        assert span.ends_at - span.starts_at == timedelta(minutes=rule.minutes)
    assert all(one.ends_at <= other.starts_at for one, other in pairwise(found))
    works = day.isoweekday() in rule.weekdays and not rule.closed.on(day)
    assert len(found) == (sum((end - start) // rule.minutes for start, end in rule.spans) if works else 0)


@given(RULES, DAYS, st.integers(0, 24 * 60 - 1), st.integers(-3, 40))
def test_what_may_be_booked_has_not_begun_and_is_not_too_far(
    rule: SlotRule, day: date, minute: int, later: int
) -> None:
    now = clock.start_of_day(day) + timedelta(minutes=minute)
    last = day + timedelta(days=later)
    for span in slots.bookable(rule, day - timedelta(days=2), last, now):
        assert span.starts_at > now
        assert clock.shanghai_date(span.starts_at) <= min(last, day + timedelta(days=rule.days_ahead))


@given(st.builds(Closed, st.frozensets(DAYS, max_size=4), st.frozensets(st.integers(1, 7), max_size=6)), DAYS)
def test_the_next_open_day_is_the_first_that_is_not_closed(closed: Closed, day: date) -> None:
    again = closed.next_open(day)
    assert again is not None and again > day and not closed.on(again)
    assert all(closed.on(each) for each in rules.days_between(day + timedelta(days=1), again - timedelta(days=1)))


def test_a_span_of_the_day_is_read_or_refused() -> None:
    assert rules.open_minutes("09:00-11:30") == (540, 690)
    assert rules.open_minutes("00:00-24:00") == (0, 1440)
    for wrong in ("9:00-11:00", "11:00-11:00", "12:00-11:00", "09:60-11:00", "09:00-24:01", "", 9, None):
        assert rules.open_minutes(wrong) is None, wrong
