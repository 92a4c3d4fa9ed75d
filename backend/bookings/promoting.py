"""Giving a free place to the first who waits and may have it.

A place that is given back is kept for the queue in the cancellation's own transaction, so that nobody overtakes whoever
waits. It is given after the commit, one person at a time, each in a transaction of its own: the entry's lock and its
operation let nobody have it twice, the count of kept places gives each place once. What nobody in the queue may have
goes back to the shelf. A sweep takes up what was left undone, and what came free in another way (more places, a
departure).
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import Row, delete, select, tuple_, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.accounts.errors import SpendingPaused
from backend.bookings import rules, waiting
from backend.bookings.models import KeptPlaces, QueueRow, WaitingRow
from backend.kit import clock, db, outbox
from backend.kit.db import Reader
from backend.kit.errors import FieldError, NotFound
from backend.kit.operations import Operation
from backend.ledger.errors import NotEnoughPoints
from backend.messages import service as messages
from backend.offers import service as shelf
from backend.offers.errors import SlotFull, SoldOut
from backend.perks import service as perks
from backend.perks.errors import LimitReached, NotEntitled, OfferClosed

PROMOTED_NEWS = "bookings.promoted"
PROMOTED, SKIPPED, FULL, BLOCKED = "promoted", "skipped", "full", "blocked"
"""What one try comes to. ``full``: the place is somebody's already. ``blocked``: nobody can have it now."""

_QUEUE: Any = QueueRow.__table__
_KEPT: Any = KeptPlaces.__table__


class Queued(NamedTuple):
    """Somebody's place in a queue."""

    offer_id: UUID
    starts_at: datetime
    joined_at: datetime
    waiting_id: UUID
    resident_id: UUID


# --- keeping a place -------------------------------------------------------------------------------------------------


def on_cancelled(session: Session, news: dict[str, Any]) -> None:
    """Within ``perks.cancelled``: keep the place that was just given back for whoever waits for it."""
    if news["slot_starts_at"] is None:
        return
    offer_id, starts_at = UUID(news["offer_id"]), datetime.fromisoformat(news["slot_starts_at"])
    if not waiting.policy(session).in_time(starts_at, clock.now()) or next_of(session, offer_id, starts_at) is None:
        return
    offer = shelf.offer(session, offer_id).row
    span = shelf.find_slot(offer, starts_at)
    if span is None:
        return
    try:
        shelf.take_slot(session, offer, span)
    except SlotFull:  # the offer has fewer places now than are taken
        return
    kept = db.insert(session, _KEPT).values(offer_id=offer_id, starts_at=starts_at, kept=1)
    session.execute(
        kept.on_conflict_do_update(index_elements=["offer_id", "starts_at"], set_={"kept": _KEPT.c.kept + 1})
    )


def _take_kept(session: Session, offer: Row[Any], span: shelf.Span) -> None:
    """A place that is kept, else one of the shelf. Raises SlotFull."""
    one = (_KEPT.c.offer_id == offer.id, _KEPT.c.starts_at == span.starts_at, _KEPT.c.kept > 0)
    taken = session.execute(update(_KEPT).where(*one).values(kept=_KEPT.c.kept - 1).returning(_KEPT.c.kept)).first()
    if taken is None:
        shelf.take_slot(session, offer, span)


def kept(reader: Reader, offer_id: UUID, starts_at: datetime) -> int:
    """How many places of a slot are kept for its queue."""
    one = (_KEPT.c.offer_id == offer_id, _KEPT.c.starts_at == starts_at)
    return int(reader.execute(select(_KEPT.c.kept).where(*one)).scalar() or 0)


def release(session: Session, offer_id: UUID, starts_at: datetime) -> None:
    """Give what is kept back to the shelf. The slot's own count is locked first, as a cancellation does."""
    count = kept(session, offer_id, starts_at)
    for _ in range(count):
        shelf.put_slot_back(session, offer_id, starts_at)
    if not count:
        return
    left = (_KEPT.c.offer_id == offer_id, _KEPT.c.starts_at == starts_at, _KEPT.c.kept >= count)
    done = session.execute(update(_KEPT).where(*left).values(kept=_KEPT.c.kept - count).returning(_KEPT.c.kept))
    if done.first() is None:
        raise RuntimeError("a kept place was given away meanwhile")


# --- giving it -------------------------------------------------------------------------------------------------------


def after_cancelled(news: dict[str, Any]) -> None:
    """After ``perks.cancelled``: give the place to who waits."""
    if news["slot_starts_at"] is not None:
        promote(UUID(news["offer_id"]), datetime.fromisoformat(news["slot_starts_at"]))


def promote(offer_id: UUID, starts_at: datetime) -> int:
    """Give a slot's free places to who waits, first come first served; how many got one.

    Safe to repeat, and in several workers at once.
    """
    given, after, outcome = 0, None, ""
    while outcome not in (FULL, BLOCKED):
        with db.reading() as reader:
            if not _free(reader, offer_id, starts_at):
                return given
            queued = next_of(reader, offer_id, starts_at, after)
        if queued is None:
            break
        with db.transaction() as session:
            outcome = step(session, queued)
        given += outcome == PROMOTED
        after = queued
    if outcome != FULL:
        with db.transaction() as session:
            release(session, offer_id, starts_at)
    return given


def _free(reader: Reader, offer_id: UUID, starts_at: datetime) -> bool:
    """Whether a place is kept, or free and in time to be given."""
    if kept(reader, offer_id, starts_at):
        return True
    in_time = waiting.policy(reader).in_time(starts_at, clock.now())
    return in_time and shelf.slot_left(reader, offer_id, starts_at) > 0


