"""Not coming: a slot that was booked and missed is a strike, and some of them a pause from the scene's slots.

A strike is written once its coupon has expired, in a transaction of its own. Who came after all (a scan that was
uploaded late) has it taken back in that scan's transaction, and with it the pause that it brought. Both hold the
coupon's lock, then the scene's row. Nothing here is read by any score, nor by any offer without time slots.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import Row, and_, delete, exists, select, tuple_, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.admissions import service as admissions
from backend.bookings import rules
from backend.bookings.errors import NotPaused, OwnPause
from backend.bookings.models import PauseRow, StrikeRow
from backend.bookings.rules import NoShow
from backend.delegation import service as delegation
from backend.kit import clock, db, operations, outbox, trail
from backend.kit.db import Reader, insert_if_absent
from backend.kit.errors import NotFound
from backend.kit.ids import new_id
from backend.kit.operations import Operation
from backend.messages import service as messages
from backend.offers import service as shelf
from backend.perks import service as perks

NO_SHOW_NEWS = "bookings.no-show"
_PAUSE: Any = PauseRow.__table__
_STRIKE: Any = StrikeRow.__table__


# --- a strike --------------------------------------------------------------------------------------------------------


def after_missed(news: dict[str, Any]) -> None:
    """After ``perks.expired``: note that somebody did not come."""
    with db.transaction() as session:
        strike(session, UUID(news["resident_id"]), UUID(news["coupon_id"]))


def strike(session: Session, resident_id: UUID, coupon_id: UUID) -> bool:
    """Note a missed slot, if it counts; True when this call did. Safe to repeat.

    It counts where the coupon's terms have a rule, nobody saw her come, and the slot took place: the offer stands and
    did not close that day.
    """
    try:
        accounts.require_standing(session, resident_id)
    except NotFound:
        return False
    coupon = perks.lock_coupon(session, resident_id, coupon_id)
    if coupon is None or (rule := _rule(coupon)) is None or not _missed(session, coupon):
        return False
    scene = str(coupon.terms["scene"])
    pause = _held(session, resident_id, scene)
    row = {
        "resident_id": resident_id, "coupon_id": coupon_id, "id": new_id(), "scene_id": scene,
        "offer_id": coupon.offer_id, "title": coupon.terms["title"][:120], "missed_at": coupon.slot_ends_at,
        "ends_at": coupon.slot_ends_at + timedelta(days=rule.within_days),
    }  # fmt: skip
    if not insert_if_absent(session, StrikeRow, row, ("resident_id", "coupon_id")):
        return False
    _tell(session, coupon, row["id"])
    _judge(session, coupon, pause, rule)
    return True


def _rule(coupon: Row[Any]) -> NoShow | None:
    slots = shelf.said(coupon.terms, "slots")
    said = slots["no_show"] if slots else None
    return NoShow(said["strikes"], said["within_days"], said["pause_days"]) if said else None


def _missed(session: Session, coupon: Row[Any]) -> bool:
    if coupon.slot_starts_at is None or coupon.status != "expired" or coupon.uses_left != coupon.uses_total:
        return False
    offer = shelf.offer(session, coupon.offer_id).row
    took_place = offer.status == "open" and not any(
        shelf.closed_days(terms, use=True).on(clock.shanghai_date(coupon.slot_starts_at))
        for terms in (offer.terms, coupon.terms)
    )
    return took_place and not admissions.came(
        session, coupon.resident_id, coupon.id, coupon.valid_from, coupon.valid_until
    )


def _held(session: Session, resident_id: UUID, scene: str) -> Row[Any]:
    """How she stands in a scene, locked: whoever counts strikes waits for whoever counts them."""
    fresh = {
        "resident_id": resident_id, "scene_id": scene, "id": new_id(), "needed": 0, "within_days": 0,
        "paused_from": None, "paused_until": None, "lifted_by": None,
    }  # fmt: skip
    insert_if_absent(session, PauseRow, fresh, ("resident_id", "scene_id"))
    found = _locked(session, resident_id, scene)
    assert found is not None
    return found


def _locked(session: Session, resident_id: UUID, scene: str) -> Row[Any] | None:
    this = select(_PAUSE).where(_PAUSE.c.resident_id == resident_id, _PAUSE.c.scene_id == scene)
    return session.execute(db.for_update(this)).first()


def _missed_slots(reader: Reader, resident_id: UUID, scene: str) -> list[datetime]:
    hers = (_STRIKE.c.resident_id == resident_id, _STRIKE.c.scene_id == scene)
    return list(reader.execute(select(_STRIKE.c.missed_at).where(*hers)).scalars())


def _judge(session: Session, coupon: Row[Any], pause: Row[Any], rule: NoShow) -> None:
    """Whether the new strike brings a pause; she is told of either."""
    now, missed = clock.now(), _missed_slots(session, coupon.resident_id, pause.scene_id)
    facts = {
        "title": coupon.terms["title"], "slot": rules.when(coupon.slot_starts_at),
        "count": rules.counted(missed, rule.within_days, now), "days": rule.within_days,
    }  # fmt: skip
    until = rules.pause_until(missed, rule, now)
    if until is None:
        messages.write(
            session, coupon.resident_id, "booking-missed", message_id=uuid5(coupon.id, "missed"),
            **facts, strikes=rule.strikes, pause_days=rule.pause_days,
        )  # fmt: skip
        return
    until = max(until, pause.paused_until or until)
    _write(session, pause, needed=rule.strikes, within_days=rule.within_days, paused_from=now, paused_until=until,
           lifted_by=None)  # fmt: skip
    messages.write(
        session, coupon.resident_id, "booking-paused", message_id=uuid5(coupon.id, "missed"),
        **facts, until=rules.when(until),
    )  # fmt: skip


def _write(session: Session, pause: Row[Any], **values: Any) -> None:
    this = (_PAUSE.c.resident_id == pause.resident_id, _PAUSE.c.scene_id == pause.scene_id)
    session.execute(update(_PAUSE).where(*this).values(**values))


def _tell(session: Session, coupon: Row[Any], strike_id: UUID) -> None:
    told = {
        "resident_id": str(coupon.resident_id), "offer_id": str(coupon.offer_id),
        "partner_id": str(shelf.offer(session, coupon.offer_id).row.partner_id),
        "booking_id": str(strike_id), "slot_at": coupon.slot_starts_at.isoformat(),
    }  # fmt: skip
    outbox.tell(session, NO_SHOW_NEWS, told, shard=coupon.resident_id)


# --- she came after all ----------------------------------------------------------------------------------------------


def on_admitted(session: Session, news: dict[str, Any]) -> None:
    """Within ``perks.admitted``: only what is uploaded late can meet a strike."""
    if news["source"] == "offline":
        take_back(session, UUID(news["resident_id"]), UUID(news["coupon_id"]))


def on_conflicted(session: Session, news: dict[str, Any]) -> None:
    """Within ``perks.conflicted``: let in offline within her slot, and uploaded when her coupon was closed."""
    resident_id, coupon_id = UUID(news["resident_id"]), UUID(news["coupon_id"])
    coupon = perks.find_coupon(session, resident_id, coupon_id)
    if coupon is None or coupon.slot_starts_at is None:
        return
    if coupon.valid_from <= datetime.fromisoformat(news["happened_at"]) < coupon.valid_until:
        take_back(session, resident_id, coupon_id)


def take_back(session: Session, resident_id: UUID, coupon_id: UUID) -> None:
    """Delete a coupon's strike, and end the pause that would not be without it."""
    this = (_STRIKE.c.resident_id == resident_id, _STRIKE.c.coupon_id == coupon_id)
    scene = session.execute(select(_STRIKE.c.scene_id).where(*this)).scalar()
    if scene is None or (pause := _locked(session, resident_id, scene)) is None:
        return
    session.execute(delete(_STRIKE).where(*this))
    if pause.paused_from is None:
        return
    left = _missed_slots(session, resident_id, scene)
    if not rules.still_paused(left, pause.needed, pause.within_days, pause.paused_from):
        _write(session, pause, paused_from=None, paused_until=None)


