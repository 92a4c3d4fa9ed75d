"""Places given out by time: which slots an offer has, how many places each has left, and their counting.

A slot is named by offer and start. Its row is made by whoever takes its first place and only counts; how many places
there are is asked of the offer as it stands. So a changed policy changes what may be booked, never what was.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, bindparam, delete, select, tuple_, update
from sqlalchemy.orm import Session

from backend.kit import clock, db
from backend.kit.db import Reader
from backend.kit.prepared import Prepared
from backend.offers import rules, shelf
from backend.offers.errors import SlotFull
from backend.offers.models import SlotCount
from backend.offers.terms import slot_rule

_COUNTS: Any = SlotCount.__table__


class Span(NamedTuple):
    """From when (included) until when (not included)."""

    starts_at: datetime
    ends_at: datetime


class Slot(NamedTuple):
    """A slot that may be booked now, and how many of its places are left (≥ 0)."""

    starts_at: datetime
    ends_at: datetime
    capacity: int
    left: int

    @property
    def full(self) -> bool:
        return self.left == 0


def spans(rule: rules.SlotRule, first: date, last: date) -> Iterable[Span]:
    """Every slot that starts on the Shanghai days from ``first`` to ``last``, in order."""
    length = timedelta(minutes=rule.minutes)
    for day in rules.days_between(first, last):
        midnight = clock.start_of_day(day)
        for minute in rule.starts(day):
            starts_at = midnight + timedelta(minutes=minute)
            yield Span(starts_at, starts_at + length)


def bookable(rule: rules.SlotRule, first: date, last: date, now: datetime) -> Iterable[Span]:
    """Those of them that may be booked at ``now``: not begun, and not further ahead than the offer looks."""
    today = clock.shanghai_date(now)
    ahead = spans(rule, max(first, today), min(last, today + timedelta(days=rule.days_ahead)))
    return (span for span in ahead if span.starts_at > now)


def find(offer: Row[Any], starts_at: datetime) -> Span | None:
    """The slot of an offer that starts at an instant and may be booked now; None when there is none."""
    rule = slot_rule(offer.terms)
    if rule is None:
        return None
    day = clock.shanghai_date(starts_at)
    return next((span for span in bookable(rule, day, day, clock.now()) if span.starts_at == starts_at), None)


def slots(reader: Reader, offer_id: UUID, first: date, last: date | None = None) -> list[Slot]:
    """What may be booked of an offer on a day, or from a day to another (both included), in order. Raises NotFound.

    Nothing for an offer that has no slots.
    """
    rule = slot_rule(shelf.offer(reader, offer_id).row.terms)
    if rule is None:
        return []
    found = list(bookable(rule, first, last or first, clock.now()))
    if not found:
        return []
    taken = _taken(reader, [offer_id], found[0].starts_at, found[-1].starts_at)
    return [Slot(*span, rule.capacity, max(0, rule.capacity - taken.get((offer_id, span.starts_at), 0)))
            for span in found]  # fmt: skip


def slot_left(reader: Reader, offer_id: UUID, starts_at: datetime) -> int:
    """How many places a slot has left that may be booked now; 0 also when there is no such slot. Raises NotFound."""
    found = slots(reader, offer_id, clock.shanghai_date(starts_at))
    return next((slot.left for slot in found if slot.starts_at == starts_at), 0)


def soonest(reader: Reader, offers: Iterable[Row[Any]]) -> dict[UUID, datetime | None]:
    """When the first slot with a free place starts, for each offer that has slots; None where all are taken."""
    now = clock.now()
    today = clock.shanghai_date(now)
    known = {offer.id: rule for offer in offers if (rule := slot_rule(offer.terms)) is not None}
    if not known:
        return {}
    last = today + timedelta(days=max(rule.days_ahead for rule in known.values()))
    taken = _taken(reader, list(known), now, clock.end_of_day(last))
    return {
        offer_id: next(
            (
                span.starts_at
                for span in bookable(rule, today, last, now)
                if taken.get((offer_id, span.starts_at), 0) < rule.capacity
            ),
            None,
        )
        for offer_id, rule in known.items()
    }


def _taken(reader: Reader, offer_ids: list[UUID], first: datetime, last: datetime) -> dict[tuple[UUID, datetime], int]:
    counts = select(SlotCount.offer_id, SlotCount.starts_at, SlotCount.taken).where(
        SlotCount.offer_id.in_(offer_ids), SlotCount.starts_at.between(first, last)
    )
    return {(row.offer_id, row.starts_at): row.taken for row in reader.execute(counts)}


def _counting(dialect: str) -> Any:
    return (
        db.insert_of(dialect, _COUNTS)
        .on_conflict_do_update(
            index_elements=["offer_id", "starts_at"],
            set_={"taken": _COUNTS.c.taken + 1},
            where=_COUNTS.c.taken < bindparam("most"),
        )
        .returning(_COUNTS.c.taken)
    )


_TAKE = Prepared(_counting, ("offer_id", "starts_at", "taken"))


def take_slot(session: Session, offer: Row[Any], span: Span) -> None:
    """Take one place of a slot that :func:`find` gave. Raises SlotFull."""
    row = {"offer_id": offer.id, "starts_at": span.starts_at, "taken": 1}
    if _TAKE.first(session, {**row, "most": offer.terms["slots"]["capacity"]}) is None:
        raise SlotFull(starts_at=span.starts_at.isoformat().replace("+00:00", "Z"))


def put_slot_back(session: Session, offer_id: UUID, starts_at: datetime | None) -> None:
    """Give the place of a slot back; nothing to do where there was none."""
    if starts_at is not None:
        key = (_COUNTS.c.offer_id == offer_id, _COUNTS.c.starts_at == starts_at, _COUNTS.c.taken > 0)
        session.execute(update(_COUNTS).where(*key).values(taken=_COUNTS.c.taken - 1))


def forget_slots(session: Session, before: datetime, most: int = 1000) -> int:
    """Delete the counts of slots that started before an instant, ``most`` at a time; how many went."""
    keys = (SlotCount.offer_id, SlotCount.starts_at)
    rows = session.execute(select(*keys).where(SlotCount.starts_at < before).limit(most)).all()
    if rows:
        gone = delete(SlotCount).where(tuple_(*keys).in_([tuple(row) for row in rows]))
        session.execute(gone.execution_options(synchronize_session=False))
    return len(rows)
