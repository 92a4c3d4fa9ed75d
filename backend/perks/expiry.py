"""The end of coupons that nobody used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, tuple_
from sqlalchemy.orm import Session

from backend.kit import city, clock, outbox
from backend.kit.db import Reader
from backend.ledger import service as ledger
from backend.offers import service as shelf
from backend.perks import coupons, places, rules
from backend.perks.models import Coupon


def grace(reader: Reader) -> timedelta:
    """How long a coupon that may be admitted offline waits for its scan to be uploaded before its points go home."""
    return timedelta(hours=2 * int(city.get(reader, "city").content["limits"]["pack_valid_hours"]))


def due(reader: Reader, at: datetime, after: tuple[UUID, UUID] | None, limit: int) -> Sequence[tuple[UUID, UUID]]:
    """Coupons whose end has passed and that nobody closed: (resident, coupon), by key, after the given one."""
    query = (
        select(Coupon.resident_id, Coupon.id)
        .where(Coupon.status == "issued", Coupon.valid_until <= at)
        .order_by(Coupon.resident_id, Coupon.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(Coupon.resident_id, Coupon.id) > tuple_(*after))
    return [(row.resident_id, row.id) for row in reader.execute(query)]


def expire(session: Session, resident_id: UUID, coupon_id: UUID, waits: timedelta) -> bool:
    """Close a coupon whose end has passed. True when this call did it; safe to repeat.

    ``until_used``: what was never used goes home, to the lots it came from. ``none``: the price was for a place that
    was kept free, so what is still held goes to the partner, under a code of its own. Neither the place nor the turn
    comes back: both were taken for as long as the coupon was good. ``waits``: see :func:`grace`.
    """
    found = coupons.lock(session, resident_id, coupon_id)
    if found is None or found.status != "issued":
        return False
    now = clock.now()
    if now < found.valid_until + (waits if found.terms["offline"]["mode"] != "none" else timedelta(0)):
        return False
    coupons.change(session, found, status="expired", closed_at=now)
    send_home(session, found, code="perks.expired", title="过期退回")
    if found.slot_starts_at is not None and found.uses_left == found.uses_total:
        _tell_missed(session, found)
    return True


def _tell_missed(session: Session, coupon: Row[Any]) -> None:
    """A slot was booked and nobody came."""
    told = {
        "resident_id": str(coupon.resident_id), "offer_id": str(coupon.offer_id), "coupon_id": str(coupon.id),
        "partner_id": str(shelf.offer(session, coupon.offer_id).row.partner_id),
        "slot_starts_at": coupon.slot_starts_at.isoformat(), "slot_ends_at": coupon.slot_ends_at.isoformat(),
    }  # fmt: skip
    outbox.tell(session, "perks.expired", told, shard=coupon.resident_id)


def _held_points(coupon: Row[Any]) -> int:
    """What of the price no use has paid out yet."""
    used = coupon.uses_total - coupon.uses_left
    paid = sum(rules.share_points(coupon.price_points, coupon.uses_total, number + 1) for number in range(used))
    return int(coupon.price_points) - paid


def send_home(session: Session, coupon: Row[Any], *, code: str, title: str) -> None:
    """What no use has paid out goes where the coupon's terms say; see :func:`expire`. ``code``, ``title``: why."""
    if not _held_points(coupon):
        return
    offer = str(coupon.terms["title"])
    if coupon.terms["refund"] == "until_used":
        ledger.release(
            session, coupon.resident_id, coupon.hold_transfer_id, code=code, title=f"{title}：{offer}",
            late=places.late_return(coupon),
        )  # fmt: skip
    else:
        partner_id = shelf.offer(session, coupon.offer_id).row.partner_id
        ledger.settle(
            session, coupon.resident_id, coupon.hold_transfer_id, partner_id,
            code="perks.forfeited", title=f"过期未用：{offer}",
        )  # fmt: skip