# --- the pause -------------------------------------------------------------------------------------------------------


def paused(reader: Reader, resident_id: UUID, scenes: Collection[str]) -> dict[str, datetime]:
    """In which of these scenes somebody may not book slots now, and until when; one statement."""
    these = (_PAUSE.c.resident_id == resident_id, _PAUSE.c.scene_id.in_(scenes), _PAUSE.c.paused_until > clock.now())
    return {row.scene_id: row.paused_until
            for row in reader.execute(select(_PAUSE.c.scene_id, _PAUSE.c.paused_until).where(*these))}  # fmt: skip


class Missed(NamedTuple):
    """A slot that somebody missed."""

    id: UUID
    title: str
    missed_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Standing:
    """How somebody stands in a scene: what she missed that still counts, and until when she is paused, if she is."""

    id: UUID
    scene: str
    paused_until: datetime | None
    strikes: tuple[Missed, ...]


def standings(reader: Reader, resident_id: UUID) -> list[Standing]:
    """Every scene in which she missed something that counts, or is paused; by scene."""
    now = clock.now()
    found = reader.execute(select(_PAUSE).where(_PAUSE.c.resident_id == resident_id).order_by(_PAUSE.c.scene_id)).all()
    mine = select(_STRIKE).where(_STRIKE.c.resident_id == resident_id, _STRIKE.c.ends_at > now)
    missed = reader.execute(mine.order_by(_STRIKE.c.missed_at, _STRIKE.c.id)).all()
    made = [
        Standing(
            row.id, row.scene_id, row.paused_until if row.paused_until and row.paused_until > now else None,
            tuple(Missed(one.id, one.title, one.missed_at, one.ends_at)
                  for one in missed if one.scene_id == row.scene_id),
        )
        for row in found
    ]  # fmt: skip
    return [one for one in made if one.strikes or one.paused_until]


