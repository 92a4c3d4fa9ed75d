"""Waiting for a place of a full slot: joining, leaving, and what one waits for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, insert, select, text, tuple_, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.bookings import rules
from backend.bookings.errors import AlreadyBooked, NotWaiting, SlotFree, TooManyWaiting
from backend.bookings.models import QueueRow, WaitingRow
from backend.kit import city, clock, db, operations
from backend.kit.city import CityMissing
from backend.kit.db import Reader
from backend.kit.errors import FieldError, NotFound
from backend.kit.ids import new_id
from backend.kit.operations import Operation
from backend.offers import service as shelf
from backend.perks import service as perks
from backend.perks.errors import NotEntitled

_WAITING: Any = WaitingRow.__table__
_QUEUE: Any = QueueRow.__table__
COUNTED = frozenset(("slots", "stock", "stock-today"))
"""Reasons that say no more than that there is no place now."""


@dataclass(frozen=True)
class WaitingView:
    """An entry as it is now. ``ahead``: how many come before; None when she does not wait any more."""

    row: Row[Any]
    at: datetime
    ahead: int | None
    offer_title: str
    refund: str

    def __getattr__(self, name: str) -> Any:
        return getattr(self.row, name)

    @property
    def state(self) -> str:
        return rules.state_at(self.row.state, self.row.starts_at, self.at)

    @property
    def auto(self) -> bool:
        return True

    @property
    def text(self) -> str:
        """What it means, and what she can do."""
        if self.state == rules.WAITING:
            return rules.promise(self.row.price_points, self.refund)
        return rules.STATE_TEXT[self.state]


def policy(reader: Reader) -> rules.Policy:
    """What the city says."""
    try:
        return rules.policy(city.get(reader, "deadlines").content.get("bookings", {}))
    except CityMissing:
        return rules.Policy()


# --- joining ---------------------------------------------------------------------------------------------------------


def join(
    session: Session, resident_id: UUID, offer_id: UUID, starts_at: datetime, operation: Operation,
    guardian_id: UUID | None = None,
) -> WaitingView:  # fmt: skip
    """Wait for a place of a full slot, last in its queue; the entry that there is already when she waits for it.

    Whose turn comes gets the coupon at once for the price of today. Raises NotFound, SpendingPaused, OfferClosed,
    NotEntitled (with every reason), FieldError (no such slot, or too soon), SlotFree, AlreadyBooked, TooManyWaiting.
    """
    if (done := operations.begin(session, operation, kind="bookings.join")) is not None:
        return entry(session, resident_id, done)
    if guardian_id is not None:
        accounts.require_may_spend(session, guardian_id)
    offer = shelf.held_for(session, resident_id, offer_id).row
    _require_entitled(session, resident_id, offer)
    span = _slot_of(session, offer, starts_at)
    made = _known(session, resident_id, offer_id, starts_at) or _add(session, resident_id, offer, span)
    operations.finish(session, operation, made)
    return entry(session, resident_id, made)


def _require_entitled(session: Session, resident_id: UUID, offer: Row[Any]) -> None:
    """As redeeming asks, but that there be a place."""
    perks.require_entitled(session, resident_id, offer)
    verdict = perks.judge(session, perks.Asker(True, resident_id), [offer])[offer.id]
    against = [reason for reason in verdict.against if reason.slug not in COUNTED]
    if against:
        raise NotEntitled(
            "；".join(reason.text for reason in against), reasons=[reason.told() for reason in verdict.reasons]
        )


def _slot_of(session: Session, offer: Row[Any], starts_at: datetime) -> shelf.Span:
    span = shelf.find_slot(offer, starts_at)
    if span is None:
        raise FieldError.at("/slot_starts_at", "没有这个可以预约的时段。", "No such slot can be booked now.")
    if not policy(session).in_time(starts_at, clock.now()):
        raise FieldError.at("/slot_starts_at", "时段马上开始，不再候补。", "The slot begins too soon to wait for.")
    return span


def _known(reader: Reader, resident_id: UUID, offer_id: UUID, starts_at: datetime) -> UUID | None:
    live = (_WAITING.c.resident_id == resident_id, _WAITING.c.offer_id == offer_id, _WAITING.c.starts_at == starts_at)
    found: UUID | None = reader.execute(select(_WAITING.c.id).where(*live, _WAITING.c.state == rules.WAITING)).scalar()
    return found


def _add(session: Session, resident_id: UUID, offer: Row[Any], span: shelf.Span) -> UUID:
    if shelf.slot_left(session, offer.id, span.starts_at):
        raise SlotFree()
    if holds(session, resident_id, offer.id, span.starts_at):
        raise AlreadyBooked()
    now, most = clock.now(), policy(session).most_waiting
    if _waits_for(session, resident_id, now) >= most:
        raise TooManyWaiting(most=most)
    made = new_id()
    row = {
        "resident_id": resident_id, "id": made, "offer_id": offer.id, "starts_at": span.starts_at,
        "ends_at": span.ends_at, "price_points": offer.price_points, "state": rules.WAITING, "coupon_id": None,
        "joined_at": now, "skipped_at": None, "ended_at": None,
    }  # fmt: skip
    unless = db.insert(session, _WAITING).values(**row).on_conflict_do_nothing(
        index_elements=["resident_id", "offer_id", "starts_at"], index_where=text("state = 'waiting'")
    )  # fmt: skip
    if session.execute(unless.returning(_WAITING.c.id)).first() is None:
        known = _known(session, resident_id, offer.id, span.starts_at)
        assert known is not None
        return known
    session.execute(insert(_QUEUE).values(
        offer_id=offer.id, starts_at=span.starts_at, joined_at=now, waiting_id=made, resident_id=resident_id
    ))  # fmt: skip
    return made


def holds(reader: Reader, resident_id: UUID, offer_id: UUID, starts_at: datetime) -> bool:
    """Whether somebody holds a coupon for a slot that is still good."""
    found = perks.booked(reader, resident_id, slot=(offer_id, starts_at))
    return any(coupon.status == "issued" for coupon in found)


def _waits_for(reader: Reader, resident_id: UUID, now: datetime) -> int:
    live = (_WAITING.c.resident_id == resident_id, _WAITING.c.state == rules.WAITING, _WAITING.c.starts_at > now)
    return int(reader.execute(select(func.count()).select_from(_WAITING).where(*live)).scalar_one())


# --- reading and leaving ---------------------------------------------------------------------------------------------


def entry(reader: Reader, resident_id: UUID, waiting_id: UUID) -> WaitingView:
    """One of the resident's own entries. Raises NotFound."""
    row = _one(reader, resident_id, waiting_id)
    return _view(reader, row, clock.now())


