"""Offers' conditions, windows, shares and times, without a database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.perks import rules
from backend.perks.rules import Facts, Terms

TODAY = date(2026, 3, 5)
NOW = datetime(2026, 3, 5, 4, 0, tzinfo=UTC)
SCORED = Terms(
    "open", level_floor_name="A", level_floor_rank=2, consents=("score",), consent_titles={"score": "信用分"}
)


def resident(**known: object) -> Facts:
    return Facts(**{"signed_in": True, "bound": True, "adult": True, **known})  # type: ignore[arg-type]


def against(verdict: rules.Verdict) -> list[str]:
    return [reason.slug for reason in verdict.against]


def test_an_open_free_offer_is_for_everybody_who_is_bound() -> None:
    verdict = rules.may_redeem(Terms("open"), resident(), TODAY)
    assert verdict.word == "entitled"
    assert all(reason.ok for reason in verdict.reasons)


@pytest.mark.parametrize(("facts", "slug"), [(Facts(False, False), "sign-in"), (Facts(True, False), "identity")])
def test_without_an_identity_nothing_is_said_but_how_to_get_one(facts: Facts, slug: str) -> None:
    verdict = rules.may_redeem(SCORED, facts, TODAY)
    assert verdict.entitled is None
    assert verdict.word == "sign-in"
    assert against(verdict) == [slug]
    assert verdict.against[0].remedy


def test_every_reason_against_is_told_with_what_would_help() -> None:
    terms = Terms(
        "open", 300, "A", 2, ("score",), {"score": "信用分"}, "dongshan", "东山社区", 1, "month", limited_stock=True
    )
    verdict = rules.may_redeem(terms, resident(balance_points=120, used_in_window=1, stock_left=0), TODAY)
    assert against(verdict) == ["stock", "consent", "level", "community", "limit", "points"]
    assert all(reason.remedy for reason in verdict.against)
    assert "还差 180 积分" in verdict.against[-1].text
    assert "2026-04-01" in verdict.against[-2].remedy


def test_reasons_for_stand_beside_reasons_against() -> None:
    verdict = rules.may_redeem(SCORED, resident(consents=frozenset({"score"}), level_rank=1), TODAY)
    told = {reason.slug: reason.ok for reason in verdict.reasons}
    assert told == {"open": True, "consent": True, "level": False, "points": True}


def test_a_minor_is_never_asked_for_the_score_consent() -> None:
    verdict = rules.may_redeem(SCORED, resident(adult=False), TODAY)
    assert "adult" in against(verdict)
    assert "consent" not in against(verdict)


def test_a_level_without_consent_does_not_count() -> None:
    verdict = rules.may_redeem(SCORED, resident(level_rank=4), TODAY)
    assert against(verdict) == ["consent", "level"]


@pytest.mark.parametrize(
    ("terms", "ok"),
    [
        (Terms("closed"), False),
        (Terms("open", starts_on=TODAY), True),
        (Terms("open", starts_on=TODAY + timedelta(days=1)), False),
        (Terms("open", ends_on=TODAY), True),
        (Terms("open", ends_on=TODAY - timedelta(days=1)), False),
    ],
)
def test_an_offer_is_open_from_its_first_through_its_last_day(terms: Terms, ok: bool) -> None:
    assert rules.may_redeem(terms, resident(), TODAY).entitled is ok


@given(
    st.builds(Terms, status=st.just("open"), price_points=st.integers(0, 500), limit=st.none() | st.integers(1, 5),
              level_floor_rank=st.none() | st.integers(0, 4), consents=st.sampled_from([(), ("score",)])),
    st.builds(Facts, signed_in=st.just(True), bound=st.just(True), adult=st.booleans(),
              consents=st.sampled_from([frozenset(), frozenset({"score"})]), level_rank=st.none() | st.integers(0, 4),
              balance_points=st.integers(0, 600), used_in_window=st.integers(0, 6),
              stock_left=st.none() | st.integers(0, 3)),
)  # fmt: skip
def test_entitled_means_no_reason_against_and_more_never_takes_away(terms: Terms, facts: Facts) -> None:
    """A verdict is exactly its reasons; and points, places or a higher level never turn a yes into a no."""
    verdict = rules.may_redeem(terms, facts, TODAY)
    assert verdict.entitled is (not verdict.against)
    richer = Facts(
        True, True, facts.adult, facts.consents, None if facts.level_rank is None else facts.level_rank + 1,
        facts.communities, facts.balance_points + 1, facts.used_in_window,
        None if facts.stock_left is None else facts.stock_left + 1,
    )  # fmt: skip
    if verdict.entitled:
        assert rules.may_redeem(terms, richer, TODAY).entitled


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.sampled_from(sorted(rules.WINDOWS)))
def test_a_day_lies_in_its_window_and_before_the_next(day: date, window: str) -> None:
    start, again = rules.window_start(window, day), rules.next_window(window, day)
    assert start <= day
    assert rules.window_start(window, start) == start
    if again is None:
        assert window == "ever"
    else:
        assert day < again
        assert rules.window_start(window, again) == again
        assert rules.window_start(window, again - timedelta(days=1)) == start


def test_an_unknown_window_is_refused() -> None:
    with pytest.raises(ValueError, match="fortnight"):
        rules.window_start("fortnight", TODAY)


@given(st.integers(0, 10**6), st.integers(1, 400))
def test_the_shares_of_a_coupon_sum_to_its_price(price: int, uses: int) -> None:
    shares = [rules.share_points(price, uses, number) for number in range(1, uses + 1)]
    assert sum(shares) == price
    assert min(shares) >= 0
    assert shares[-1] == max(shares)


@pytest.mark.parametrize(("price", "uses", "number"), [(1, 1, 0), (1, 1, 2), (-1, 1, 1)])
def test_a_share_outside_the_coupon_is_refused(price: int, uses: int, number: int) -> None:
    with pytest.raises(ValueError, match="counts from 1"):
        rules.share_points(price, uses, number)


def test_a_coupon_of_one_day_is_good_through_tomorrow() -> None:
    assert rules.last_good_day(date(2026, 2, 28), 1) == date(2026, 3, 1)
    assert rules.last_good_day(TODAY, 0) == TODAY


@pytest.mark.parametrize("final", ["used", "cancelled", "expired"])
@pytest.mark.parametrize("act", ["admit", "admit-last", "cancel", "expire"])
def test_nothing_leads_out_of_an_end(final: str, act: str) -> None:
    assert rules.next_status(final, act) is None


def test_only_a_use_is_undone() -> None:
    undone = {status: rules.next_status(status, "undo") for status in ("issued", "used", "cancelled", "expired")}
    assert undone == {"issued": "issued", "used": "issued", "cancelled": None, "expired": None}


def test_a_first_timer_offer_is_for_who_never_had_it() -> None:
    first = Terms("open", first_timers_only=True)
    assert rules.may_redeem(first, resident(), TODAY).entitled is True
    had = rules.may_redeem(first, resident(had_before=True), TODAY)
    assert against(had) == ["first-time"] and "首次" in had.against[0].text
    assert rules.may_redeem(Terms("open"), resident(had_before=True), TODAY).entitled is True
