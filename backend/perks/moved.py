"""What follows for coupons when their holder's account was recovered on another WeChat."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from backend.codes import service as codes
from backend.kit import clock, outbox
from backend.perks import coupons
from backend.perks.models import Coupon


def on_recovered(session: Session, news: dict[str, Any]) -> None:
    """Make worthless every coupon code that was shown so far: each open coupon gets another place in the
    revocation list and the old place is revoked, so that devices that judge offline refuse it too. The coupons
    themselves, and what is left of them, stay as they are.
    """
    resident_id, now = UUID(news["resident_id"]), clock.now()
    open_ones = (Coupon.resident_id == resident_id, Coupon.status == "issued", Coupon.valid_until > now)
    for coupon_id in session.execute(select(Coupon.id).where(*open_ones).order_by(Coupon.id)).scalars().all():
        coupon = coupons.lock(session, resident_id, coupon_id)
        if coupon is not None and coupons.status_at(coupon, now) == "issued":
            replace_place(session, coupon)


def replace_place(session: Session, coupon: Row[Any]) -> None:
    """Another place in the revocation list for a locked coupon; what was shown under the old one is worthless.

    Whoever keeps something under the old place hears of the new one in the same transaction."""
    place = codes.allocate_status(session, coupon.valid_until)
    told = {
        "offer_id": str(coupon.offer_id), "from": [coupon.status_list_id, coupon.status_index],
        "to": [place.list_id, place.bit],
    }  # fmt: skip
    outbox.tell(session, "perks.place-changed", told, shard=coupon.resident_id)
    coupons.change(session, coupon, status_list_id=place.list_id, status_index=place.bit)
    codes.revoke_status(session, coupon.status_list_id, coupon.status_index)
