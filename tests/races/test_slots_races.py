"""Many hands on the same slot, the same day's places, the same group; a coupon's end while others act on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.admissions import service as admissions
from backend.kit import clock, db
from backend.offers import service as shelf
from backend.offers.models import DayStock, SlotCount
from backend.perks import expiry, extensions
from backend.perks import service as perks
from backend.perks.extensions import Officer
from backend.perks.models import Coupon
from tests.factories.perks import Shop, act, change_offer, shop
from tests.races.barrier import at_once
from tests.races.test_perks_races import (
    PRICE,
    _ready,  # noqa: F401 - the module's offers and keys
    balance,
    balanced,
    commit,
    count,
    held_coupon,
    redeem_of,
    residents,
    words,
)

THREADS = 50
SLOTS = {"minutes": 60, "open": ["09:00-12:00"], "capacity": 10, "days_ahead": 7}


def slot_of(known: Shop) -> datetime:
    with db.reading() as reader:
        return perks.slots(reader, known.offer_id, clock.today() + timedelta(days=1))[0].starts_at


def book_of(known: Shop, who: UUID, starts_at: datetime) -> Callable[[Session], Any]:
    return lambda session: perks.redeem(session, who, known.offer_id, act(who), slot_starts_at=starts_at)


def test_fifty_hands_on_a_slot_of_ten_places_get_ten() -> None:
    known = commit(lambda session: shop(session, slots=SLOTS, price_points=PRICE))
    everybody, starts_at = residents(THREADS), slot_of(known)
    results = at_once([book_of(known, who, starts_at) for who in everybody])
    assert words(results) == {"RedemptionView": 10, "slot-full": 40}
    with db.reading() as reader:
        assert perks.slot_left(reader, known.offer_id, starts_at) == 0
    assert count(Coupon, known) == 10 and balanced(everybody)
    assert sum(balance(who) for who in everybody) == 40 * PRICE


def test_places_of_a_slot_given_back_in_the_rush_are_neither_lost_nor_doubled() -> None:
    known = commit(lambda session: shop(session, slots=SLOTS))
    holders, others, starts_at = residents(10, 0), residents(20, 0), slot_of(known)
    held = [(who, commit(book_of(known, who, starts_at)).coupon.id) for who in holders]
    acts: list[Callable[[Session], Any]] = [book_of(known, who, starts_at) for who in others]
    acts += [lambda session, w=who, c=coupon_id: perks.cancel(session, w, c, act(w)) for who, coupon_id in held]
    told = words(at_once(acts))
    assert told["CouponView"] == 10 and told["RedemptionView"] + told["slot-full"] == 20
    with db.reading() as reader:
        taken = reader.execute(select(SlotCount.taken).where(SlotCount.offer_id == known.offer_id)).scalar_one()
    assert taken == told["RedemptionView"] <= 10


def test_the_places_of_a_day_go_to_exactly_as_many_as_there_are() -> None:
    for places in (1, 7, 40):
        known = commit(lambda session, n=places: shop(session, stock_per_day=n))
        results = at_once([redeem_of(known, who) for who in residents(THREADS, 0)])
        assert words(results) == {"RedemptionView": places, "sold-out": THREADS - places}
        with db.reading() as reader:
            left = select(func.sum(DayStock.remaining)).where(DayStock.offer_id == known.offer_id)
            assert reader.execute(left).scalar() == 0


def test_places_of_a_day_lowered_in_the_rush_sell_no_more_than_they_say() -> None:
    known = commit(lambda session: shop(session, stock_per_day=40))
    everybody = residents(30, 0)
    lower = lambda session: change_offer(session, known, stock_per_day=10)  # noqa: E731
    told = words(at_once([lower, *[redeem_of(known, who) for who in everybody]]))
    with db.reading() as reader:
        left = shelf.left_on(reader, {known.offer_id: 10}, clock.today())[known.offer_id]
        over = select(func.sum(DayStock.overdrawn)).where(DayStock.offer_id == known.offer_id)
        overdrawn = int(reader.execute(over).scalar() or 0)
    assert told["RedemptionView"] + told["sold-out"] == 30
    assert told["RedemptionView"] + left - overdrawn == 10


def test_of_many_redemptions_of_one_group_by_one_person_one_wins() -> None:
    group = f"g-{uuid4().hex[:8]}"
    offers = [commit(lambda session: shop(session, stacking_group=group, price_points=PRICE)) for _ in range(4)]
    [who] = residents(1, 16 * PRICE)
    results = at_once([redeem_of(known, who) for known in offers for _ in range(4)])
    assert words(results) == {"RedemptionView": 1, "not-entitled": 15}
    assert balance(who) == 15 * PRICE and balanced([who])


def test_of_the_end_of_a_coupon_and_its_use_or_cancellation_exactly_one_happens() -> None:
    known = commit(
        lambda session: shop(session, price_points=PRICE, stock_total=60, coupon_valid_days=0, offline={"mode": "none"})
    )
    for number in range(9):
        who, coupon_id, _ = held_coupon(known)
        with db.reading() as reader:
            ends = perks.coupon(reader, who, coupon_id).valid_until

        def close(session: Session, w: UUID = who, c: UUID = coupon_id, ends: datetime = ends) -> bool:
            with clock.at(ends):
                return expiry.expire(session, w, c, timedelta(0))

        other = [_cancel, _use][number % 2]
        closed, _ = at_once([close, lambda session, w=who, c=coupon_id, o=other: o(session, known, w, c)])
        with db.reading() as reader:
            row = perks.find_coupon(reader, who, coupon_id)
        assert row is not None and row.status == ("expired" if closed else ("cancelled", "used")[number % 2])
        assert balance(who) == (0 if row.status == "used" else PRICE) and balanced([who])


def _cancel(session: Session, _known: Shop, who: UUID, coupon_id: UUID) -> None:
    perks.cancel(session, who, coupon_id, act(who))


def _use(session: Session, known: Shop, who: UUID, coupon_id: UUID) -> None:
    code = perks.coupon_code(session, who, coupon_id).text
    admissions.admit(session, known.door, code, None, act(known.door.device_id))


def test_two_workers_extend_each_coupon_once_while_it_is_used_and_cancelled() -> None:
    known = commit(lambda session: shop(session, coupon_valid_days=2))
    held = [(who, commit(redeem_of(known, who)).coupon.id) for who in residents(24, 0)]
    day = clock.today() + timedelta(days=30)
    ordered = commit(
        lambda session: perks.extend(
            session, Officer(uuid4(), "office", None), known.offer_id, day, "测试", act(uuid4())
        )
    )
    steps = [lambda session: extensions.step(session, ordered.id, chunk=4)] * 8
    cancels = [lambda session, w=who, c=coupon_id: perks.cancel(session, w, c, act(w)) for who, coupon_id in held[:6]]
    results = at_once([*steps, *cancels])
    assert not [one for one in results if isinstance(one, Exception)]
    extensions.work(ordered.id)
    with db.reading() as reader:
        rows = [perks.find_coupon(reader, *key) for key in held]
        [order] = perks.extensions(reader, None, known.offer_id)
    extended = Counter(row.valid_until == clock.end_of_day(day) for row in rows if row is not None)
    assert order.state == "done" and order.extended == extended[True]
    assert all(row.valid_until == clock.end_of_day(day) for row in rows if row is not None and row.status == "issued")
