"""Entries and exits as a car park reports them, and the benefit that an exit applies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Row, insert, select, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.admissions import service as admissions
from backend.admissions.service import Door
from backend.kit import clock, db, outbox
from backend.kit.db import insert_if_absent
from backend.kit.errors import DomainError, FieldError
from backend.kit.operations import Operation
from backend.kit.prepared import Batch
from backend.obligations import service as obligations
from backend.offers import service as shelf
from backend.parking import answering, asking, operating, plates, rules
from backend.parking.answering import Told
from backend.parking.asking import Benefit
from backend.parking.errors import BenefitNotAvailable, StayEnded, TicketKnown, TicketUnknown
from backend.parking.models import stays, tickets

DECIDED = "parking.decided"
REASON = "停车费"


@dataclass(frozen=True)
class Exit:
    """An exit as it is reported. Money in whole fen; ``owed_fen``: what a benefit that is paid afterwards leaves."""

    ticket: str
    exited_at: datetime
    fee_fen: int
    offer_id: UUID | None = None
    owed_fen: int | None = None


def enter(session: Session, at_door: Door, text: str, entered_at: datetime, ticket: str, operation: Operation) -> Told:
    """Report an entry. The answer is the same whether or not the plate is known; without consent only the ticket stays.

    Raises FieldError, NotACarPark, TicketKnown, IdempotencyConflict.
    """
    plate = plates.accepted(text)
    _judge("/entered_at", entered_at)
    if rules.names_plate(ticket, plate):
        raise FieldError.at("/ticket", "票号里不能有车牌。", "A ticket's number must not hold the plate.")

    def act(made: UUID, batch: Batch) -> dict[str, Any]:
        operating.require_car_park(session, at_door.venue_id)
        whose = plates.find(session, plate)
        if whose is not None and not operating.allowed(
            session, whose.resident_id, whose.plate_id, at_door.partner_id
        ):  # fmt: skip
            whose = None
        if whose is not None:
            accounts.require_standing(session, whose.resident_id)
        _keep(session, at_door, made, whose, entered_at, ticket)
        if whose is not None:
            answering.note(batch, at_door, whose.resident_id, whose.plate_id, "entry", True, made)
        return {"ticket": ticket, "venue_id": at_door.venue_id, "entered_at": entered_at}

    return answering.once(session, at_door, operation, "entry", act)


def _judge(pointer: str, at: datetime) -> None:
    if wrong := rules.judge_time(at, clock.now()):
        raise FieldError.at(pointer, wrong, "In the future, or reported too late.")


def _keep(session: Session, at_door: Door, made: UUID, whose: Any, entered_at: datetime, ticket: str) -> None:
    row = {
        "venue_id": at_door.venue_id, "ticket": ticket, "partner_id": at_door.partner_id,
        "device_id": at_door.device_id, "stay_id": made, "resident_id": whose.resident_id if whose else None,
        "entered_at": entered_at, "exited_at": None, "fee_fen": None, "recorded_at": clock.now(),
    }  # fmt: skip
    if not insert_if_absent(session, tickets, row, ("venue_id", "ticket")):
        raise TicketKnown()
    if whose is None:
        return
    hers = {
        "resident_id": whose.resident_id, "id": made, "plate_id": whose.plate_id, "partner_id": at_door.partner_id,
        "venue_id": at_door.venue_id, "ticket": ticket, "state": rules.INSIDE, "entered_at": entered_at,
        "exited_at": None, "fee_fen": None, "offer_id": None, "admission_id": None, "obligation_id": None,
        "recorded_at": clock.now(),
    }  # fmt: skip
    session.execute(insert(stays).values(hers))


# --- leaving ---------------------------------------------------------------------------------------------------------


def leave(session: Session, at_door: Door, told: Exit, operation: Operation) -> Told:
    """Report an exit, and with ``offer_id`` apply that benefit: one for a stay, and of two exits of a ticket one.

    Raises FieldError, NotACarPark, TicketUnknown, StayEnded, BenefitNotAvailable, IdempotencyConflict.
    """
    _judge("/exited_at", told.exited_at)
    if told.owed_fen is not None and (told.offer_id is None or told.owed_fen > told.fee_fen):
        raise FieldError.at("/owed_fen", "只随后付费的优惠报，且不超过 fee_fen。", "With a benefit, at most fee_fen.")

    def act(made: UUID, batch: Batch) -> dict[str, Any]:
        offers = operating.require_car_park(session, at_door.venue_id)
        stay = _stay(session, _locked(session, at_door, told))
        agreed = stay is not None and operating.allowed(
            session, stay.resident_id, stay.plate_id, at_door.partner_id
        )  # fmt: skip
        applied: dict[str, Any] = {"admission_id": None, "benefit": None, "obligation_id": None}
        if told.offer_id is not None:
            if stay is None or not agreed:
                raise BenefitNotAvailable()
            applied = _apply(session, at_door, stay, told, offers, operation)
        _close(session, at_door, told)
        if stay is not None:
            _close_hers(session, stay, told, applied, agreed=agreed)
        if stay is not None and agreed:
            benefited = told.offer_id is not None
            answering.note(batch, at_door, stay.resident_id, stay.plate_id, "exit", benefited, made)
        _tell(session, at_door, made, applied)
        return {"ticket": told.ticket, "exited_at": told.exited_at, "fee_fen": told.fee_fen, **applied}

    return answering.once(session, at_door, operation, "exit", act)


def _locked(session: Session, at_door: Door, told: Exit) -> Row[Any]:
    """The ticket, locked after its driver, so that whoever leaves the programme waits for nobody in a circle."""
    this = (tickets.c.venue_id == at_door.venue_id, tickets.c.ticket == told.ticket)
    whose = session.execute(select(tickets.c.resident_id).where(*this)).scalar()
    if whose is not None:
        accounts.hold_people(session, [whose])
    row = session.execute(db.for_update(select(tickets).where(*this))).first()
    if row is None or row.partner_id != at_door.partner_id:
        raise TicketUnknown()
    if row.exited_at is not None:
        raise StayEnded(exited_at=row.exited_at.isoformat().replace("+00:00", "Z"))
    if told.exited_at < row.entered_at:
        raise FieldError.at("/exited_at", "早于入场时间。", "Before the entry.")
    return row


def _stay(session: Session, ticket: Row[Any]) -> Row[Any] | None:
    if ticket.resident_id is None:
        return None
    this = (stays.c.resident_id == ticket.resident_id, stays.c.id == ticket.stay_id, stays.c.state == rules.INSIDE)
    return session.execute(db.for_update(select(stays).where(*this))).first()


def _apply(
    session: Session, at_door: Door, stay: Row[Any], told: Exit, offers: list[shelf.Shown], operation: Operation
) -> dict[str, Any]:
    """Apply one benefit; whatever stands against it is one refusal, that says nothing of her."""
    found = asking.benefits(session, stay.resident_id, at_door.venue_id, offers)
    benefit = next((each for each in found if each.offer_id == told.offer_id), None)
    if benefit is None:
        raise BenefitNotAvailable()
    act_id = uuid5(stay.id, str(benefit.offer_id))
    try:
        admission_id = admissions.admit_for(
            session, at_door, stay.resident_id, benefit.offer_id, benefit.coupon_id, act_id, told.exited_at
        )
    except DomainError as refusal:
        if refusal.status >= 500:  # nothing about her: it may be tried again
            raise
        raise BenefitNotAvailable() from refusal
    obligation_id = obligations.obligation_of(session, stay.resident_id, admission_id)
    _charge(session, at_door, obligation_id, told, operation)
    return {"admission_id": admission_id, "benefit": _told(benefit), "obligation_id": obligation_id}


def _told(benefit: Benefit) -> dict[str, Any]:
    return {name: each for name, each in benefit.told().items() if name != "held"}


def _charge(session: Session, at_door: Door, obligation_id: UUID | None, told: Exit, operation: Operation) -> None:
    if told.owed_fen is None:
        return
    if obligation_id is None:
        raise FieldError.at("/owed_fen", "这项优惠不是后付费。", "The benefit is not paid afterwards.")
    # The same request, as an act of its own: one key names one act of a room.
    charging = Operation(operation.actor_id, uuid5(operation.key, "charge"), operation.digest)
    desk = obligations.Desk(frozenset({at_door.partner_id}), at_door.venue_id)
    if told.owed_fen == 0:
        obligations.release(session, desk, obligation_id, charging)
        return
    try:
        obligations.charge(session, desk, obligation_id, told.owed_fen, charging, reason=REASON)
    except FieldError as error:
        raise FieldError.at("/owed_fen", error.detail_zh, error.detail_en) from error


def _close(session: Session, at_door: Door, told: Exit) -> None:
    """The ticket is over, and forgets whose it was."""
    this = (tickets.c.venue_id == at_door.venue_id, tickets.c.ticket == told.ticket)
    ended = {"exited_at": told.exited_at, "fee_fen": told.fee_fen}
    session.execute(update(tickets).where(*this).values(**ended, resident_id=None))


def _close_hers(session: Session, stay: Row[Any], told: Exit, applied: dict[str, Any], *, agreed: bool) -> None:
    """Her own record of it: how it ended, or that it was let go where her consent no longer stands."""
    hers = (stays.c.resident_id == stay.resident_id, stays.c.id == stay.id)
    values: dict[str, Any] = {"state": rules.UNLINKED}
    if agreed:
        values = {name: applied[name] for name in ("admission_id", "obligation_id")}
        values |= {"state": rules.LEFT, "exited_at": told.exited_at, "fee_fen": told.fee_fen, "offer_id": told.offer_id}
    session.execute(update(stays).where(*hers).values(**values))


def _tell(session: Session, at_door: Door, made: UUID, applied: dict[str, Any]) -> None:
    news = {
        "decision_id": str(made), "partner_id": str(at_door.partner_id), "venue_id": str(at_door.venue_id),
        "verdict": "applied" if applied["admission_id"] else "none", "decided_at": clock.now().isoformat(),
    }  # fmt: skip
    outbox.tell(session, DECIDED, news, shard=at_door.partner_id)
