"""A slot's queue when everybody acts at once, with real commits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.bookings import promoting, service, strikes
from backend.bookings.models import StrikeRow, WaitingRow
from backend.kit import clock, db
from backend.offers.models import SlotCount
from backend.perks import expiry
from backend.perks import service as perks
from backend.perks.models import Coupon
from tests.factories.perks import Shop, act, shop
from tests.races.barrier import at_once
from tests.races.test_perks_races import PRICE, _ready, balance, balanced, commit, residents, words  # noqa: F401
from tests.races.test_slots_races import book_of, slot_of

SLOTS = {"minutes": 60, "open": ["09:00-12:00"], "capacity": 1, "days_ahead": 7}
WAITING = 50


def join_of(known: Shop, who: Any, starts_at: Any) -> Callable[[Session], Any]:
    return lambda session: service.join(session, who, known.offer_id, starts_at, act(who))


def cancel_of(who: Any, coupon_id: Any) -> Callable[[Session], Any]:
    return lambda session: perks.cancel(session, who, coupon_id, act(who))


def promoted(known: Shop) -> list[Any]:
    with db.reading() as reader:
        rows = select(WaitingRow.resident_id).where(
            WaitingRow.offer_id == known.offer_id, WaitingRow.state == "promoted"
        )
        return list(reader.execute(rows).scalars())


def taken(known: Shop) -> int:
    with db.reading() as reader:
        return int(reader.execute(select(SlotCount.taken).where(SlotCount.offer_id == known.offer_id)).scalar_one())


def together(acts: list[Callable[[], Any]]) -> None:
    threads = [Thread(target=act) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_of_fifty_who_wait_for_one_place_the_first_gets_it_however_many_workers_give_it() -> None:
    known = commit(lambda session: shop(session, slots=SLOTS, price_points=PRICE))
    starts_at, [holder], everybody = slot_of(known), residents(1), residents(WAITING)
    coupon_id = commit(book_of(known, holder, starts_at)).coupon.id
    joined = at_once([join_of(known, who, starts_at) for who in everybody])
    assert words(joined) == {"WaitingView": WAITING}
    first = min(joined, key=lambda entry: (entry.row.joined_at, entry.row.id)).row.resident_id
    commit(cancel_of(holder, coupon_id))
    overtaking = [lambda: at_once([book_of(known, holder, starts_at)]) for _ in range(2)]
    together([*[lambda: promoting.promote(known.offer_id, starts_at)] * 6, *overtaking])
    assert promoted(known) == [first] and taken(known) == 1
    assert balance(first) == 0 and balance(holder) == PRICE
    assert sum(balance(who) for who in everybody) == (WAITING - 1) * PRICE and balanced([first, holder])


def test_places_given_back_while_others_give_them_are_each_given_once() -> None:
    known = commit(lambda session: shop(session, slots={**SLOTS, "capacity": 8}))
    starts_at, holders, everybody = slot_of(known), residents(8, 0), residents(20, 0)
    held = [(who, commit(book_of(known, who, starts_at)).coupon.id) for who in holders]
    entries = [commit(join_of(known, who, starts_at)) for who in everybody]
    leaving = entries[0]

    def act_of(number: int) -> Callable[[], Any]:
        def run() -> None:
            at_once([cancel_of(*held[number])])
            promoting.promote(known.offer_id, starts_at)

        return run

    leave = lambda: at_once([lambda session: service.leave(session, everybody[0], leaving.id)])  # noqa: E731
    together([leave, *[act_of(number) for number in range(8)]])
    promoting.sweep()
    with db.reading() as reader:
        good = select(func.count()).where(Coupon.offer_id == known.offer_id, Coupon.status == "issued")
        coupons = reader.execute(good).scalar_one()
        assert promoting.kept(reader, known.offer_id, starts_at) == 0
    given = promoted(known)
    assert len(given) == len(set(given)) == coupons == taken(known) == 8
    assert set(given) <= set(everybody[:9])


def test_strikes_that_come_together_bring_the_pause_that_they_make_up() -> None:
    rule = {"strikes": 4, "within_days": 60, "pause_days": 5}
    [who] = residents(1, 0)
    shops = [
        commit(lambda session: shop(session, slots={**SLOTS, "no_show": rule}, offline={"mode": "none"}))
        for _ in range(4)
    ]
    coupons = [commit(book_of(known, who, slot_of(known))).coupon for known in shops]
    end = max(coupon.slot_ends_at for coupon in coupons) + timedelta(hours=1)

    def close(session: Session, coupon_id: Any) -> None:
        with clock.at(end):
            expiry.expire(session, who, coupon_id, timedelta(0))

    def note(coupon_id: Any) -> Callable[[Session], bool]:
        def run(session: Session) -> bool:
            with clock.at(end):
                return strikes.strike(session, who, coupon_id)

        return run

    for coupon in coupons:
        commit(lambda session, c=coupon.id: close(session, c))
    results = at_once([note(coupon.id) for coupon in coupons] * 2)
    assert sorted(results) == [False] * 4 + [True] * 4
    with db.reading() as reader:
        with clock.at(end):
            assert set(service.paused(reader, who, ["you"])) == {"you"}
        hers = select(func.count()).where(StrikeRow.resident_id == who)
        assert reader.execute(hers).scalar_one() == 4