def pauses(reader: Reader, limit: int, after: tuple[datetime, UUID] | None = None) -> list[Row[Any]]:
    """The pauses of now, the first to end first, up to ``limit + 1``: what the office may lift, and not whose."""
    query = select(_PAUSE.c.id, _PAUSE.c.scene_id.label("scene"), _PAUSE.c.paused_from, _PAUSE.c.paused_until)
    query = query.where(_PAUSE.c.paused_until > clock.now())
    if after is not None:
        query = query.where(tuple_(_PAUSE.c.paused_until, _PAUSE.c.id) > tuple_(*after))
    return list(reader.execute(query.order_by(_PAUSE.c.paused_until, _PAUSE.c.id).limit(limit + 1)))


class Lifter(NamedTuple):
    """Who lifts a pause: the account, in which role, and the person behind it where known."""

    account_id: UUID
    role: str
    person_id: UUID | None


def lift(session: Session, lifter: Lifter, pause_id: UUID, reason: str, operation: Operation) -> UUID:
    """End a pause and forget the strikes of its scene; its id. In the trail. Raises NotFound, OwnPause, NotPaused."""
    if (done := operations.begin(session, operation, kind="bookings.lift", makes=pause_id)) is not None:
        return done
    found = session.execute(select(_PAUSE.c.resident_id, _PAUSE.c.scene_id).where(_PAUSE.c.id == pause_id)).first()
    if found is None:
        raise NotFound()
    accounts.require_standing(session, found.resident_id)
    sides = [lifter.account_id, *([lifter.person_id] if lifter.person_id else [])]
    if lifter.person_id == found.resident_id or delegation.has_acted_for(session, found.resident_id, sides):
        raise OwnPause()
    pause = _locked(session, found.resident_id, found.scene_id)
    if pause is None or pause.paused_until is None or pause.paused_until <= clock.now():
        raise NotPaused()
    hers = (_STRIKE.c.resident_id == pause.resident_id, _STRIKE.c.scene_id == pause.scene_id)
    session.execute(delete(_STRIKE).where(*hers))
    _write(session, pause, paused_from=None, paused_until=None, lifted_by=lifter.account_id)
    detail = {"scene": pause.scene_id, "reason": reason}
    trail.note(session, lifter.account_id, lifter.role, "bookings.lift-pause", "booking-pause", pause_id, detail)
    messages.write(session, pause.resident_id, "booking-pause-lifted", message_id=uuid5(pause_id, str(operation.key)))
    return pause_id


def forget(session: Session, at: datetime, most: int) -> int:
    """Delete strikes that do not count any more, and how somebody stood where nothing is left of it; how many."""
    rows = session.execute(
        select(_STRIKE.c.resident_id, _STRIKE.c.coupon_id).where(_STRIKE.c.ends_at <= at).limit(most)
    ).all()
    for row in rows:
        session.execute(delete(_STRIKE).where(_STRIKE.c.resident_id == row.resident_id,
                                              _STRIKE.c.coupon_id == row.coupon_id))  # fmt: skip
    over = (_PAUSE.c.paused_until.is_(None)) | (_PAUSE.c.paused_until <= at)
    theirs = and_(_STRIKE.c.resident_id == _PAUSE.c.resident_id, _STRIKE.c.scene_id == _PAUSE.c.scene_id)
    empty = select(_PAUSE.c.resident_id, _PAUSE.c.scene_id).where(over, ~exists().where(theirs)).limit(most)
    for row in session.execute(db.for_update(empty)).all():
        session.execute(delete(_PAUSE).where(_PAUSE.c.resident_id == row.resident_id,
                                             _PAUSE.c.scene_id == row.scene_id))  # fmt: skip
    return len(rows)
