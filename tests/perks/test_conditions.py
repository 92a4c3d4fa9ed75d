"""Age, days, closed days, groups and arrears: what each asks for and what the verdict says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from backend.kit import clock, db
from backend.offers import service as shelf
from backend.offers.errors import SoldOut
from backend.perks import eligibility, errors, service
from backend.perks.eligibility import Asker
from backend.perks.rules import Reason
from tests.factories import accounts as people
from tests.factories.perks import Shop, act, change_offer, shop

PAY_AFTER: dict[str, Any] = {
    "kind": "pay_after", "benefit": {"type": "pay_after", "up_to_fen": 5000},
    "obligation": {"kind": "pay_after", "due_hours": 72, "remind_hours_before": [24, 2]},
}  # fmt: skip


def somebody(session: Session, born_on: date | None = None) -> UUID:
    return people.resident(session, born_on).resident_id


def redeem(session: Session, who: UUID, known: Shop) -> service.RedemptionView:
    return service.redeem(session, who, known.offer_id, act(who))


def reason(session: Session, who: UUID, known: Shop, slug: str) -> Reason | None:
    verdict = service.offer(session, known.offer_id, Asker(True, who)).entitled
    return next((each for each in verdict.reasons if each.slug == slug), None)


# --- age


def test_an_offer_for_the_old_is_theirs_from_the_birthday_on(session: Session) -> None:
    known = shop(session, age={"from": 60})
    today = clock.today()
    young = somebody(session, today.replace(year=today.year - 40, day=1))
    said = reason(session, young, known, "age")
    assert said is not None and not said.ok and "60 周岁及以上" in said.text and "年满 60" in said.remedy
    assert "40" not in said.text + said.remedy
    with pytest.raises(errors.NotEntitled):
        redeem(session, young, known)
    old = somebody(session, today.replace(year=today.year - 61, day=1))
    assert redeem(session, old, known).coupon.status == "issued"
    said = reason(session, old, known, "age")
    assert said is not None and said.ok and "61" not in said.text


def test_an_upper_age_is_kept_too_and_nothing_helps_whoever_is_past_it(session: Session) -> None:
    known = shop(session, age={"from": 18, "to": 30})
    said = reason(session, somebody(session, clock.today().replace(year=clock.today().year - 50, day=1)), known, "age")
    assert said is not None and not said.ok and said.remedy == "" and "18 至 30" in said.text


# --- places of a day


def test_todays_places_run_out_and_are_there_again_tomorrow(session: Session) -> None:
    known = shop(session, stock_per_day=2)
    first, second, third = (somebody(session) for _ in range(3))
    view = service.offer(session, known.offer_id)
    assert (view.stock_left, view.stock_text) == (2, "仅剩 2 份")
    coupon = redeem(session, first, known).coupon
    redeem(session, second, known)
    assert service.offer(session, known.offer_id).stock_text == "今日已领完"
    said = reason(session, third, known, "stock-today")
    assert said is not None and not said.ok and f"{clock.today() + timedelta(days=1):%Y-%m-%d}" in said.remedy
    with pytest.raises(SoldOut) as refused:
        redeem(session, third, known)
    assert "今天的名额已领完" in refused.value.detail_zh
    assert refused.value.members["again_on"] == (clock.today() + timedelta(days=1)).isoformat()
    with clock.shifted(timedelta(days=1)):
        redeem(session, third, known)
        assert service.offer(session, known.offer_id).stock_left == 1
    service.cancel(session, first, coupon.id, act(first))
    assert service.offer(session, known.offer_id).stock_left == 1


def test_a_changed_number_of_places_counts_at_once(session: Session) -> None:
    known = shop(session, stock_per_day=40)
    taken = [(who, redeem(session, who, known).coupon.id) for who in (somebody(session) for _ in range(6))]
    change_offer(session, known, stock_per_day=4)
    with pytest.raises(SoldOut):
        redeem(session, somebody(session), known)
    for who, coupon_id in taken[:2]:
        service.cancel(session, who, coupon_id, act(who))
    with pytest.raises(SoldOut):
        redeem(session, somebody(session), known)
    service.cancel(session, taken[2][0], taken[2][1], act(taken[2][0]))
    redeem(session, somebody(session), known)
    change_offer(session, known, stock_per_day=0)
    assert service.offer(session, known.offer_id).stock_left is None


def test_counts_of_days_long_past_are_deleted(session: Session) -> None:
    known = shop(session, stock_per_day=2)
    redeem(session, somebody(session), known)
    assert shelf.forget_days(session, clock.today()) == 0
    assert shelf.forget_days(session, clock.today() + timedelta(days=1)) > 0
    assert shelf.left_on(session, {known.offer_id: 2}, clock.today()) == {known.offer_id: 2}


# --- closed days


def test_on_a_closed_day_nothing_is_redeemed_and_the_next_open_day_is_said(session: Session) -> None:
    known = shop(session, blackout={"days": [clock.today().isoformat()]})
    who = somebody(session)
    said = reason(session, who, known, "blackout")
    tomorrow = clock.today() + timedelta(days=1)
    assert said is not None and not said.ok and f"{tomorrow:%Y-%m-%d}" in said.remedy
    with pytest.raises(errors.NotEntitled):
        redeem(session, who, known)
    with clock.shifted(timedelta(days=1)):
        assert redeem(session, who, known).coupon.status == "issued"


@pytest.mark.parametrize(("use_too", "slug"), [(True, "blackout-day"), (False, "")])
def test_whether_a_closed_day_closes_the_door_too_is_as_the_coupon_remembers(
    session: Session, use_too: bool, slug: str
) -> None:
    tomorrow = clock.today() + timedelta(days=1)
    known = shop(session, blackout={"days": [tomorrow.isoformat()], "use_too": use_too})
    who = somebody(session)
    coupon = redeem(session, who, known).coupon
    change_offer(session, known, blackout=None)
    row = service.find_coupon(session, who, coupon.id)
    assert row is not None
    assert service.usable_now(row, clock.now()) == ""
    assert service.usable_now(row, clock.start_of_day(tomorrow)) == slug
    assert service.usable_now(row, clock.end_of_day(tomorrow)) == ""


# --- groups


def test_of_a_group_one_usable_coupon_is_held_at_a_time(session: Session) -> None:
    one, other = shop(session, stacking_group="test-night"), shop(session, stacking_group="test-night")
    elsewhere = shop(session, stacking_group="test-day")
    who = somebody(session)
    coupon = redeem(session, who, one).coupon
    for known in (one, other):
        said = reason(session, who, known, "group")
        assert said is not None and not said.ok and said.remedy
        with pytest.raises(errors.NotEntitled) as refused:
            redeem(session, who, known)
        assert "group" in {each["slug"] for each in refused.value.members["reasons"] if not each["ok"]}
    redeem(session, who, elsewhere)
    service.cancel(session, who, coupon.id, act(who))
    said = reason(session, who, other, "group")
    assert said is not None and said.ok
    redeem(session, who, other)


def test_a_coupon_that_has_ended_or_is_used_up_holds_no_group(session: Session) -> None:
    one, other = shop(session, stacking_group="test-g", coupon_valid_days=0), shop(session, stacking_group="test-g")
    who = somebody(session)
    redeem(session, who, one)
    with clock.shifted(timedelta(days=1)):
        coupon = redeem(session, who, other).coupon
        row = service.lock_coupon(session, who, coupon.id)
        assert row is not None
        service.change_coupon(session, row, status="used", uses_left=0)
        redeem(session, who, other)


# --- arrears


@pytest.fixture
def arrears() -> Iterator[set[str]]:
    """Kinds of obligation in arrears, for everybody."""
    kinds: set[str] = set()
    service.bind_pauses(lambda _reader, _who: frozenset(kinds))
    yield kinds
    service.bind_pauses(None)


def test_arrears_pause_their_kind_of_offer_and_nothing_else(session: Session, arrears: set[str]) -> None:
    binding, plain, who = shop(session, **PAY_AFTER), shop(session), somebody(session)
    deposit = shop(
        session, kind="deposit_free", benefit={"type": "deposit_free", "up_to_fen": 100},
        obligation={"kind": "deposit_free", "due_hours": 24},
    )  # fmt: skip
    said = reason(session, who, binding, "arrears")
    assert said is not None and said.ok
    arrears.add("pay_after")
    said = reason(session, who, binding, "arrears")
    assert said is not None and not said.ok and said.remedy
    with pytest.raises(errors.NotEntitled):
        redeem(session, who, binding)
    redeem(session, who, deposit)
    redeem(session, who, plain)
    assert reason(session, who, plain, "arrears") is None
    arrears.clear()
    redeem(session, who, binding)


def test_nobody_is_asked_about_arrears_for_an_offer_that_binds_to_nothing(session: Session) -> None:
    def ask(_reader: db.Reader, _who: UUID) -> frozenset[str]:
        raise AssertionError("asked")

    service.bind_pauses(ask)
    try:
        redeem(session, somebody(session), shop(session))
        with pytest.raises(AssertionError, match="asked"):
            redeem(session, somebody(session), shop(session, **PAY_AFTER))
    finally:
        service.bind_pauses(None)


def test_terms_written_before_these_conditions_have_none_of_them(session: Session) -> None:
    known = shop(session)
    row = shelf.offer(session, known.offer_id).row
    for key in shelf.ABSENT:
        row.terms.pop(key, None)
    verdict = eligibility.judge(session, Asker(True, somebody(session)), [row])[known.offer_id]
    assert verdict.entitled
    view = service.offer(session, known.offer_id)
    assert (view.age, view.slots, view.stacking_group, view.stock_per_day) == (None, None, "", 0)
