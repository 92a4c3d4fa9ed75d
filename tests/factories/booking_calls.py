"""The good calls of the routes about time slots: waiting, bookings, pauses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.bookings import service, strikes
from backend.bookings.waiting import WaitingView
from backend.kit import clock
from backend.perks import expiry
from backend.perks import service as perks
from tests.factories import accounts as people
from tests.factories import perks as shops

SLOTS: dict[str, Any] = {"minutes": 60, "open": ["09:00-12:00"], "capacity": 1, "days_ahead": 7}
STRICT = {**SLOTS, "no_show": {"strikes": 1, "within_days": 30, "pause_days": 7}}


def slotted(session: Session, **changes: Any) -> tuple[shops.Shop, Any]:
    """An offer with slots of one place each, and its first one of tomorrow."""
    known = shops.shop(session, slots=SLOTS, **changes)
    return known, perks.slots(session, known.offer_id, clock.today() + timedelta(days=1))[0].starts_at


def booked(session: Session, who: UUID) -> UUID:
    """A coupon for a slot."""
    known, starts_at = slotted(session)
    return UUID(str(perks.redeem(session, who, known.offer_id, shops.act(who), slot_starts_at=starts_at).coupon.id))


def waiting(session: Session, who: UUID) -> WaitingView:
    """An entry for a slot that somebody else has."""
    known, starts_at = slotted(session)
    other = people.resident(session).resident_id
    perks.redeem(session, other, known.offer_id, shops.act(other), slot_starts_at=starts_at)
    return service.join(session, who, known.offer_id, starts_at, shops.act(who))


def paused(session: Session, who: UUID) -> UUID:
    """The pause of somebody who missed a slot; its id."""
    with clock.at(clock.now() - timedelta(days=3)):
        known = shops.shop(session, slots=STRICT, offline={"mode": "none"})
        starts_at = perks.slots(session, known.offer_id, clock.today() + timedelta(days=1))[0].starts_at
        made = perks.redeem(session, who, known.offer_id, shops.act(who), slot_starts_at=starts_at)
    expiry.expire(session, who, made.coupon.id, timedelta(0))
    strikes.strike(session, who, made.coupon.id)
    return service.standings(session, who)[0].id


class BookingCalls:
    """A part of ``World``: each method makes what the call of its name needs, of the resident."""

    resident: people.Resident

    def _join_waiting(self, session: Session) -> dict[str, Any]:
        known, starts_at = slotted(session)
        other = people.resident(session).resident_id
        perks.redeem(session, other, known.offer_id, shops.act(other), slot_starts_at=starts_at)
        return {"params": {"offer_id": known.offer_id}, "body": {"slot_starts_at": starts_at.isoformat()}}

    def _leave_waiting(self, session: Session) -> dict[str, Any]:
        return {"params": {"waiting_id": waiting(session, self.resident.resident_id).id}}

    def _list_waiting(self, session: Session) -> dict[str, Any]:
        return {}

    _list_bookings = _list_missed_slots = _list_slot_pauses = _list_waiting

    def _download_slot(self, session: Session) -> dict[str, Any]:
        return {"params": {"coupon_id": booked(session, self.resident.resident_id)}}

    def _lift_slot_pause(self, session: Session) -> dict[str, Any]:
        paused_one = people.resident(session).resident_id
        return {"params": {"pause_id": paused(session, paused_one)}, "body": {"reason": "演示理由"}}
