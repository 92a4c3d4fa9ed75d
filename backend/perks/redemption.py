"""Redeeming an offer and giving a coupon back.

One order of locks for everybody who moves something, so that two acts wait for each other and never in a circle:
operation, person (shared), offer, coupon, turn (``RedemptionLimit``), place (``OfferStock``), wallet. A refusal is
raised and leaves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.codes import service as codes
from backend.kit import clock, operations, outbox
from backend.kit.db import Reader, insert_if_absent
from backend.kit.errors import NotFound
from backend.kit.ids import new_id
from backend.kit.operations import Operation
from backend.kit.prepared import Batch, Prepared
from backend.ledger import service as ledger
from backend.offers import service as shelf
from backend.perks import coupons, eligibility, rules, turns
from backend.perks.coupons import CouponView
from backend.perks.eligibility import Asker
from backend.perks.errors import NotCancellable, NotEntitled, OfferClosed
from backend.perks.models import Redemption


@dataclass(frozen=True)
class RedemptionView:
    """A redemption with its coupon as it is now."""

    id: UUID
    offer_id: UUID
    price_points: int
    created_at: datetime
    coupon: CouponView


class Taken(NamedTuple):
    """What an issue took before it wrote: from where a cancellation gives it back."""

    window_start_on: Any
    bucket: int | None
    hold_transfer_id: UUID | None


def redeem(
    session: Session, resident_id: UUID, offer_id: UUID, operation: Operation, guardian_id: UUID | None = None
) -> RedemptionView:
    """Redeem an offer for its price in points and return the redemption with its coupon.

    ``guardian_id``: who does it for her; a pause of theirs holds here too. A repeat of the operation returns the same
    redemption as it is now. Raises NotFound, OfferClosed, NotEntitled (with every reason), LimitReached, SoldOut, the
    ledger's NotEnoughPoints, and the accounts' SpendingPaused.
    """
    redemption_id = new_id()
    if (done := operations.begin(session, operation, kind="perks.redeem", makes=redemption_id)) is not None:
        return redemption(session, resident_id, done)
    if guardian_id is not None:
        accounts.require_may_spend(session, guardian_id)
    offer, venues = shelf.held_for(session, resident_id, offer_id)
    require_entitled(session, resident_id, offer)
    coupon = issue(session, resident_id, offer, redemption_id, new_id(), source="resident")
    assert coupon is not None
    view = CouponView(coupon, clock.now(), venues)
    return RedemptionView(redemption_id, offer_id, offer.price_points, coupon.created_at, view)


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
        reasons=[{"slug": r.slug, "ok": r.ok, "text": r.text, "remedy": r.remedy} for r in full.reasons],
    )


def issue(
    session: Session, resident_id: UUID, offer: Row[Any], redemption_id: UUID, coupon_id: UUID, *, source: str
) -> Row[Any] | None:
    """Take turn, place and points, and write redemption and coupon. None when that redemption stands already.

    A resident's redemption is new, for its operation is; at a venue the code names it, and who comes first has it.
    The caller has made sure that the person stands. Raises LimitReached, SoldOut and NotEnoughPoints.
    """
    now, batch = clock.now(), Batch()
    row = {
        "resident_id": resident_id, "id": redemption_id, "offer_id": offer.id, "coupon_id": coupon_id,
        "offer_version": offer.version, "price_points": offer.price_points, "source": source, "created_at": now,
    }  # fmt: skip
    if source == "resident":
        batch.add(_WRITE, row)
    elif not insert_if_absent(session, Redemption, row, ("resident_id", "id")):
        return None
    taken = _take(session, batch, resident_id, offer, coupon_id)
    coupon = _new_coupon(session, batch, resident_id, offer, (redemption_id, coupon_id), taken, now)
    told = {"resident_id": str(resident_id), "offer_id": str(offer.id), "coupon_id": str(coupon_id)}
    outbox.tell(session, "perks.redeemed", told, shard=resident_id, batch=batch)
    batch.run(session)
    return coupon


def _take(session: Session, batch: Batch, resident_id: UUID, offer: Row[Any], coupon_id: UUID) -> Taken:
    window_start_on = None
    if person := offer.terms["per_person"]:
        window_start_on = turns.take(session, resident_id, offer.id, person["limit"], person["window"], clock.today())
    bucket = shelf.take_place(session, offer.id, offer.stock_total, resident_id)
    hold_id = None
    if offer.price_points:
        held = ledger.hold(
            session, resident_id, offer.price_points, escrow_owner=offer.partner_id, code="perks.redeemed",
            subject_id=coupon_id, title=f"兑换：{offer.title}", counterparty=offer.terms["partner_name"], batch=batch,
        )  # fmt: skip
        hold_id = held.id
    return Taken(window_start_on, bucket, hold_id)


def _new_coupon(
    session: Session, batch: Batch, resident_id: UUID, offer: Row[Any], ids: tuple[UUID, UUID], taken: Taken,
    now: datetime,
) -> Row[Any]:  # fmt: skip
    terms, (redemption_id, coupon_id) = offer.terms, ids
    valid_until = clock.end_of_day(rules.last_good_day(clock.shanghai_date(now), terms["coupon_valid_days"]))
    list_id, index = codes.allocate_status(session, valid_until)
    return coupons.write(
        batch,
        resident_id=resident_id, id=coupon_id, redemption_id=redemption_id, offer_id=offer.id, status="issued",
        price_points=offer.price_points, valid_from=now, valid_until=valid_until, uses_total=terms["uses"],
        uses_left=terms["uses"], hold_transfer_id=taken.hold_transfer_id, status_list_id=list_id,
        status_index=index, bucket=taken.bucket, window_start_on=taken.window_start_on, terms=terms,
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
    shelf.put_place_back(session, found.offer_id, found.bucket)
    if found.hold_transfer_id is not None:
        title = f"退回：{found.terms['title']}"
        ledger.release(session, resident_id, found.hold_transfer_id, code="perks.cancelled", title=title)
    codes.revoke_status(session, found.status_list_id, found.status_index)
    told = {"resident_id": str(resident_id), "offer_id": str(found.offer_id), "coupon_id": str(coupon_id)}
    outbox.tell(session, "perks.cancelled", told, shard=resident_id)
    operations.finish(session, operation, coupon_id)
    return coupons.coupon(session, resident_id, coupon_id)
