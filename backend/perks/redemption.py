"""Redeeming an offer and giving a coupon back.

One order of locks for everybody who moves something, so that two acts wait for each other and never in a circle:
operation, person (shared), offer, coupon, then what ``places`` takes in its order, the wallet last. A refusal is raised
and leaves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.codes import service as codes
from backend.kit import clock, operations, outbox
from backend.kit.db import Reader, insert_if_absent
from backend.kit.errors import FieldError, NotFound
from backend.kit.ids import new_id
from backend.kit.operations import Operation
from backend.kit.prepared import Batch, Prepared
from backend.ledger import service as ledger
from backend.offers import service as shelf
from backend.perks import coupons, eligibility, places, rules, turns
from backend.perks.coupons import CouponView
from backend.perks.eligibility import Asker
from backend.perks.errors import NotCancellable, NotEntitled, OfferClosed
from backend.perks.models import Redemption
from backend.perks.places import Taken


@dataclass(frozen=True)
class RedemptionView:
    """A redemption with its coupon as it is now."""

    id: UUID
    offer_id: UUID
    price_points: int
    created_at: datetime
    coupon: CouponView


def redeem(
    session: Session, resident_id: UUID, offer_id: UUID, operation: Operation, guardian_id: UUID | None = None,
    slot_starts_at: datetime | None = None, take_slot: places.TakeSlot = shelf.take_slot,
) -> RedemptionView:  # fmt: skip
    """Redeem an offer for its price in points and return the redemption with its coupon.

    ``guardian_id``: who does it for her; a pause of theirs holds here too. ``slot_starts_at``: for an offer with time
    slots, and only then. ``take_slot``: whence its place comes, where one is kept for her. A repeat of the operation
    returns the same redemption as it is now. Raises NotFound,
    OfferClosed, NotEntitled (with every reason), FieldError (no such slot), LimitReached, SoldOut, SlotFull, the
    ledger's NotEnoughPoints, and the accounts' SpendingPaused.
    """
    redemption_id = new_id()
    if (done := operations.begin(session, operation, kind="perks.redeem", makes=redemption_id)) is not None:
        return redemption(session, resident_id, done)
    if guardian_id is not None:
        accounts.require_may_spend(session, guardian_id)
    offer, venues = shelf.held_for(session, resident_id, offer_id)
    require_entitled(session, resident_id, offer)
    slot = _slot_of(offer, slot_starts_at)
    coupon = issue(session, resident_id, offer, redemption_id, new_id(), source="resident", slot=slot,
                   take_slot=take_slot)  # fmt: skip
    assert coupon is not None
    view = CouponView(coupon, clock.now(), venues)
    return RedemptionView(redemption_id, offer_id, offer.price_points, coupon.created_at, view)


def _slot_of(offer: Row[Any], starts_at: datetime | None) -> shelf.Span | None:
    slotted = shelf.said(offer.terms, "slots") is not None
    if not slotted and starts_at is None:
        return None
    if not slotted:
        raise FieldError.at("/slot_starts_at", "这项优惠不分时段。", "This offer has no time slots.")
    if starts_at is None:
        raise FieldError.at("/slot_starts_at", "这项优惠要先选时段。", "This offer is redeemed for a time slot.")
    slot = shelf.find_slot(offer, starts_at)
    if slot is None:
        raise FieldError.at("/slot_starts_at", "没有这个可以预约的时段。", "No such slot can be booked now.")
    return slot


_TABLE: Any = Redemption.__table__
_ONE = Prepared(
    select(_TABLE.c.id, _TABLE.c.offer_id, _TABLE.c.coupon_id, _TABLE.c.price_points).where(
        _TABLE.c.resident_id == bindparam("resident"), _TABLE.c.id == bindparam("redemption")
    )
)
_WRITE = Prepared(_TABLE.insert())


def redemption(reader: Reader, resident_id: UUID, redemption_id: UUID) -> RedemptionView:
    """One of the resident's own redemptions. Raises NotFound."""
    row = _ONE.first(reader, {"resident": resident_id, "redemption": redemption_id})
    if row is None:
        raise NotFound()
    coupon = coupons.coupon(reader, resident_id, row.coupon_id)
    return RedemptionView(row.id, row.offer_id, row.price_points, coupon.created_at, coupon)


def require_entitled(session: Session, resident_id: UUID, offer: Row[Any], *, say_why: bool = True) -> None:
    """Raise OfferClosed or NotEntitled unless every condition that is not a count holds.

    With ``say_why`` the refusal lists every reason for and against, for the resident's own eyes; a venue learns none.
    """
    verdict = eligibility.gate(session, resident_id, offer)
    if verdict.entitled:
        return
    if any(reason.slug == "open" for reason in verdict.against):
        raise OfferClosed(*(reason.text for reason in verdict.against if reason.slug == "open"))
    if not say_why:
        raise NotEntitled()
    full = eligibility.judge(session, Asker(True, resident_id), [offer])[offer.id]
    raise NotEntitled(
        "；".join(reason.text for reason in full.against),
        reasons=[reason.told() for reason in full.reasons],
    )