def _one(reader: Reader, resident_id: UUID, waiting_id: UUID, *, locked: bool = False) -> Row[Any]:
    query = select(_WAITING).where(_WAITING.c.resident_id == resident_id, _WAITING.c.id == waiting_id)
    found = reader.execute(db.for_update(query) if locked else query).first()
    if found is None:
        raise NotFound()
    return found


def _view(reader: Reader, row: Row[Any], now: datetime) -> WaitingView:
    offer = shelf.offer(reader, row.offer_id).row
    live = rules.state_at(row.state, row.starts_at, now) == rules.WAITING
    return WaitingView(row, now, _ahead(reader, row) if live else None, offer.title, offer.terms["refund"])


def _ahead(reader: Reader, row: Row[Any]) -> int:
    before = tuple_(_QUEUE.c.joined_at, _QUEUE.c.waiting_id) < tuple_(row.joined_at, row.id)
    queue = (_QUEUE.c.offer_id == row.offer_id, _QUEUE.c.starts_at == row.starts_at)
    return int(reader.execute(select(func.count()).select_from(_QUEUE).where(*queue, before)).scalar_one())


def entries(
    reader: Reader, resident_id: UUID, limit: int, before: tuple[datetime, UUID] | None = None
) -> list[WaitingView]:
    """The resident's entries, the newest first, up to ``limit + 1`` of them after a place."""
    query = select(_WAITING).where(_WAITING.c.resident_id == resident_id)
    if before is not None:
        query = query.where(tuple_(_WAITING.c.joined_at, _WAITING.c.id) < tuple_(*before))
    rows = reader.execute(query.order_by(_WAITING.c.joined_at.desc(), _WAITING.c.id.desc()).limit(limit + 1)).all()
    now = clock.now()
    return [_view(reader, row, now) for row in rows]


def leave(session: Session, resident_id: UUID, waiting_id: UUID) -> None:
    """Stop waiting; nothing more the second time. Raises NotFound, NotWaiting (promoted, or the slot has come)."""
    row, now = _one(session, resident_id, waiting_id, locked=True), clock.now()
    state = rules.state_at(row.state, row.starts_at, now)
    if state == rules.LEFT:
        return
    if state != rules.WAITING:
        raise NotWaiting(rules.STATE_TEXT[state] + "。", waiting_state=state)
    end(session, row, rules.LEFT)


def end(session: Session, row: Row[Any], state: str, coupon_id: UUID | None = None) -> None:
    """Take a locked entry out of its queue."""
    this = (_WAITING.c.resident_id == row.resident_id, _WAITING.c.id == row.id)
    values = {"state": state, "coupon_id": coupon_id, "ended_at": clock.now()}
    session.execute(update(_WAITING).where(*this).values(**values))
    drop_from_queue(session, row)


def drop_from_queue(session: Session, row: Row[Any]) -> None:
    session.execute(delete(_QUEUE).where(
        _QUEUE.c.offer_id == row.offer_id, _QUEUE.c.starts_at == row.starts_at,
        _QUEUE.c.joined_at == row.joined_at, _QUEUE.c.waiting_id == row.id,
    ))  # fmt: skip


def lock(session: Session, resident_id: UUID, waiting_id: UUID) -> Row[Any]:
    """An entry, locked until the transaction ends. Raises NotFound."""
    return _one(session, resident_id, waiting_id, locked=True)
