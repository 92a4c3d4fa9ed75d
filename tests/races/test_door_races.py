"""Undoing at the door while others admit, cancel and decide, with real commits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.admissions import conflicts
from backend.admissions import service as admissions
from backend.admissions.conflicts import Desk
from backend.admissions.models import Admission
from backend.codes import service as codes
from backend.kit import clock, db
from backend.offers import service as shelf
from backend.perks import service as perks
from tests.factories.perks import Shop, act, shop
from tests.races.barrier import at_once
from tests.races.test_perks_races import (
    PRICE,
    _ready,
    admit_of,
    balance,
    balanced,
    commit,
    held_coupon,
    residents,
    words,
)

__all__ = ["_ready"]
ROUNDS = 10


def undo_of(known: Shop, admission_id: UUID, key: UUID | None = None) -> Callable[[Session], Any]:
    return lambda session: admissions.undo(session, known.door, admission_id, act(known.door.device_id, key))


def standings(who: UUID) -> list[tuple[str, int | None, int]]:
    with db.reading() as reader:
        rows = reader.execute(
            select(Admission.standing, Admission.use_no, Admission.settled_points).where(Admission.resident_id == who)
        ).all()
    return sorted(
        ((row.standing, row.use_no, row.settled_points) for row in rows), key=lambda row: (row[0], row[1] or 0)
    )


def test_an_undo_from_many_threads_gives_one_use_back() -> None:
    known, key = commit(lambda session: shop(session, price_points=PRICE, uses=2)), uuid4()
    who, coupon_id, code = held_coupon(known)
    [done, _] = [commit(admit_of(known, code)) for _ in range(2)]
    results = at_once([undo_of(known, done.id, key if number % 2 else None) for number in range(12)])
    assert words(results) == {"Undone": 12}
    assert len(set(map(repr, results))) == 1
    with db.reading() as reader:
        assert perks.coupon(reader, who, coupon_id).uses_left == 1
    assert standings(who) == [("admitted", 1, PRICE // 2), ("undone", None, 0)]
    assert balanced([who])


def test_an_undo_and_a_second_admission_leave_one_use_at_most() -> None:
    known = commit(lambda session: shop(session, price_points=PRICE))
    for _ in range(ROUNDS):
        who, coupon_id, code = held_coupon(known)
        done = commit(admit_of(known, code))
        undone, again = at_once([undo_of(known, done.id), admit_of(known, code)])
        assert isinstance(undone, admissions.Undone)
        with db.reading() as reader:
            coupon = perks.coupon(reader, who, coupon_id)
        if again.verdict == "admitted":
            assert standings(who) == [("admitted", 1, PRICE), ("undone", None, 0)] and coupon.status == "used"
        else:
            assert again.reason == "already-used"
            assert standings(who) == [("undone", None, 0)] and coupon.status == "issued"
        assert balanced([who])


def test_an_undo_an_admission_and_a_cancellation_agree_in_the_end() -> None:
    """Whichever comes first: the points are the partner's, in escrow or home again, and never in two places."""
    known = commit(lambda session: shop(session, price_points=PRICE, stock_total=100))
    for _ in range(ROUNDS):
        who, coupon_id, code = held_coupon(known)
        done = commit(admit_of(known, code))
        cancel = lambda session, w=who, c=coupon_id: perks.cancel(session, w, c, act(w))  # noqa: E731
        undone, again, cancelled = at_once([undo_of(known, done.id), admit_of(known, code), cancel])
        assert isinstance(undone, admissions.Undone)
        with db.reading() as reader:
            coupon = perks.coupon(reader, who, coupon_id)
            revoked = codes.is_revoked(reader, coupon.row.status_list_id, coupon.row.status_index)
        admitted = again.verdict == "admitted"
        if isinstance(cancelled, perks.CouponView):
            assert not admitted and (coupon.status, balance(who), revoked) == ("cancelled", PRICE, True)
        else:
            assert cancelled.slug == "not-cancellable" and balance(who) == 0
            assert (coupon.status, revoked) == (("used", True) if admitted else ("issued", False))
        assert balanced([who])


def test_two_uses_undone_at_once_leave_no_gap_in_the_numbers() -> None:
    known = commit(lambda session: shop(session, price_points=PRICE, uses=4))
    for _ in range(ROUNDS // 2):
        who, coupon_id, code = held_coupon(known)
        done = [commit(admit_of(known, code)).id for _ in range(4)]
        told = words(at_once([undo_of(known, done[0]), undo_of(known, done[1]), admit_of(known, code)]))
        left = 2 if told["already-used"] else 1
        assert told["Undone"] == 2 and told["admitted"] + told["already-used"] == 1
        shares = [perks.share_points(PRICE, 4, number) for number in range(1, 5 - left)]
        assert standings(who)[: 4 - left] == [("admitted", no, share) for no, share in enumerate(shares, 1)]
        with db.reading() as reader:
            assert perks.coupon(reader, who, coupon_id).uses_left == left
        assert balanced([who])


def test_a_presence_undone_while_the_code_is_shown_again_takes_one_place_at_most() -> None:
    known = commit(lambda session: shop(session, stock_total=9, per_person={"limit": 1, "window": "ever"}))
    for _ in range(ROUNDS // 2):
        [who] = residents(1, 0, bound=True)
        with db.reading() as reader:
            code = perks.presentation_code(reader, who).text
        scan = lambda session, c=code: admissions.admit(  # noqa: E731
            session, known.door, c, known.offer_id, act(known.door.device_id)
        )
        done = commit(scan)
        before = _places(known)
        results = at_once([undo_of(known, done.id), scan, scan])
        told = words(results)
        assert told["Undone"] == 1
        assert told["admitted"] <= 1
        assert _places(known) == before + 1 - told["admitted"]
        assert len([row for row in standings(who) if row[0] == "admitted"]) == told["admitted"]


def _places(known: Shop) -> int:
    with db.reading() as reader:
        return shelf.left(reader, [known.offer_id])[known.offer_id]


def test_of_a_waiver_and_a_decision_exactly_one_happens() -> None:
    known = commit(lambda session: shop(session, price_points=PRICE, settlement_price_fen=5))
    partner, office, mine = Desk(uuid4(), "partner-manager"), Desk(uuid4(), "office"), [known.partner_id]
    for _ in range(ROUNDS // 2):
        who, _, code = held_coupon(known)
        commit(admit_of(known, code))
        late = commit(
            lambda session, c=code: admissions.upload(
                session, known.door, known.door.device_id, uuid4(), c, clock.now()
            )
        )
        key = late.id
        commit(lambda s, k=key: conflicts.claim(s, mine, k, "演示理由", partner, act(partner.account_id)))
        results = at_once(
            [lambda s, k=key: conflicts.waive(s, mine, k, partner, act(partner.account_id))]
            + [lambda s, k=key: conflicts.decide(s, k, True, "演示理由", office, act(office.account_id))] * 3
        )
        told = words(results)
        assert told == {"Conflict": 1, "conflict-settled": 3}
        kept = "rejected" if isinstance(results[0], conflicts.Conflict) else "accepted"
        assert [row[0] for row in standings(who)] == sorted(["admitted", kept])
        assert balanced([who])