def issue(
    session: Session, resident_id: UUID, offer: Row[Any], redemption_id: UUID, coupon_id: UUID, *, source: str,
    slot: shelf.Span | None = None, take_slot: places.TakeSlot = shelf.take_slot,
) -> Row[Any] | None:  # fmt: skip
    """Take turn, places and points, and write redemption and coupon. None when that redemption stands already.

    A resident's redemption is new, for its operation is; at a venue the code names it, and who comes first has it.
    The caller has made sure that the person stands. Raises NotEntitled (an offer with slots without one), LimitReached,
    SoldOut, SlotFull and NotEnoughPoints.
    """
    if slot is None and shelf.said(offer.terms, "slots") is not None:
        raise NotEntitled("这项优惠要先预约时段。", "This offer is redeemed for a time slot beforehand.")
    now, batch = clock.now(), Batch()
    row = {
        "resident_id": resident_id, "id": redemption_id, "offer_id": offer.id, "coupon_id": coupon_id,
        "offer_version": offer.version, "price_points": offer.price_points, "source": source, "created_at": now,
    }  # fmt: skip
    if source == "resident":
        batch.add(_WRITE, row)
    elif not insert_if_absent(session, Redemption, row, ("resident_id", "id")):
        return None
    valid = _validity(offer, slot, now)
    taken = places.take(session, batch, resident_id, offer, coupon_id, now, valid[1], slot, take_slot)
    coupon = _new_coupon(session, batch, resident_id, offer, (redemption_id, coupon_id), taken, now, valid, slot)
    told = {
        "resident_id": str(resident_id), "offer_id": str(offer.id), "coupon_id": str(coupon_id),
        "partner_id": str(offer.partner_id),
    }  # fmt: skip
    outbox.tell(session, "perks.redeemed", told, shard=resident_id, batch=batch)
    batch.run(session)
    return coupon


def _validity(offer: Row[Any], slot: shelf.Span | None, now: datetime) -> tuple[datetime, datetime]:
    """From when and until when (not included) a coupon issued now is good."""
    if slot is None:
        last = rules.last_good_day(clock.shanghai_date(now), offer.terms["coupon_valid_days"])
        return now, clock.end_of_day(last)
    early = timedelta(minutes=offer.terms["slots"]["early_minutes"])
    return max(now, slot.starts_at - early), slot.ends_at


def _new_coupon(
    session: Session, batch: Batch, resident_id: UUID, offer: Row[Any], ids: tuple[UUID, UUID], taken: Taken,
    now: datetime, valid: tuple[datetime, datetime], slot: shelf.Span | None,
) -> Row[Any]:  # fmt: skip
    terms, (redemption_id, coupon_id), (valid_from, valid_until) = offer.terms, ids, valid
    list_id, index = codes.allocate_status(session, valid_until)
    return coupons.write(
        batch,
        resident_id=resident_id, id=coupon_id, redemption_id=redemption_id, offer_id=offer.id, status="issued",
        price_points=offer.price_points, valid_from=valid_from, valid_until=valid_until, uses_total=terms["uses"],
        uses_left=terms["uses"], status_list_id=list_id, status_index=index, **taken._asdict(), terms=terms,
        slot_starts_at=slot.starts_at if slot else None, slot_ends_at=slot.ends_at if slot else None,
        created_at=now, last_used_at=None, closed_at=None,
    )  # fmt: skip


def cancel(session: Session, resident_id: UUID, coupon_id: UUID, operation: Operation) -> CouponView:
    """Give an unused coupon back: points to the lots they came from, place and turn to the shelf, codes revoked.

    Of a cancellation and an admission at the same moment exactly one happens. Raises NotFound, NotCancellable.
    """
    if operations.begin(session, operation, kind="perks.cancel") is not None:
        return coupons.coupon(session, resident_id, coupon_id)
    found = coupons.lock(session, resident_id, coupon_id)
    if found is None:
        raise NotFound()
    now = clock.now()
    if not coupons.cancellable(found, now):
        raise NotCancellable(coupon_status=coupons.status_at(found, now), uses_left=found.uses_left)
    coupons.change(session, found, status="cancelled", closed_at=now)
    turns.give_back(session, resident_id, found.offer_id, found.window_start_on)
    places.put_back(session, found)
    if found.hold_transfer_id is not None:
        title = f"退回：{found.terms['title']}"
        ledger.release(
            session, resident_id, found.hold_transfer_id, code="perks.cancelled", title=title,
            late=places.late_return(found),
        )  # fmt: skip
    codes.revoke_status(session, found.status_list_id, found.status_index)
    tell_cancelled(session, found)
    operations.finish(session, operation, coupon_id)
    return coupons.coupon(session, resident_id, coupon_id)


def tell_cancelled(session: Session, coupon: Row[Any]) -> None:
    """That a coupon was given back; of a slot, so that whoever waits for its place hears of it."""
    slot = coupon.slot_starts_at
    told = {
        "resident_id": str(coupon.resident_id), "offer_id": str(coupon.offer_id), "coupon_id": str(coupon.id),
        "partner_id": str(shelf.offer(session, coupon.offer_id).row.partner_id),
        "slot_starts_at": None if slot is None else slot.isoformat(),
    }  # fmt: skip
    outbox.tell(session, "perks.cancelled", told, shard=coupon.resident_id)