def next_of(reader: Reader, offer_id: UUID, starts_at: datetime, after: Queued | None = None) -> Queued | None:
    """Who is first in a slot's queue, or first after somebody."""
    query = select(*_QUEUE.c).where(_QUEUE.c.offer_id == offer_id, _QUEUE.c.starts_at == starts_at)
    if after is not None:
        query = query.where(tuple_(_QUEUE.c.joined_at, _QUEUE.c.waiting_id) > (after.joined_at, after.waiting_id))
    row = reader.execute(query.order_by(_QUEUE.c.joined_at, _QUEUE.c.waiting_id).limit(1)).first()
    return None if row is None else Queued(row.offer_id, row.starts_at, row.joined_at, row.waiting_id, row.resident_id)


def step(session: Session, queued: Queued) -> str:
    """Try to give one person her place; what came of it. Who may not have it stays in the queue and is told once."""
    if not waiting.policy(session).in_time(queued.starts_at, clock.now()):
        return BLOCKED
    try:
        accounts.require_standing(session, queued.resident_id)
        row = waiting.lock(session, queued.resident_id, queued.waiting_id)
    except NotFound:  # she has left, and her entry with her
        return SKIPPED
    if row.state != rules.WAITING:
        return SKIPPED
    if waiting.holds(session, row.resident_id, row.offer_id, row.starts_at):
        waiting.end(session, row, rules.LEFT)  # she found a place herself
        return SKIPPED
    return _give(session, row)


def _give(session: Session, row: Row[Any]) -> str:
    offer = shelf.offer(session, row.offer_id).row
    if offer.price_points > row.price_points:  # she agreed to less
        return _skip(session, row, offer)
    operation = _operation(row)
    try:
        # A savepoint: what a refusal undoes is the taking, not that she was told of it.
        with session.begin_nested():
            made = perks.redeem(session, row.resident_id, row.offer_id, operation, slot_starts_at=row.starts_at,
                                take_slot=_take_kept)  # fmt: skip
    except SlotFull:
        return FULL
    except (SoldOut, OfferClosed, FieldError):
        return BLOCKED
    except (NotEntitled, LimitReached, NotEnoughPoints, SpendingPaused, NotFound):
        return _skip(session, row, offer)
    waiting.end(session, row, rules.PROMOTED, made.coupon.id)
    _tell_promoted(session, row, offer, made)
    return PROMOTED


def _operation(row: Row[Any]) -> Operation:
    """The redemption on her behalf: one for each entry, whoever does it and however often."""
    return Operation(row.resident_id, uuid5(row.id, "promotion"), hashlib.sha256(row.id.bytes).digest())


def _skip(session: Session, row: Row[Any], offer: Row[Any]) -> str:
    if row.skipped_at is None:
        table: Any = WaitingRow.__table__
        this = (table.c.resident_id == row.resident_id, table.c.id == row.id)
        session.execute(update(table).where(*this).values(skipped_at=clock.now()))
        messages.write(
            session, row.resident_id, "booking-skipped", message_id=uuid5(row.id, "skipped"), title=offer.title,
            slot=rules.when(row.starts_at),
        )  # fmt: skip
    return SKIPPED


def _tell_promoted(session: Session, row: Row[Any], offer: Row[Any], made: perks.RedemptionView) -> None:
    slot = rules.when(row.starts_at)
    cost = f"冻结了 {made.price_points} 积分" if made.price_points else "没有用积分"
    back = f"不去请在 {slot} 前取消，积分退回，不算爽约" if made.coupon.cancellable else "按约定不能取消"
    messages.write(
        session, row.resident_id, "booking-promoted", message_id=uuid5(row.id, "promoted"), title=offer.title,
        slot=slot, cost=cost, back=back,
    )  # fmt: skip
    told = {
        "resident_id": str(row.resident_id), "offer_id": str(row.offer_id), "partner_id": str(offer.partner_id),
        "booking_id": str(row.id), "slot_at": row.starts_at.isoformat(),
    }  # fmt: skip
    outbox.tell(session, PROMOTED_NEWS, told, shard=row.resident_id)


# --- the sweep -------------------------------------------------------------------------------------------------------


def sweep() -> str:
    """Take up every slot that somebody waits for or that places are kept of. Places nobody can be given any more go
    back to the shelf."""
    now = clock.now()
    with db.reading() as reader:
        queued = select(_QUEUE.c.offer_id, _QUEUE.c.starts_at).where(_QUEUE.c.starts_at > now).distinct()
        held = select(_KEPT.c.offer_id, _KEPT.c.starts_at).where(_KEPT.c.kept > 0)
        slots = sorted({(row.offer_id, row.starts_at) for query in (queued, held) for row in reader.execute(query)})
    given = sum(promote(offer_id, starts_at) for offer_id, starts_at in slots)
    return f"{given} promoted"


def forget(session: Session, before: datetime, over: datetime, most: int) -> int:
    """Delete entries of slots that began before an instant, and queues of those that began before ``over``."""
    table: Any = WaitingRow.__table__
    old = select(table.c.resident_id, table.c.id).where(table.c.starts_at < before).limit(most)
    rows = session.execute(old).all()
    if rows:
        keys = tuple_(table.c.resident_id, table.c.id)
        session.execute(delete(table).where(keys.in_([tuple(row) for row in rows])))
    session.execute(delete(_QUEUE).where(_QUEUE.c.starts_at < over))
    session.execute(delete(_KEPT).where(_KEPT.c.starts_at < over, _KEPT.c.kept == 0))
    return len(rows)
