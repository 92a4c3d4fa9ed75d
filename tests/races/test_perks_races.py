"""Many hands on the same offer, coupon or key at the same moment, with real commits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.admissions import service as admissions
from backend.admissions.models import Admission
from backend.codes import service as codes
from backend.kit import city as cities
from backend.kit import clock, db
from backend.ledger import service as ledger
from backend.ledger.audit import audit_resident
from backend.offers import policy
from backend.offers import service as shelf
from backend.offers.models import OfferStock
from backend.perks import expiry
from backend.perks import service as perks
from backend.perks.models import Coupon, Redemption
from tests.factories import accounts as people
from tests.factories.perks import Shop, act, give_points, shop
from tests.races.barrier import at_once

THREADS = 50
PRICE = 10


@pytest.fixture(autouse=True, scope="module")
def _ready(app: Flask, city: dict[str, dict[str, Any]]) -> None:
    with db.transaction() as session:
        codes.ensure_keys(session, "320115")
        content = city["perks"]
        policy.apply(session, cities.Policy("perks", content["version"], clock.today(), content))


def words(results: list[Any]) -> Counter[str]:
    """What came of each: a refusal's slug, an outcome's verdict, or the kind of what was given."""

    def word(one: Any) -> str:
        if isinstance(one, admissions.Outcome):
            return one.reason or one.verdict
        return str(getattr(one, "slug", type(one).__name__))

    return Counter(word(one) for one in results)


def commit(act: Callable[[Session], Any]) -> Any:
    with db.transaction() as session:
        return act(session)


def residents(count: int, points: int = PRICE, *, bound: bool = False) -> list[UUID]:
    def make(session: Session) -> list[UUID]:
        made = [people.resident(session, bound=bound).resident_id for _ in range(count)]
        for each in made if points else ():
            give_points(session, each, points)
        return made

    return list(commit(make))


def redeem_of(known: Shop, who: UUID, key: UUID | None = None) -> Callable[[Session], Any]:
    return lambda session: perks.redeem(session, who, known.offer_id, act(who, key))


def admit_of(known: Shop, code: str, key: UUID | None = None) -> Callable[[Session], Any]:
    return lambda session: admissions.admit(session, known.door, code, None, act(known.door.device_id, key))


def balanced(everybody: list[UUID]) -> bool:
    with db.reading() as reader:
        return all(audit_resident(reader, who) == [] for who in everybody)


def count(model: Any, known: Shop) -> int:
    with db.reading() as reader:
        return int(reader.execute(select(func.count()).where(model.offer_id == known.offer_id)).scalar() or 0)


def balance(who: UUID) -> int:
    with db.reading() as reader:
        return ledger.balance(reader, who, clock.today())


def held_coupon(known: Shop, points: int = PRICE) -> tuple[UUID, UUID, str]:
    """A resident with a coupon and its code."""
    [who] = residents(1, points)
    coupon_id = commit(redeem_of(known, who)).coupon.id
    with db.reading() as reader:
        return who, coupon_id, perks.coupon_code(reader, who, coupon_id).text


@pytest.mark.parametrize("places", [1, 7, 40])
def test_the_last_tickets_go_to_exactly_as_many_as_there_are(places: int) -> None:
    known = commit(lambda session: shop(session, stock_total=places, price_points=PRICE))
    everybody = residents(THREADS)
    results = at_once([redeem_of(known, who) for who in everybody])
    assert words(results) == {"RedemptionView": places, "sold-out": THREADS - places}
    assert (count(Redemption, known), count(Coupon, known)) == (places, places)
    assert sum(balance(who) for who in everybody) == (THREADS - places) * PRICE
    with db.reading() as reader:
        assert shelf.left(reader, [known.offer_id]) == {known.offer_id: 0}
    assert balanced(everybody)


def test_the_limit_per_person_holds_against_many_hands() -> None:
    known = commit(lambda session: shop(session, price_points=PRICE, per_person={"limit": 3, "window": "month"}))
    [who] = residents(1, 20 * PRICE)
    results = at_once([redeem_of(known, who) for _ in range(16)])
    assert words(results) == {"RedemptionView": 3, "limit-reached": 13}
    assert balance(who) == 17 * PRICE and balanced([who])


def test_points_are_not_spent_twice_on_two_offers() -> None:
    offers = [commit(lambda session: shop(session, price_points=PRICE)) for _ in range(8)]
    [who] = residents(1, 3 * PRICE)
    results = at_once([redeem_of(known, who) for known in offers for _ in range(2)])
    assert words(results) == {"RedemptionView": 3, "not-enough-points": 13}
    assert balance(who) == 0 and balanced([who])


def test_the_same_key_from_32_threads_redeems_once_and_answers_alike() -> None:
    known, key = commit(lambda session: shop(session, price_points=PRICE, stock_total=5)), uuid4()
    [who] = residents(1, 5 * PRICE)
    results = at_once([redeem_of(known, who, key) for _ in range(32)])
    assert words(results) == {"RedemptionView": 32}
    assert len({(one.id, one.coupon.id, one.coupon.status) for one in results}) == 1
    assert balance(who) == 4 * PRICE and count(Coupon, known) == 1 and balanced([who])


def test_many_doors_admit_one_coupon_once() -> None:
    known = commit(lambda session: shop(session, price_points=PRICE))
    who, _, code = held_coupon(known)
    results = at_once([admit_of(known, code) for _ in range(16)])
    assert words(results) == {"admitted": 1, "already-used": 15}
    assert count(Admission, known) == 1 and balanced([who])


def test_a_coupon_of_many_uses_is_used_that_often() -> None:
    known = commit(lambda session: shop(session, price_points=PRICE, uses=4))
    who, coupon_id, code = held_coupon(known)
    results = at_once([admit_of(known, code) for _ in range(16)])
    assert words(results) == {"admitted": 4, "already-used": 12}
    assert sorted(one.uses_left for one in results if one.verdict == "admitted") == [0, 1, 2, 3]
    with db.reading() as reader:
        assert perks.coupon(reader, who, coupon_id).status == "used"
    assert balanced([who])


def test_the_same_scan_sent_many_times_admits_once_and_answers_alike() -> None:
    known, key = commit(lambda session: shop(session, price_points=PRICE)), uuid4()
    who, _, code = held_coupon(known)
    upload = lambda session: admissions.upload(session, known.door, known.door.device_id, key, code, clock.now())  # noqa: E731
    results = at_once([admit_of(known, code, key) for _ in range(8)] + [upload] * 8)
    assert words(results) == {"admitted": 16}
    assert len({one.id for one in results}) == 1
    assert count(Admission, known) == 1 and balanced([who])


def test_of_a_cancellation_and_an_admission_exactly_one_happens() -> None:
    known = commit(lambda session: shop(session, price_points=PRICE, stock_total=30))
    for _ in range(12):
        who, coupon_id, code = held_coupon(known)
        cancel = lambda session, w=who, c=coupon_id: perks.cancel(session, w, c, act(w))  # noqa: E731
        first, second = at_once([admit_of(known, code), cancel])
        if isinstance(second, perks.CouponView):
            assert first.reason == "cancelled" and balance(who) == PRICE
        else:
            assert words([first, second]) == {"admitted": 1, "not-cancellable": 1} and balance(who) == 0
        assert balanced([who])


def test_a_coupon_is_cancelled_once_by_many_hands() -> None:
    known = commit(
        lambda session: shop(session, price_points=PRICE, stock_total=9, per_person={"limit": 1, "window": "ever"})
    )
    who, coupon_id, _ = held_coupon(known)
    cancel = lambda session: perks.cancel(session, who, coupon_id, act(who))  # noqa: E731
    results = at_once([cancel] * 16)
    assert words(results) == {"CouponView": 1, "not-cancellable": 15}
    with db.reading() as reader:
        assert shelf.left(reader, [known.offer_id]) == {known.offer_id: 9}
    assert balance(who) == PRICE and balanced([who])


def test_places_given_back_are_found_by_those_who_come_then() -> None:
    """Cancelling and redeeming mixed: nobody gets a place that is not there, and every place is somewhere."""
    known = commit(lambda session: shop(session, price_points=PRICE, stock_total=12))
    holders = [held_coupon(known) for _ in range(12)]
    others = residents(24)
    acts: list[Callable[[Session], Any]] = [redeem_of(known, who) for who in others]
    acts += [lambda session, w=who, c=coupon_id: perks.cancel(session, w, c, act(w)) for who, coupon_id, _ in holders]
    told = words(at_once(acts))
    assert told["CouponView"] == 12
    assert told["RedemptionView"] + told["sold-out"] == 24
    with db.reading() as reader:
        left = shelf.left(reader, [known.offer_id])[known.offer_id]
        alive = select(func.count()).where(Coupon.offer_id == known.offer_id, Coupon.status == "issued")
        assert left + int(reader.execute(alive).scalar() or 0) == 12
    assert balanced([*others, *(who for who, _, _ in holders)])


def test_one_presentation_code_at_many_doors_is_admitted_once() -> None:
    known = commit(lambda session: shop(session, stock_total=9))
    [who] = residents(1, 0, bound=True)  # only whoever holds her account can show her code
    with db.reading() as reader:
        code = perks.presentation_code(reader, who).text
    scan = lambda session: admissions.admit(session, known.door, code, known.offer_id, act(known.door.device_id))  # noqa: E731
    assert words(at_once([scan] * 12)) == {"admitted": 1, "already-used": 11}
    assert count(Coupon, known) == 1
    with db.reading() as reader:
        assert shelf.left(reader, [known.offer_id]) == {known.offer_id: 8}


def test_expiry_run_twice_at_once_returns_the_points_once() -> None:
    known = commit(lambda session: shop(session, price_points=PRICE, coupon_valid_days=0, offline={"mode": "none"}))
    who, coupon_id, _ = held_coupon(known)
    with db.reading() as reader:
        ends, waits = perks.coupon(reader, who, coupon_id).valid_until, expiry.grace(reader)

    def close(session: Session) -> bool:
        with clock.at(ends):
            return expiry.expire(session, who, coupon_id, waits)

    assert Counter(at_once([close] * 8)) == {True: 1, False: 7}
    assert balance(who) == PRICE and balanced([who])


def test_a_total_lowered_in_the_rush_sells_no_more_than_it_says() -> None:
    known = commit(lambda session: shop(session, price_points=PRICE, stock_total=40))
    everybody = residents(30)
    lower = {**known.content, "offers": [{**known.content["offers"][0], "stock_total": 10}]}
    change = lambda session: policy.keep(session, "test-2", lower)  # noqa: E731
    told = words(at_once([change, *[redeem_of(known, who) for who in everybody]]))
    assert told["RedemptionView"] + told["sold-out"] == 30 and told["NoneType"] == 1, told
    with db.reading() as reader:
        left = shelf.left(reader, [known.offer_id])[known.offer_id]
        over = select(func.sum(OfferStock.overdrawn)).where(OfferStock.offer_id == known.offer_id)
        overdrawn = int(reader.execute(over).scalar() or 0)
    assert told["RedemptionView"] + left - overdrawn == 10
    assert balanced(everybody)
