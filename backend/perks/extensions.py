"""Coupons that are made good for longer: all open ones of an offer at once, never shorter, each holder told why.

What is ordered stands in a row; a worker goes over the coupons in the order of their keys, in chunks that each are one
transaction and move the row on. So what a crash leaves undone is taken up where it was, and two workers take turns.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import Row, insert, select, tuple_, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.codes import service as codes
from backend.kit import clock, db, operations, outbox, trail
from backend.kit.db import Reader
from backend.kit.errors import FieldError, NotFound
from backend.kit.ids import NIL, new_id
from backend.kit.operations import Operation
from backend.messages import service as messages
from backend.offers import service as shelf
from backend.perks import coupons
from backend.perks.errors import NotExtendable
from backend.perks.models import Coupon, Extension

BEGUN = "perks.extension-begun"
CHUNK = 200
MOST_DAYS_AHEAD = 3660

_TABLE: Any = Extension.__table__


class Officer(NamedTuple):
    """Who orders it, in which role, and whose offers: those of these organisations; None: anybody's."""

    account_id: UUID
    role: str
    organisations: Collection[UUID] | None


def extend(
    session: Session, officer: Officer, offer_id: UUID, until_on: date, reason: str, operation: Operation
) -> Row[Any]:
    """Order that every open coupon of an offer is good through ``until_on`` (a Shanghai day), if it would end before.

    Raises NotFound (another's offer too), NotExtendable for an offer with time slots, FieldError for a day that has
    passed or is too far.
    """
    made = new_id()
    if (done := operations.begin(session, operation, kind="perks.extend", makes=made)) is not None:
        return extension(session, done)
    offer = _offer_of(session, officer.organisations, offer_id)
    if shelf.said(offer.terms, "slots") is not None:
        raise NotExtendable()
    today = clock.today()
    if not today <= until_on <= today + timedelta(days=MOST_DAYS_AHEAD):
        raise FieldError.at("/until_on", "应在今天以后十年以内。", "From today and within ten years.")
    session.execute(insert(Extension).values(
        id=made, offer_id=offer_id, until_on=until_on, reason=reason, ordered_by=officer.account_id, state="running",
        extended=0, after_resident_id=NIL, after_coupon_id=NIL, created_at=clock.now(), done_at=None,
    ))  # fmt: skip
    detail = {"extension_id": str(made), "until_on": until_on.isoformat()}
    trail.note(session, officer.account_id, officer.role, "coupons.extend", "offer", offer_id, detail)
    outbox.tell(session, BEGUN, {"extension_id": str(made)})
    return extension(session, made)


def _offer_of(reader: Reader, organisations: Collection[UUID] | None, offer_id: UUID) -> Row[Any]:
    offer: Row[Any] = shelf.offer(reader, offer_id).row
    if organisations is not None and offer.partner_id not in organisations:
        raise NotFound()
    return offer


def extension(reader: Reader, extension_id: UUID) -> Row[Any]:
    """What was ordered and how far it is. Raises NotFound."""
    found = reader.execute(select(*_TABLE.c).where(_TABLE.c.id == extension_id)).first()
    if found is None:
        raise NotFound()
    return found


def extensions(
    reader: Reader, organisations: Collection[UUID] | None, offer_id: UUID,
    before: tuple[datetime, UUID] | None = None, limit: int = 20,
) -> list[Row[Any]]:  # fmt: skip
    """What was ordered for an offer, newest first, up to ``limit + 1``. Raises NotFound."""
    _offer_of(reader, organisations, offer_id)
    query = select(*_TABLE.c).where(_TABLE.c.offer_id == offer_id)
    if before is not None:
        query = query.where(tuple_(_TABLE.c.created_at, _TABLE.c.id) < tuple_(*before))
    return list(reader.execute(query.order_by(_TABLE.c.created_at.desc(), _TABLE.c.id.desc()).limit(limit + 1)))


# --- working -----------------------------------------------------------------------------------------------------


def on_begun(news: dict[str, Any]) -> None:
    """After ``perks.extension-begun``: work it off."""
    work(UUID(news["extension_id"]))


def take_up() -> str:
    """Work off what nobody is at: its worker is gone, or the news of it was lost."""
    with db.reading() as reader:
        running = reader.execute(select(_TABLE.c.id).where(_TABLE.c.state == "running").order_by(_TABLE.c.id))
        found = list(running.scalars())
    for extension_id in found:
        work(extension_id)
    return f"{len(found)} taken up"


def work(extension_id: UUID, chunk: int = CHUNK) -> None:
    """Go on with an order until it is done. Safe to repeat, and in several workers at once."""
    while True:
        with db.transaction() as session:
            if step(session, extension_id, chunk):
                return


def step(session: Session, extension_id: UUID, chunk: int = CHUNK) -> bool:
    """Extend the next coupons, at most ``chunk`` of them. True when nothing is left to do."""
    order = session.execute(db.for_update(select(*_TABLE.c).where(_TABLE.c.id == extension_id))).first()
    if order is None or order.state == "done":
        return True
    now, until = clock.now(), clock.end_of_day(order.until_on)
    after = (order.after_resident_id, order.after_coupon_id)
    keys = session.execute(
        select(Coupon.resident_id, Coupon.id)
        .where(
            Coupon.offer_id == order.offer_id, Coupon.status == "issued",
            Coupon.valid_until > now, Coupon.valid_until < until,
            tuple_(Coupon.resident_id, Coupon.id) > tuple_(*after),
        )
        .order_by(Coupon.resident_id, Coupon.id)
        .limit(chunk)
    ).all()  # fmt: skip
    extended = sum(_extend(session, order, resident_id, coupon_id, now, until) for resident_id, coupon_id in keys)
    values: dict[str, Any] = {"extended": order.extended + extended}
    if keys:
        values |= {"after_resident_id": keys[-1].resident_id, "after_coupon_id": keys[-1].id}
    if done := len(keys) < chunk:
        values |= {"state": "done", "done_at": now, "after_resident_id": NIL, "after_coupon_id": NIL}
    session.execute(update(_TABLE).where(_TABLE.c.id == extension_id).values(**values))
    return done


def _extend(
    session: Session, order: Row[Any], resident_id: UUID, coupon_id: UUID, now: datetime, until: datetime
) -> bool:
    """One coupon, as it stands under its lock: whoever used, cancelled or closed it meanwhile was first, and whoever
    leaves is let go."""
    try:
        accounts.require_standing(session, resident_id)
    except NotFound:
        return False
    coupon = coupons.lock(session, resident_id, coupon_id)
    if coupon is None or coupons.status_at(coupon, now) != "issued" or coupon.valid_until >= until:
        return False
    if coupon.slot_starts_at is not None:
        return False
    coupons.change(session, coupon, valid_until=until)
    codes.prolong_status(session, coupon.status_list_id, coupon.status_index, until)
    day = order.until_on
    messages.write(
        session, resident_id, "coupon-extended", message_id=uuid5(order.id, str(coupon_id)),
        title=coupon.terms["title"], until=f"{day.year}年{day.month}月{day.day}日", reason=order.reason,
    )  # fmt: skip
    return True
