"""Browsing, redeeming, cancelling and expiring, each in a transaction that is rolled back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.consents import service as consents
from backend.kit import clock
from backend.kit.errors import IdempotencyConflict, NotFound
from backend.ledger import audit
from backend.ledger import service as ledger
from backend.ledger.errors import NotEnoughPoints
from backend.ledger.models import lots
from backend.offers import service as shelf
from backend.offers.errors import SoldOut
from backend.offers.models import OfferStock
from backend.perks import errors, expiry, service
from backend.perks.eligibility import Asker
from backend.perks.models import Coupon
from backend.scores import service as scores
from tests.factories import accounts as people
from tests.factories.perks import Shop, act, change_offer, give_points, shop


def redeem(session: Session, resident_id: UUID, known: Shop) -> service.RedemptionView:
    return service.redeem(session, resident_id, known.offer_id, act(resident_id))


def somebody(session: Session, points: int = 0) -> UUID:
    resident_id = people.resident(session).resident_id
    if points:
        give_points(session, resident_id, points)
    return resident_id


def balance(session: Session, resident_id: UUID) -> int:
    return ledger.balance(session, resident_id, clock.today())


# --- browsing


def test_offers_of_the_city_are_listed_with_a_verdict_each(session: Session, city: dict[str, Any]) -> None:
    own = {shelf.offer_id(each["slug"]) for each in city["perks"]["offers"]}
    listed = service.offers(session, Asker(True, somebody(session)), limit=10_000)
    found = [offer for offer in listed if offer.row.id in own]
    assert len(found) >= 8
    assert {offer.entitled.word for offer in found} == {"entitled", "not-entitled"}
    assert all(offer.entitled.reasons and offer.venues for offer in found)


def test_whoever_is_not_bound_may_browse_and_is_told_to_sign_in(session: Session) -> None:
    for asker in (service.NOBODY, Asker(True, None)):
        found = service.offers(session, asker, scene="you", limit=100)
        assert {offer.scene_id for offer in found} == {"you"}
        assert {offer.entitled.word for offer in found} == {"sign-in"}
    assert service.offers(session, service.NOBODY, entitled=True, limit=100) == []


def test_entitled_offers_are_exactly_those_without_a_reason_against(session: Session) -> None:
    asker = Asker(True, somebody(session))
    every = service.offers(session, asker, limit=100)
    yes = service.offers(session, asker, entitled=True, limit=100)
    no = service.offers(session, asker, entitled=False, limit=100)
    assert {offer.id for offer in yes} | {offer.id for offer in no} == {offer.id for offer in every}
    assert all(not offer.entitled.against for offer in yes)
    assert all(offer.entitled.against for offer in no)


def test_offers_come_by_venue_and_page_by_page(session: Session) -> None:
    known = shop(session)
    assert [offer.id for offer in service.offers(session, venue_id=known.venue_id)] == [known.offer_id]
    assert service.offers(session, venue_id=uuid4()) == []


def test_scenes_count_their_open_offers(session: Session) -> None:
    found = {scene["id"]: scene for scene in service.scenes(session)}
    assert found["you"]["name"] == "信易游"
    assert found["you"]["offers"] >= 4
    assert found["xing"]["offers"] >= 2


def test_stock_is_told_roughly(session: Session) -> None:
    texts = {total: service.offer(session, shop(session, stock_total=total).offer_id) for total in (0, 3, 500)}
    assert [texts[total].stock_left for total in (0, 3, 500)] == [None, 3, 10]
    assert [texts[total].stock_text for total in (0, 3, 500)] == ["不限量", "仅剩 3 份", "名额充足"]


def test_an_unknown_offer_is_not_found(session: Session) -> None:
    with pytest.raises(NotFound):
        service.offer(session, uuid4())


# --- redeeming


def test_redeem_gives_a_coupon_and_puts_the_price_into_escrow(session: Session) -> None:
    known, resident_id = shop(session, price_points=300), somebody(session, 500)
    made = redeem(session, resident_id, known)
    coupon = made.coupon
    assert (coupon.status, coupon.uses_left, coupon.price_points, coupon.cancellable) == ("issued", 1, 300, True)
    assert coupon.valid_until == clock.end_of_day(clock.today() + timedelta(days=30))
    assert balance(session, resident_id) == 200
    assert audit.audit_resident(session, resident_id) == []


def test_a_free_offer_moves_no_points(session: Session) -> None:
    resident_id = somebody(session)
    made = redeem(session, resident_id, shop(session))
    row = session.execute(
        select(Coupon).where(Coupon.resident_id == resident_id, Coupon.id == made.coupon.id)
    ).scalar_one()
    assert row.hold_transfer_id is None
    assert ledger.entries(session, resident_id, 10) == []


def test_redeem_refuses_when_points_are_short(session: Session) -> None:
    known, resident_id = shop(session, price_points=300), somebody(session, 299)
    with pytest.raises(NotEnoughPoints):
        redeem(session, resident_id, known)


def test_redeem_refuses_when_sold_out(session: Session) -> None:
    known = shop(session, stock_total=2)
    for _ in range(2):
        redeem(session, somebody(session), known)
    with pytest.raises(SoldOut):
        redeem(session, somebody(session), known)
    assert service.offer(session, known.offer_id).stock_text == "已领完"


def test_every_bucket_is_emptied_before_anybody_is_told_sold_out(session: Session) -> None:
    known, total = shop(session, stock_total=40), 40
    assert session.execute(select(func.count()).where(OfferStock.offer_id == known.offer_id)).scalar() == 8
    one = uuid4()
    taken = [shelf.take_place(session, known.offer_id, total, one) for _ in range(total)]
    assert sorted(set(taken)) == list(range(8))  # type: ignore[type-var]
    with pytest.raises(SoldOut):
        shelf.take_place(session, known.offer_id, total, uuid4())


def test_redeem_refuses_beyond_the_limit_and_says_when_again(session: Session) -> None:
    known, resident_id = shop(session, per_person={"limit": 2, "window": "month"}), somebody(session)
    for _ in range(2):
        redeem(session, resident_id, known)
    with pytest.raises(errors.LimitReached) as refusal:
        redeem(session, resident_id, known)
    assert refusal.value.members["limit"] == 2
    assert refusal.value.members["again_on"] > clock.today().isoformat()
    redeem(session, somebody(session), known)


def test_a_new_window_gives_new_turns(session: Session) -> None:
    known, resident_id = shop(session, per_person={"limit": 1, "window": "day"}), somebody(session)
    redeem(session, resident_id, known)
    with clock.shifted(timedelta(days=1)):
        redeem(session, resident_id, known)


def test_redeem_refuses_a_closed_offer_and_one_out_of_its_days(session: Session) -> None:
    resident_id = somebody(session)
    for changes in ({"status": "closed"}, {"ends_on": "2026-01-01"}, {"starts_on": "2199-01-01"}):
        with pytest.raises(errors.OfferClosed):
            redeem(session, resident_id, shop(session, **changes))


def test_redeem_of_an_unknown_offer_is_not_found(session: Session) -> None:
    resident_id = somebody(session)
    with pytest.raises(NotFound):
        service.redeem(session, resident_id, uuid4(), act(resident_id))


def test_a_level_floor_asks_for_consent_and_then_for_the_level(session: Session) -> None:
    low = shop(session, level_floor="B", consents=["score"])
    high = shop(session, level_floor="A++", consents=["score"])
    resident_id = somebody(session)
    with pytest.raises(errors.NotEntitled) as refusal:
        redeem(session, resident_id, low)
    assert [r["slug"] for r in refusal.value.members["reasons"] if not r["ok"]] == ["consent", "level"]
    text_version = consents.purpose_called(session, "score").text_version
    consents.set_consent(session, resident_id, "score", True, text_version)
    scores.recompute(session, resident_id, "consent")
    assert redeem(session, resident_id, low).coupon.status == "issued"
    with pytest.raises(errors.NotEntitled) as refusal:
        redeem(session, resident_id, high)
    told = refusal.value.members["reasons"]
    assert [reason["slug"] for reason in told if not reason["ok"]] == ["level"]
    assert "consent" in [reason["slug"] for reason in told if reason["ok"]]


def test_an_offer_for_a_community_asks_for_its_covenant(session: Session) -> None:
    known = shop(session, residents_of="dongshan-demo")
    with pytest.raises(errors.NotEntitled) as refusal:
        redeem(session, somebody(session), known)
    assert [r["slug"] for r in refusal.value.members["reasons"] if not r["ok"]] == ["community"]


def test_a_repeat_of_the_operation_is_shown_the_same_redemption_as_it_is_now(session: Session) -> None:
    known, resident_id = shop(session, price_points=10), somebody(session, 100)
    operation = act(resident_id)
    first = service.redeem(session, resident_id, known.offer_id, operation)
    service.cancel(session, resident_id, first.coupon.id, act(resident_id))
    again = service.redeem(session, resident_id, known.offer_id, operation)
    assert (again.id, again.coupon.id, again.coupon.status) == (first.id, first.coupon.id, "cancelled")
    assert balance(session, resident_id) == 100
    with pytest.raises(IdempotencyConflict):
        service.redeem(session, resident_id, known.offer_id, operation._replace(digest=b"y" * 32))


# --- cancelling


def test_cancel_brings_points_home_to_the_lots_they_came_from(session: Session) -> None:
    known, resident_id = shop(session, price_points=150), somebody(session)
    soon = clock.today() + timedelta(days=10)
    give_points(session, resident_id, 100, soon)
    give_points(session, resident_id, 100)

    def standing() -> list[tuple[object, int]]:
        rows = session.execute(
            select(lots.c.expires_on, lots.c.remaining_points).where(lots.c.resident_id == resident_id)
        )
        return sorted((row.expires_on, row.remaining_points) for row in rows)

    before = standing()
    coupon = redeem(session, resident_id, known).coupon
    assert standing() != before
    cancelled = service.cancel(session, resident_id, coupon.id, act(resident_id))
    assert (cancelled.status, cancelled.cancellable) == ("cancelled", False)
    assert standing() == before
    assert audit.audit_resident(session, resident_id) == []


def test_cancel_gives_place_and_turn_back(session: Session) -> None:
    known = shop(session, stock_total=1, per_person={"limit": 1, "window": "ever"})
    resident_id = somebody(session)
    for _ in range(3):
        coupon = redeem(session, resident_id, known).coupon
        service.cancel(session, resident_id, coupon.id, act(resident_id))
    assert shelf.left(session, [known.offer_id]) == {known.offer_id: 1}


def test_cancel_refuses_twice_and_what_is_not_returnable(session: Session) -> None:
    resident_id = somebody(session)
    coupon = redeem(session, resident_id, shop(session)).coupon
    service.cancel(session, resident_id, coupon.id, act(resident_id))
    with pytest.raises(errors.NotCancellable):
        service.cancel(session, resident_id, coupon.id, act(resident_id))
    fixed = redeem(session, resident_id, shop(session, refund="none")).coupon
    with pytest.raises(errors.NotCancellable):
        service.cancel(session, resident_id, fixed.id, act(resident_id))


def test_another_persons_coupon_is_not_found(session: Session) -> None:
    coupon = redeem(session, somebody(session), shop(session)).coupon
    other = somebody(session)
    with pytest.raises(NotFound):
        service.coupon(session, other, coupon.id)
    with pytest.raises(NotFound):
        service.coupon_code(session, other, coupon.id)
    with pytest.raises(NotFound):
        service.cancel(session, other, coupon.id, act(other))


def test_a_coupon_keeps_the_terms_under_which_it_was_redeemed(session: Session) -> None:
    known, resident_id = shop(session, uses=3), somebody(session)
    coupon = redeem(session, resident_id, known).coupon
    change_offer(session, known, title="改过的名称", uses=1, refund="none")
    kept = service.coupon(session, resident_id, coupon.id)
    assert (kept.offer["title"], kept.uses_total, kept.refund) == ("测试门票", 3, "until_used")


def test_coupons_are_listed_newest_first_and_page_by_page(session: Session) -> None:
    known, resident_id = shop(session), somebody(session)
    made = [redeem(session, resident_id, known).coupon.id for _ in range(5)]
    first = service.coupons(session, resident_id, limit=2)
    assert [coupon.id for coupon in first[:2]] == made[:2:-1]
    rest = service.coupons(session, resident_id, after=(first[1].created_at, first[1].id), limit=10)
    assert [coupon.id for coupon in rest] == made[2::-1]


# --- the stock under a changed policy


def test_a_larger_total_adds_places_and_a_smaller_one_takes_free_ones(session: Session) -> None:
    known = shop(session, stock_total=10)
    for _ in range(4):
        redeem(session, somebody(session), known)
    for total, free in ((20, 16), (6, 2), (4, 0), (100, 96), (100, 96)):
        change_offer(session, known, stock_total=total)
        assert shelf.left(session, [known.offer_id])[known.offer_id] == free


def test_a_total_below_what_is_taken_sells_nothing_until_enough_came_back(session: Session) -> None:
    known = shop(session, stock_total=5)
    held = []
    for _ in range(5):
        resident_id = somebody(session)
        held.append((resident_id, redeem(session, resident_id, known).coupon.id))
    change_offer(session, known, stock_total=3)
    free = []
    for resident_id, coupon_id in held:
        service.cancel(session, resident_id, coupon_id, act(resident_id))
        free.append(shelf.left(session, [known.offer_id])[known.offer_id])
    assert free == [0, 0, 1, 2, 3]


def test_an_offer_that_leaves_the_policy_is_closed_and_its_coupons_stay_good(session: Session) -> None:
    known, resident_id = shop(session), somebody(session)
    coupon = redeem(session, resident_id, known).coupon
    change_offer(session, known, status="closed")
    assert service.coupon_code(session, resident_id, coupon.id).text.startswith("XY1:")


# --- the end of a coupon


def end_of(coupon: service.CouponView) -> timedelta:
    left: timedelta = coupon.valid_until - clock.now()
    return left


def test_an_unused_coupon_expires_and_its_points_come_home(session: Session) -> None:
    known, resident_id = shop(session, price_points=70, offline={"mode": "none"}), somebody(session, 70)
    coupon = redeem(session, resident_id, known).coupon
    waits = expiry.grace(session)
    assert not expiry.expire(session, resident_id, coupon.id, waits)
    with clock.shifted(end_of(coupon)):
        assert service.coupon(session, resident_id, coupon.id).status == "expired"
        assert (resident_id, coupon.id) in expiry.due(session, clock.now(), None, 1000)
        assert expiry.expire(session, resident_id, coupon.id, waits)
        assert not expiry.expire(session, resident_id, coupon.id, waits)
        assert balance(session, resident_id) == 70
        with pytest.raises(errors.NotCancellable):
            service.cancel(session, resident_id, coupon.id, act(resident_id))
    assert audit.audit_resident(session, resident_id) == []


def test_a_coupon_that_may_be_used_offline_waits_for_its_scans(session: Session) -> None:
    known, resident_id = shop(session, price_points=70), somebody(session, 70)
    coupon = redeem(session, resident_id, known).coupon
    waits = expiry.grace(session)
    with clock.shifted(end_of(coupon)):
        assert not expiry.expire(session, resident_id, coupon.id, waits)
    with clock.shifted(end_of(coupon) + waits):
        assert expiry.expire(session, resident_id, coupon.id, waits)


def test_points_of_a_coupon_without_refund_go_to_the_partner_at_its_end(session: Session) -> None:
    known = shop(session, price_points=70, refund="none", offline={"mode": "none"})
    resident_id = somebody(session, 70)
    coupon = redeem(session, resident_id, known).coupon
    with clock.shifted(end_of(coupon)):
        assert expiry.expire(session, resident_id, coupon.id, expiry.grace(session))
    assert balance(session, resident_id) == 0
    assert audit.audit_resident(session, resident_id) == []


def test_a_coupon_past_its_end_shows_no_code(session: Session) -> None:
    resident_id = somebody(session)
    coupon = redeem(session, resident_id, shop(session)).coupon
    with clock.shifted(end_of(coupon)), pytest.raises(errors.CouponNotActive) as refusal:
        service.coupon_code(session, resident_id, coupon.id)
    assert refusal.value.members["coupon_status"] == "expired"


def test_a_code_never_outlives_its_coupon(session: Session) -> None:
    resident_id = somebody(session)
    coupon = redeem(session, resident_id, shop(session)).coupon
    assert service.coupon_code(session, resident_id, coupon.id).expires_at <= clock.now() + timedelta(hours=1)
    with clock.shifted(end_of(coupon) - timedelta(seconds=90)):
        assert service.coupon_code(session, resident_id, coupon.id).expires_at <= coupon.valid_until
