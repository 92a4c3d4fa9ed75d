"""Admitting whom an operator's system knows without a code: its driver allows it, by plate."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.admissions import door, venue
from backend.admissions.door import Door
from backend.admissions.errors import AlreadyUsed, CouponRequired, NotYourOffer
from backend.kit import clock
from backend.offers import service as shelf
from backend.perks import service as perks
from backend.perks.errors import NotEntitled

SOURCE = "operator"


def admit_for(
    session: Session, at_door: Door, resident_id: UUID, offer_id: UUID, coupon_id: UUID | None, act_id: UUID,
    happened_at: datetime,
) -> UUID:  # fmt: skip
    """Use a coupon of hers once at this door, or with ``coupon_id`` None redeem a free offer and use it at once.

    The caller has made sure that she agreed and who acts. ``act_id`` names the act: the coupon that it makes is the
    same however often it is tried. Returns the admission's id. Raises a DomainError for whatever does not let her in
    (NotYourOffer, CouponRequired, NotEntitled, AlreadyUsed, CouponExpired, …); the caller undoes what it began.
    """
    accounts.require_standing(session, resident_id)
    if not shelf.offered_at(session, offer_id, at_door.venue_id):
        raise NotYourOffer()
    if coupon_id is not None:
        coupon = _held(session, at_door, resident_id, offer_id, coupon_id)
    else:
        coupon = _redeemed(session, resident_id, offer_id, act_id)
    return venue.use(session, at_door, coupon, happened_at, SOURCE).admission_id


def _held(session: Session, at_door: Door, resident_id: UUID, offer_id: UUID, coupon_id: UUID) -> Row[Any]:
    coupon, now = perks.lock_coupon(session, resident_id, coupon_id), clock.now()
    if coupon is None or coupon.offer_id != offer_id:
        raise NotEntitled()
    if refused := door.judge_coupon(session, at_door, coupon, now):
        raise refused
    if perks.usable_now(coupon, now):
        raise NotEntitled()
    return coupon


def _redeemed(session: Session, resident_id: UUID, offer_id: UUID, act_id: UUID) -> Row[Any]:
    offer = shelf.offer(session, offer_id).row
    if offer.price_points:
        raise CouponRequired()
    perks.require_entitled(session, resident_id, offer, say_why=False)
    coupon = perks.issue(session, resident_id, offer, act_id, act_id, source="venue")
    if coupon is None:
        raise AlreadyUsed()
    return coupon
