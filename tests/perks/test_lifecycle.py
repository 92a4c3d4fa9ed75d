"""Coupons issued anew, made good for longer, uses given back, and what nobody may do with them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.codes import service as codes
from backend.kit import clock, db
from backend.kit.errors import FieldError, NotFound
from backend.ledger import audit
from backend.ledger import service as ledger
from backend.ledger.models import lots
from backend.messages.models import MessageRow
from backend.perks import coupons, errors, expiry, extensions, rules, service
from backend.perks.extensions import Officer
from tests.checked_client import CheckedClient
from tests.factories import accounts as people
from tests.factories.perks import Shop, act, give_points, shop

NEVER = {"mode": "none"}


def somebody(session: Session, points: int = 0, expires_on: Any = None) -> UUID:
    resident_id = people.resident(session).resident_id
    if points:
        give_points(session, resident_id, points, expires_on)
    return resident_id


def redeem(session: Session, who: UUID, known: Shop) -> UUID:
    return service.redeem(session, who, known.offer_id, act(who)).coupon.id


def locked(session: Session, who: UUID, coupon_id: UUID) -> Any:
    row = service.lock_coupon(session, who, coupon_id)
    assert row is not None
    return row


def use(session: Session, who: UUID, known: Shop, coupon_id: UUID) -> UUID | None:
    """A use as the door writes it; the transfer that paid it."""
    row = locked(session, who, coupon_id)
    use_no = row.uses_total - row.uses_left + 1
    last = use_no == row.uses_total
    service.change_coupon(
        session, row, uses_left=row.uses_left - 1, status="used" if last else "issued", last_used_at=clock.now(),
        closed_at=clock.now() if last else None,
    )  # fmt: skip
    if last:
        codes.revoke_status(session, row.status_list_id, row.status_index)
    points = service.share_points(row.price_points, row.uses_total, use_no)
    if not points:
        return None
    return ledger.settle(
        session, who, row.hold_transfer_id, known.partner_id, code="perks.admitted", title="使用", points=points
    ).id


def undo(session: Session, who: UUID, coupon_id: UUID, transfer_id: UUID | None) -> str | None:
    """What a door does: the use comes back, then its points."""
    if not service.give_use_back(session, locked(session, who, coupon_id), None):
        return None
    if transfer_id is not None:
        ledger.reverse(session, who, transfer_id, uuid4(), "误扫")
    return str(locked(session, who, coupon_id).status)


def balance(session: Session, who: UUID) -> int:
    return ledger.balance(session, who, clock.today())


# --- the table


def test_the_statuses_that_the_table_knows_are_those_of_coupons() -> None:
    steps = rules.TRANSITIONS
    assert {before for before, _ in steps} | set(steps.values()) == {"", "issued", "used", "cancelled", "expired"}
    assert not [act for before, act in steps if before == "cancelled"] and "transfer" not in {act for _, act in steps}


def test_a_status_that_no_act_leads_to_is_never_written(session: Session) -> None:
    known, who = shop(session), somebody(session)
    coupon_id = redeem(session, who, known)
    service.cancel(session, who, coupon_id, act(who))
    with pytest.raises(RuntimeError, match="cannot become"):
        service.change_coupon(session, locked(session, who, coupon_id), status="issued")


# --- issued anew


def test_a_reissue_kills_every_code_shown_so_far_and_nothing_else(session: Session) -> None:
    known, who = shop(session, price_points=5), somebody(session, 5)
    coupon_id = redeem(session, who, known)
    before, operation = locked(session, who, coupon_id), act(who)
    service.reissue(session, who, coupon_id, operation)
    after = locked(session, who, coupon_id)
    assert (after.status_list_id, after.status_index) != (before.status_list_id, before.status_index)
    assert codes.revoked_at(session, before.status_list_id, before.status_index) is not None
    assert codes.revoked_at(session, after.status_list_id, after.status_index) is None
    service.reissue(session, who, coupon_id, operation)
    place = {"status_list_id": after.status_list_id, "status_index": after.status_index}
    assert before._replace(**place) == after
    assert locked(session, who, coupon_id) == after


def test_what_is_over_is_not_issued_anew_and_another_s_is_not_found(session: Session) -> None:
    known, who = shop(session), somebody(session)
    coupon_id = redeem(session, who, known)
    with pytest.raises(NotFound):
        service.reissue(session, somebody(session), coupon_id, act(who))
    service.cancel(session, who, coupon_id, act(who))
    with pytest.raises(errors.CouponNotActive):
        service.reissue(session, who, coupon_id, act(who))


def test_a_transfer_is_refused_over_http_with_the_reason(client: CheckedClient) -> None:
    with db.transaction() as session:
        known, who = shop(session), people.resident(session)
        coupon_id, token = redeem(session, who.resident_id, known), people.resident_token(session, who)
        other = people.resident_token(session, people.resident(session))
    path = f"/api/v1/me/coupons/{coupon_id}/transfers"
    refused = client.post(path, token=token)
    assert refused.status_code == 403 and refused.get_json()["type"] == "/problems/transfer-refused"
    assert client.post(path, token=other).status_code == 404


# --- a use given back


def test_the_last_use_given_back_makes_the_coupon_and_its_codes_good_again(session: Session) -> None:
    known, who = shop(session, price_points=7, uses=2, stacking_group="test-undo"), somebody(session, 7)
    coupon_id = redeem(session, who, known)
    use(session, who, known, coupon_id)
    transfer_id = use(session, who, known, coupon_id)
    used = locked(session, who, coupon_id)
    assert undo(session, who, coupon_id, transfer_id) == "issued"
    again = locked(session, who, coupon_id)
    assert (again.status, again.uses_left, again.closed_at) == ("issued", 1, None)
    assert codes.revoked_at(session, again.status_list_id, again.status_index) is None
    assert (again.status_list_id, again.status_index) == (used.status_list_id, used.status_index)
    with pytest.raises(errors.NotEntitled):  # it holds its group again
        redeem(session, who, known)
    use(session, who, known, coupon_id)
    assert locked(session, who, coupon_id).status == "used" and balance(session, who) == 0
    assert audit.audit_resident(session, who) == []


def test_a_coupon_that_was_closed_gives_no_use_back(session: Session) -> None:
    known, who = shop(session, price_points=8, uses=2, coupon_valid_days=0, offline=NEVER), somebody(session, 8)
    coupon_id = redeem(session, who, known)
    transfer_id = use(session, who, known, coupon_id)
    with clock.at(locked(session, who, coupon_id).valid_until):
        assert expiry.expire(session, who, coupon_id, timedelta(0)) and balance(session, who) == 4
        assert undo(session, who, coupon_id, transfer_id) is None
        assert balance(session, who) == 4 and audit.audit_resident(session, who) == []


def test_what_was_not_used_or_was_cancelled_gives_no_use_back(session: Session) -> None:
    known, who = shop(session), somebody(session)
    coupon_id = redeem(session, who, known)
    assert undo(session, who, coupon_id, None) is None
    service.cancel(session, who, coupon_id, act(who))
    assert undo(session, who, coupon_id, None) is None


# --- late refunds


@pytest.mark.parametrize(("late", "kept"), [(None, 0), ({"to": "expire"}, 0), ({"to": "grace", "grace_days": 9}, 6)])
@pytest.mark.parametrize("way", ["cancel", "expire"])
def test_points_whose_lot_ended_meanwhile_come_home_as_the_offer_declares(
    session: Session, late: dict[str, Any] | None, kept: int, way: str
) -> None:
    terms = {"late_refund": late} if late else {}
    known = shop(session, price_points=6, coupon_valid_days=10, offline=NEVER, **terms)
    who = somebody(session, 6, clock.today() + timedelta(days=2))
    coupon_id = redeem(session, who, known)
    with clock.shifted(timedelta(days=5 if way == "cancel" else 12)):
        if way == "cancel":
            service.cancel(session, who, coupon_id, act(who))
        else:
            assert expiry.expire(session, who, coupon_id, timedelta(0))
        assert balance(session, who) == kept
        assert audit.audit_resident(session, who) == []
        if kept:
            ends = select(lots.c.expires_on).where(lots.c.resident_id == who, lots.c.remaining_points > 0)
            assert session.execute(ends).scalar() == clock.today() + timedelta(days=9)


# --- made good for longer


def order(session: Session, known: Shop, days: int, organisations: Any = None) -> Any:
    officer = Officer(uuid4(), "office", organisations)
    return service.extend(
        session, officer, known.offer_id, clock.today() + timedelta(days=days), "设备检修停业三天", act(uuid4())
    )  # fmt: skip


def test_every_open_coupon_is_good_for_longer_and_its_holder_is_told_once(session: Session) -> None:
    known = shop(session, coupon_valid_days=5, stacking_group="test-longer")
    holders = [(who, redeem(session, who, known)) for who in (somebody(session) for _ in range(5))]
    (gone, gone_coupon), (spent, spent_coupon) = holders[:2]
    service.cancel(session, gone, gone_coupon, act(gone))
    use(session, spent, known, spent_coupon)
    ordered = order(session, known, 20)
    steps = 0
    while not extensions.step(session, ordered.id, chunk=2):
        steps += 1
    assert steps == 1 and extensions.step(session, ordered.id)
    until = clock.end_of_day(clock.today() + timedelta(days=20))
    for who, coupon_id in holders[2:]:
        row = locked(session, who, coupon_id)
        assert row.valid_until == until and row.status == "issued"
        bodies = session.execute(select(MessageRow.body).where(MessageRow.recipient_id == who)).scalars().all()
        assert len(bodies) == 1 and "设备检修停业三天" in bodies[0] and known.content["offers"][0]["title"] in bodies[0]
        with clock.shifted(timedelta(days=10)), pytest.raises(errors.NotEntitled):
            redeem(session, who, known)  # its group is held for longer too
    assert [row.extended for row in service.extensions(session, None, known.offer_id)] == [3]
    for who, coupon_id in holders[:2]:
        assert locked(session, who, coupon_id).valid_until < until


def test_a_coupon_is_never_made_good_for_shorter(session: Session) -> None:
    known, who = shop(session, coupon_valid_days=30), somebody(session)
    coupon_id = redeem(session, who, known)
    before = locked(session, who, coupon_id).valid_until
    assert extensions.step(session, order(session, known, 3).id)
    assert locked(session, who, coupon_id).valid_until == before


def test_what_cannot_be_extended_is_refused(session: Session) -> None:
    slotted = shop(session, slots={"minutes": 60, "open": ["09:00-10:00"], "capacity": 1})
    with pytest.raises(errors.NotExtendable):
        order(session, slotted, 3)
    known = shop(session)
    for days in (-1, 4000):
        with pytest.raises(FieldError):
            order(session, known, days)
    with pytest.raises(NotFound):
        order(session, known, 3, organisations=[slotted.partner_id])
    assert order(session, known, 3, organisations=[known.partner_id]).state == "running"


def test_a_place_in_the_revocation_list_is_kept_as_long_as_its_coupon(session: Session) -> None:
    known, who = shop(session, coupon_valid_days=2), somebody(session)
    row = locked(session, who, redeem(session, who, known))
    extensions.step(session, order(session, known, 60).id)
    with clock.shifted(timedelta(days=30)):
        while codes.purge_statuses(session):
            pass
        assert codes.revoke_status(session, row.status_list_id, row.status_index)


def test_an_order_over_http_is_worked_off_and_seen_to_be_done(client: CheckedClient) -> None:
    with db.transaction() as session:
        known, who = shop(session, coupon_valid_days=2), somebody(session)
        coupon_id = redeem(session, who, known)
        manager = people.staff_token(session, people.staff(session, "partner-manager", known.partner_id))
        other = people.staff_token(session, people.staff(session, "partner-manager", shop(session).partner_id))
    path = f"/api/v1/partner/offers/{known.offer_id}/extensions"
    body = {"until_on": (clock.today() + timedelta(days=40)).isoformat(), "reason": "场馆检修"}
    head = {"Idempotency-Key": str(uuid4())}
    made = client.post(path, token=manager, json=body, headers=head)
    assert made.status_code == 201 and made.get_json()["state"] == "running"
    assert client.post(path, token=manager, json=body, headers=head).get_json()["id"] == made.get_json()["id"]
    assert client.post(path, token=other, json=body, headers=head).status_code == 404
    extensions.take_up()
    [seen] = client.get(path, token=manager).get_json()["items"]
    assert (seen["state"], seen["extended"]) == ("done", 1) and seen["done_at"]
    with db.reading() as reader:
        row = coupons.find(reader, who, coupon_id)
        assert row is not None and row.valid_until == clock.end_of_day(clock.today() + timedelta(days=40))
