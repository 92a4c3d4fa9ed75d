"""What a redemption takes and a cancellation gives back: turn, group, places, points.

Everybody takes in this order, so that two acts wait for each other and never in a circle: turn (``RedemptionLimit``),
group (``GroupHold``), place of the day, place (``OfferStock``), slot, wallet.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from backend.kit import clock
from backend.kit.prepared import Batch
from backend.ledger import service as ledger
from backend.offers import service as shelf
from backend.perks import groups, rules, turns
from backend.perks.errors import NotEntitled

TakeSlot = Callable[[Session, Row[Any], shelf.Span], None]
"""What takes the place of a slot: from the shelf, or one that is kept for whoever waits. Raises SlotFull."""


class Taken(NamedTuple):
    """What an issue took before it wrote: from where a cancellation gives it back."""

    window_start_on: date | None
    day_bucket: int | None
    bucket: int | None
    hold_transfer_id: UUID | None


def take(
    session: Session, batch: Batch, resident_id: UUID, offer: Row[Any], coupon_id: UUID, now: datetime,
    valid_until: datetime, slot: shelf.Span | None, take_slot: TakeSlot = shelf.take_slot,
) -> Taken:  # fmt: skip
    """Take all that a coupon needs. Raises LimitReached, NotEntitled, SoldOut, SlotFull and NotEnoughPoints."""
    terms, today = offer.terms, clock.shanghai_date(now)
    window_start_on = None
    if person := terms["per_person"]:
        window_start_on = turns.take(session, resident_id, offer.id, person["limit"], person["window"], today)
    if group := shelf.said(terms, "stacking_group"):
        _hold_group(session, resident_id, group, coupon_id, valid_until)
    per_day = shelf.said(terms, "stock_per_day")
    day_bucket = shelf.take_place_of_day(session, offer.id, per_day, today, resident_id)
    bucket = shelf.take_place(session, offer.id, offer.stock_total, resident_id)
    if slot is not None:
        take_slot(session, offer, slot)
    hold_id = None
    if offer.price_points:
        held = ledger.hold(
            session, resident_id, offer.price_points, escrow_owner=offer.partner_id, code="perks.redeemed",
            subject_id=coupon_id, title=f"兑换：{offer.title}", counterparty=terms["partner_name"], batch=batch,
        )  # fmt: skip
        hold_id = held.id
    return Taken(window_start_on, day_bucket, bucket, hold_id)


def _hold_group(session: Session, resident_id: UUID, group: str, coupon_id: UUID, until: datetime) -> None:
    """Whoever asked alone was told by the verdict; this is for who comes second at the same moment."""
    if not groups.take(session, resident_id, group, coupon_id, until):
        reason = rules.group_reason(held=True)
        raise NotEntitled(reason.text, reasons=[reason.told()])


def put_back(session: Session, coupon: Row[Any]) -> None:
    """Give back the places that a coupon took, each to where it came from. Turn and points are the caller's."""
    day = clock.shanghai_date(coupon.created_at)
    shelf.put_place_of_day_back(session, coupon.offer_id, coupon.day_bucket, day)
    shelf.put_place_back(session, coupon.offer_id, coupon.bucket)
    shelf.put_slot_back(session, coupon.offer_id, coupon.slot_starts_at)


def late_return(coupon: Row[Any]) -> ledger.LateReturn:
    """What the coupon's terms say of points whose lot ended while they were held."""
    late = shelf.said(coupon.terms, "late_refund")
    return ledger.LateReturn("grace_days", late["grace_days"]) if late["to"] == "grace" else ledger.EXPIRE_AT_ONCE
