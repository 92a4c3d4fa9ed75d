"""Taking back an admission: nothing lost, nothing made, and the code works again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.accounts.models import PersonRow
from backend.admissions import rules, service
from backend.admissions.errors import NothingToUndo, UndoTooLate
from backend.admissions.models import Admission, UsedUse
from backend.codes import service as codes
from backend.kit import clock, outbox
from backend.kit.errors import NotFound
from backend.ledger import audit
from backend.ledger import service as ledger
from backend.offers import service as shelf
from backend.perks import expiry
from backend.perks import service as perks
from backend.perks.models import RedemptionLimit
from tests.admissions.test_venue import Held, _status, presence, verifier
from tests.factories import accounts as people
from tests.factories.perks import Shop, act, shop
from tests.perks.test_service import somebody


def undo(session: Session, known: Shop, admission_id: UUID, key: UUID | None = None, **more: Any) -> service.Undone:
    door = more.get("door", known.door)
    return service.undo(session, door, admission_id, act(door.device_id, key))


def row(session: Session, admission_id: UUID) -> Any:
    return session.execute(select(*Admission.__table__.c).where(Admission.id == admission_id)).one()


def shares(session: Session, held: Held) -> list[tuple[int, int]]:
    mine = (Admission.resident_id == held.resident_id, Admission.standing == "admitted")
    found = session.execute(select(Admission.use_no, Admission.settled_points).where(*mine))
    return sorted((each.use_no, each.settled_points) for each in found)


def test_undo_gives_the_use_to_the_coupon_and_the_points_to_escrow(session: Session) -> None:
    held = Held(session, shop(session, price_points=300), points=400)
    told: list[dict[str, Any]] = []
    outbox.within("perks.undone", lambda _session, payload: told.append(payload))
    done = held.admit()
    undone = undo(session, held.shop, done.id)
    assert (undone.verdict, undone.uses_left, undone.id) == ("undone", 1, done.id)
    coupon = held.coupon()
    assert (coupon.status, coupon.uses_left, coupon.last_used_at, coupon.closed_at) == ("issued", 1, None, None)
    stands = row(session, done.id)
    assert (stands.standing, stands.use_no, stands.settled_points) == ("undone", None, 0)
    assert stands.decided_at == undone.undone_at
    assert not codes.is_revoked(session, *_status(held))
    assert audit.audit_resident(session, held.resident_id) == []
    [news] = [payload for payload in told if payload["admission_id"] == str(done.id)]
    assert set(news) == {
        "resident_id", "coupon_id", "offer_id", "admission_id", "venue_id", "partner_id", "undone_at"
    }  # fmt: skip
    held.cancel()
    assert ledger.balance(session, held.resident_id, clock.today()) == 400


def test_the_very_same_code_is_admitted_again_after_an_undo(session: Session) -> None:
    held = Held(session, shop(session, price_points=9), points=9)
    undo(session, held.shop, held.admit().id)
    assert service.verify(session, held.shop.door, held.code, None).verdict == "valid"
    again = held.admit()
    assert (again.verdict, again.uses_left) == ("admitted", 0)
    assert shares(session, held) == [(1, 9)]
    assert codes.is_revoked(session, *_status(held))
    assert audit.audit_resident(session, held.resident_id) == []


def test_a_device_that_judges_offline_admits_the_code_again_from_its_next_pack(session: Session) -> None:
    held = Held(session, shop(session))
    done = held.admit()
    assert verifier(session, held.shop).judge(held.code, clock.now()).reason == "already-used"
    undo(session, held.shop, done.id)
    assert verifier(session, held.shop).judge(held.code, clock.now()).verdict == "valid"
    assert session.execute(select(UsedUse.used).where(UsedUse.offer_id == held.shop.offer_id)).all() == []


def test_a_list_that_loses_one_place_and_gains_another_is_signed_anew(session: Session) -> None:
    held, other = Held(session, shop(session)), Held(session, shop(session))
    done = held.admit()
    before = codes.status_list_token(session)
    undo(session, held.shop, done.id)
    with clock.shifted(-timedelta(minutes=1)):  # its instant is no later than the last one that counted
        codes.revoke_status(session, *_status(other))
    assert codes.status_list_token(session) != before


def test_another_device_of_the_same_venue_cannot_undo(session: Session) -> None:
    held = Held(session, shop(session))
    done = held.admit()
    beside = people.device(session, held.shop.partner_id, held.shop.venue_id)
    door = service.Door(beside.device_id, held.shop.partner_id, held.shop.venue_id)
    for at, admission_id in ((door, done.id), (held.shop.door, uuid4())):
        with pytest.raises(NotFound):
            undo(session, held.shop, admission_id, door=at)
    assert held.coupon().status == "used"


def test_after_a_minute_it_stands(session: Session) -> None:
    held = Held(session, shop(session, price_points=5), points=5)
    done = held.admit()
    with clock.shifted(timedelta(seconds=61)), pytest.raises(UndoTooLate) as refused:
        undo(session, held.shop, done.id)
    assert refused.value.members["undo_seconds"] == 60
    assert row(session, done.id).standing == "admitted"
    with clock.shifted(timedelta(seconds=55)):
        assert undo(session, held.shop, done.id).verdict == "undone"


def test_undoing_twice_answers_alike_and_gives_one_use_back(session: Session) -> None:
    held, key = Held(session, shop(session, uses=3, price_points=3), points=3), uuid4()
    one, _two = held.admit(), held.admit()
    answers = [undo(session, held.shop, one.id, key), undo(session, held.shop, one.id, key)]
    with clock.shifted(timedelta(hours=1)):
        answers.append(undo(session, held.shop, one.id))
    assert answers[0] == answers[1] == answers[2]
    assert held.coupon().uses_left == 2
    assert audit.audit_resident(session, held.resident_id) == []


def test_what_an_offline_device_let_in_is_undone_only_within_its_minute(session: Session) -> None:
    held = Held(session, shop(session))
    at = clock.now() + timedelta(seconds=1)
    with clock.shifted(timedelta(minutes=10)):
        done = held.upload(at)
        with pytest.raises(UndoTooLate):
            undo(session, held.shop, done.id)


def test_a_conflict_has_nothing_to_undo(session: Session) -> None:
    held = Held(session, shop(session, offline={"mode": "none"}))
    conflict = held.upload(clock.now())
    with pytest.raises(NothingToUndo):
        undo(session, held.shop, conflict.id)


def test_a_presence_admission_gives_back_turn_and_place_and_the_code_works_again(session: Session) -> None:
    known = shop(session, stock_total=5, per_person={"limit": 1, "window": "ever"})
    resident_id = somebody(session)
    code = presence(session, resident_id)
    for _ in range(3):
        done = service.admit(session, known.door, code, known.offer_id, act(known.door.device_id))
        assert done.verdict == "admitted"
        assert shelf.left(session, [known.offer_id]) == {known.offer_id: 4}
        undo(session, known, done.id)
        assert shelf.left(session, [known.offer_id]) == {known.offer_id: 5}
    counted = select(RedemptionLimit.used).where(RedemptionLimit.resident_id == resident_id)
    assert session.execute(counted).scalars().all() == [0]
    assert {coupon.status for coupon in perks.coupons(session, resident_id)} == {"cancelled"}
    last = service.admit(session, known.door, code, known.offer_id, act(known.door.device_id))
    again = service.admit(session, known.door, code, known.offer_id, act(known.door.device_id))
    assert (last.verdict, again.reason) == ("admitted", "already-used")


def test_a_coupon_that_ended_within_the_minute_is_good_for_nothing_but_its_refund(session: Session) -> None:
    held = Held(session, shop(session, price_points=7, coupon_valid_days=0, offline={"mode": "none"}), points=7)
    ends = held.coupon().valid_until
    with clock.at(ends - timedelta(seconds=30)):
        code = held.fresh()
        done = held.admit(code=code)
    with clock.at(ends + timedelta(seconds=5)):
        undo(session, held.shop, done.id)
        assert service.verify(session, held.shop.door, code, None).reason == "coupon-expired"
        assert expiry.expire(session, held.resident_id, held.coupon_id, timedelta(0))
        assert ledger.balance(session, held.resident_id, clock.today()) == 7
    assert audit.audit_resident(session, held.resident_id) == []


def test_a_coupon_that_was_closed_within_the_minute_keeps_its_use(session: Session) -> None:
    terms = {"price_points": 8, "uses": 2, "coupon_valid_days": 0, "offline": {"mode": "none"}}
    held = Held(session, shop(session, **terms), points=8)
    ends = held.coupon().valid_until
    with clock.at(ends - timedelta(seconds=10)):
        done = held.admit(code=held.fresh())
    with clock.at(ends + timedelta(seconds=5)):
        assert expiry.expire(session, held.resident_id, held.coupon_id, timedelta(0))
        with pytest.raises(UndoTooLate):
            undo(session, held.shop, done.id)
    assert audit.audit_resident(session, held.resident_id) == []


def test_codes_of_an_earlier_holder_stay_dead_when_a_use_comes_back(session: Session) -> None:
    """The account went to another WeChat after the last use: what the old one shows is nobody's."""
    who = people.resident(session)
    known = shop(session)
    held = Held.__new__(Held)
    held.session, held.shop, held.resident_id = session, known, who.resident_id
    held.coupon_id = perks.redeem(session, who.resident_id, known.offer_id, act(who.resident_id)).coupon.id
    held.code = held.fresh()
    done = held.admit()
    with clock.shifted(timedelta(seconds=5)):
        recovered = update(PersonRow).where(PersonRow.resident_id == who.resident_id)
        session.execute(recovered.values(bound_at=clock.now()))
        undo(session, known, done.id)
        assert service.verify(session, known.door, held.code, None).reason == "code-expired"
        assert service.verify(session, known.door, held.fresh(), None).verdict == "valid"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 20), st.integers(1, 4), st.lists(st.integers(0, 9), max_size=12))
