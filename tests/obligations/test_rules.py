"""Every state, every act, every instant: what may follow what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.obligations import rules
from backend.obligations.rules import BECOMES, ENDS, STATE_TEXT, Standing

T0 = datetime(2026, 3, 5, 8, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
hours = st.integers(1, 8_760)
instants = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)).map(lambda naive: naive.replace(tzinfo=UTC))
FACTS = {"partner_name": "演示商户", "up_to": "100.00 元", "amount": "12.34 元", "until": "某时", "due": "某时"}


def test_no_end_leads_on_and_every_state_is_reached() -> None:
    assert not {state for state, _ in BECOMES} & ENDS
    assert set(BECOMES.values()) == set(STATE_TEXT) - {rules.OPEN}
    assert {act for _, act in BECOMES} == set(rules.ACTS)


def test_the_table_is_the_one_that_was_agreed() -> None:
    assert {(was, becomes) for (was, _), becomes in BECOMES.items()} == {
        ("open", "charged"), ("open", "released"), ("open", "withdrawn"), ("charged", "settled"),
        ("charged", "arrears"), ("charged", "disputed"), ("charged", "withdrawn"), ("arrears", "cured"),
        ("arrears", "disputed"), ("arrears", "withdrawn"), ("disputed", "charged"), ("disputed", "withdrawn"),
        ("disputed", "settled"),
    }  # fmt: skip


def test_what_is_late_is_late_at_the_very_instant_and_not_before() -> None:
    charged = Standing(rules.CHARGED, T0, T0 + HOUR)
    assert rules.state_at(charged, T0 + HOUR - timedelta(microseconds=1)) == "charged"
    assert rules.state_at(charged, T0 + HOUR) == "arrears"
    opened = Standing(rules.OPEN, T0 + HOUR, None)
    assert rules.state_at(opened, T0 + HOUR - timedelta(microseconds=1)) == "open"
    assert rules.state_at(opened, T0 + HOUR) == "released"


@pytest.mark.parametrize("written", sorted(set(STATE_TEXT) - {"open", "charged", "arrears"}))
def test_time_changes_nothing_else(written: str) -> None:
    long_ago = Standing(written, T0, T0)
    assert rules.state_at(long_ago, T0 + timedelta(days=999)) == written


@given(hours)
def test_without_a_deposit_the_offers_hours_end_it_and_otherwise_the_citys_days(due_hours: int) -> None:
    assert rules.charge_until("deposit_free", T0, due_hours) == T0 + due_hours * HOUR
    assert rules.charge_until("pay_after", T0, due_hours) == T0 + timedelta(days=30)
    assert rules.charge_until("pay_after", T0, due_hours, 7) == T0 + timedelta(days=7)


@given(hours, st.lists(st.integers(1, 500), max_size=4), instants)
def test_what_is_told_follows_in_time_and_comes_to_an_end(due_hours: int, before: list[int], since: datetime) -> None:
    charged = Standing(rules.CHARGED, since, rules.due(since, due_hours))
    assert charged.due_at
    at, told = since, []
    while (following := rules.next_tell(charged, before, at)) is not None:
        assert following > at
        at = following
        told.append(rules.tells(charged, at))
    in_time = {hour for hour in before if hour < due_hours}
    assert told == ["due-soon"] * len(in_time) + ["arrears"] and at == charged.due_at


@given(instants, hours, st.lists(st.integers(1, 500), max_size=4))
def test_of_what_was_missed_only_the_last_is_told(at: datetime, due_hours: int, before: list[int]) -> None:
    charged = Standing(rules.CHARGED, T0, T0 + due_hours * HOUR)
    what, following = rules.tells(charged, at), rules.next_tell(charged, before, at)
    assert (what == "arrears") == (at >= T0 + due_hours * HOUR) == (following is None)


def test_an_open_one_is_told_of_when_it_has_lapsed() -> None:
    opened = Standing(rules.OPEN, T0, None)
    assert rules.next_tell(opened, [24], None) == T0 and rules.next_tell(opened, [24], T0) is None
    assert rules.tells(opened, T0) == "released" and rules.tells(opened, T0 - HOUR) is None


@pytest.mark.parametrize("state", sorted(ENDS | {rules.DISPUTED}))
def test_nothing_is_told_on_time_of_what_is_disputed_or_over(state: str) -> None:
    standing = Standing(state, T0, T0)
    assert rules.next_tell(standing, [24], None) is None and rules.tells(standing, T0 + HOUR) is None


@pytest.mark.parametrize("kind", sorted(rules.KINDS))
@pytest.mark.parametrize("state", sorted(STATE_TEXT))
def test_every_state_is_explained_and_says_that_no_score_knows_of_it(kind: str, state: str) -> None:
    said = rules.explanation(kind, state, FACTS)
    assert "不影响信用分" in said and "{" not in said and "演示商户" in said
    if state in (rules.CHARGED, rules.ARREARS):
        assert "本平台不收款" in said and "12.34 元" in said and "异议" in said
    if state == rules.ARREARS:
        assert f"“{rules.KINDS[kind]}”" in said and "公共服务照常" in said


@given(st.integers(0, 10**12))
def test_money_in_words_is_the_money(amount_fen: int) -> None:
    whole, _, rest = rules.yuan(amount_fen).removesuffix(" 元").partition(".")
    assert int(whole) * 100 + int(rest) == amount_fen and len(rest) == 2