def test_whatever_is_admitted_and_undone_the_shares_add_up(
    session: Session, price: int, uses: int, acts: list[int]
) -> None:
    """An even number admits, an odd one undoes a use that stands: numbers have no gap, and the rest is held."""
    held = Held(session, shop(session, price_points=price, uses=uses), points=price)
    standing: list[UUID] = []
    for number in acts:
        if number % 2 == 0:
            done = held.admit()
            assert done.reason == (None if len(standing) < uses else "already-used")
            standing += [done.id] if done.reason is None else []
        elif standing:
            undo(session, held.shop, standing.pop(number % len(standing)))
        assert held.coupon().uses_left == uses - len(standing)
        expected = [(no, perks.share_points(price, uses, no)) for no in range(1, len(standing) + 1)]
        assert shares(session, held) == expected
    with clock.at(held.coupon().valid_until + timedelta(days=3)):
        expiry.expire(session, held.resident_id, held.coupon_id, timedelta(0))
    assert audit.audit_resident(session, held.resident_id) == []
    paid = sum(points for _, points in shares(session, held))
    assert ledger.balance(session, held.resident_id, clock.today()) == price - paid


@given(st.integers(0, 600), st.integers(-600, 600), st.integers(0, 1200))
def test_the_window_is_counted_from_the_earlier_instant(seconds: int, ahead: int, waited: int) -> None:
    recorded = clock.now()
    happened, now = recorded + timedelta(seconds=ahead), recorded + timedelta(seconds=waited)
    assert rules.may_undo(happened, recorded, now, seconds) == (waited - min(ahead, 0) <= seconds)
