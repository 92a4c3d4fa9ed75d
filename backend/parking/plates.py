"""A driver's plates: registering them, their confirmation at a gate, and their end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, insert, select, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.accounts.rules import Limit
from backend.codes import service as codes
from backend.codes.errors import CodeExpired, CodeNotVerified
from backend.kit import clock, db, operations, seal
from backend.kit.db import Reader
from backend.kit.errors import FieldError, NotFound
from backend.kit.ids import new_id
from backend.kit.operations import Operation
from backend.messages import service as messages
from backend.parking import links, rules
from backend.parking.errors import PlateNotHers, TooManyPlates
from backend.parking.models import lookups, operators, plates
from backend.perks import service as perks

DIGEST = "parking-plate"
REGISTERING, CONFIRMING, AT_GATE = "parking-plate", "parking-confirmation", "parking-gate"
PER_DAY = Limit(20, timedelta(days=1))
PER_CODE_HOLDER = Limit(10, timedelta(hours=1))
PER_DEVICE = Limit(60, timedelta(hours=1))


class Plate(NamedTuple):
    """A plate as its driver sees it. ``operators``: (partner id, since when) of those whom she allows to ask."""

    id: UUID
    plate: str
    state: str
    created_at: datetime
    confirmed_at: datetime | None
    ended_at: datetime | None
    operators: list[dict[str, Any]]

    @property
    def state_text(self) -> str:
        return rules.STATE_TEXT[self.state]


def accepted(text: str) -> str:
    """A plate in its normal form. Raises FieldError for what cannot be one."""
    plate = rules.normal_plate(text)
    if plate is None:
        raise FieldError.at(
            "/plate",
            "不是民用号牌：省份简称、字母，再加 5 位（新能源 6 位）；没有字母 I 和 O。",
            "No civil plate (GA 36).",
        )
    return plate


def count_registering(session: Session, resident_id: UUID, text: str) -> None:
    """Count an attempt to register what can be a plate. Raises FieldError, TooManyAttempts."""
    accepted(text)
    accounts.count_attempt(session, REGISTERING, str(resident_id), PER_DAY)


def forget_registering(session: Session, resident_id: UUID) -> None:
    """Take the attempt back: it was a repeat, or a slip with the key."""
    accounts.give_attempt_back(session, REGISTERING, str(resident_id))


def register(session: Session, resident_id: UUID, text: str, operation: Operation) -> Plate:
    """Register a plate; it is found by nobody until it is confirmed at a gate. One that she has already is that one.

    Raises FieldError, TooManyPlates, NotFound for one who has left.
    """
    plate, made = accepted(text), new_id()
    if (done := operations.begin(session, operation, kind="parking.plate")) is not None:
        forget_registering(session, resident_id)
        return one(session, resident_id, done)
    accounts.hold_people(session, [resident_id])
    held = sum(row.state != rules.ENDED for row in hers(session, resident_id, lock=True))
    same = session.execute(select(lookups.c.plate_id).where(*_of(plate), lookups.c.resident_id == resident_id)).scalar()
    if same is None:
        if held >= rules.MOST_PLATES:
            raise TooManyPlates(most=rules.MOST_PLATES)
        _write(session, resident_id, made, plate)
    operations.finish(session, operation, same or made)
    return one(session, resident_id, same or made)


def _of(plate: str) -> tuple[ColumnElement[bool]]:
    return (lookups.c.digest.in_([digest for _, digest in seal.digests(DIGEST, plate)]),)


def _write(session: Session, resident_id: UUID, made: UUID, plate: str) -> None:
    sealed = accounts.seal_for(session, resident_id, "parking_plates", "plate_sealed", plate)
    row = {"resident_id": resident_id, "id": made, "plate_sealed": sealed, "state": rules.PENDING,
           "created_at": clock.now(), "confirmed_at": None, "ended_at": None}  # fmt: skip
    session.execute(insert(plates).values(row))
    whose = {"resident_id": resident_id, "plate_id": made, "confirmed": False}
    found = [{"key_id": key_id, "digest": digest, **whose} for key_id, digest in seal.digests(DIGEST, plate)]
    session.execute(insert(lookups), found)


def hers(reader: Reader, resident_id: UUID, *, lock: bool = False) -> list[Row[Any]]:
    """A resident's plates, still sealed, the oldest first."""
    query = select(plates).where(plates.c.resident_id == resident_id).order_by(plates.c.created_at, plates.c.id)
    return list(reader.execute(query.with_for_update() if lock else query))


def opened(reader: Reader, row: Row[Any]) -> str:
    """The plate in a row."""
    return accounts.open_for(reader, row.resident_id, "parking_plates", "plate_sealed", row.plate_sealed)


def listed(reader: Reader, resident_id: UUID) -> list[Plate]:
    """A resident's plates with whom she allows to ask about each."""
    query = select(operators.c.plate_id, operators.c.partner_id, operators.c.changed_at).where(
        operators.c.resident_id == resident_id, operators.c.granted
    )
    allowed: dict[UUID, list[dict[str, Any]]] = {}
    for row in reader.execute(query.order_by(operators.c.changed_at)):
        allowed.setdefault(row.plate_id, []).append({"partner_id": row.partner_id, "granted_at": row.changed_at})
    return [
        Plate(row.id, opened(reader, row), row.state, row.created_at, row.confirmed_at, row.ended_at,
              allowed.get(row.id, []))
        for row in hers(reader, resident_id)
    ]  # fmt: skip


def one(reader: Reader, resident_id: UUID, plate_id: UUID) -> Plate:
    """One of her plates. Raises NotFound."""
    found = next((each for each in listed(reader, resident_id) if each.id == plate_id), None)
    if found is None:
        raise NotFound()
    return found


def remove(session: Session, resident_id: UUID, plate_id: UUID) -> None:
    """Forget a plate: nobody finds her by it from now on. Raises NotFound."""
    accounts.hold_people(session, [resident_id])
    mine = (plates.c.resident_id == resident_id, plates.c.id == plate_id)
    if session.execute(delete(plates).where(*mine).returning(plates.c.id)).first() is None:
        raise NotFound()
    _unfound(session, resident_id, plate_id)
    this = (operators.c.resident_id == resident_id, operators.c.plate_id == plate_id)
    session.execute(delete(operators).where(*this))


def _unfound(session: Session, resident_id: UUID, plate_id: UUID) -> None:
    this = (lookups.c.resident_id == resident_id, lookups.c.plate_id == plate_id)
    session.execute(delete(lookups).where(*this))
    links.unlink(session, resident_id, plate_id)


def find(reader: Reader, plate: str) -> Any:
    """Whose a confirmed plate is: (resident_id, plate_id), or None. ``plate``: in its normal form."""
    query = select(lookups.c.resident_id, lookups.c.plate_id).where(*_of(plate), lookups.c.confirmed)
    return reader.execute(query.limit(1)).first()


# --- at the gate -----------------------------------------------------------------------------------------------------


def shown_by(reader: Reader, code: str) -> UUID:
    """Who shows a presentation code now. Raises CodeNotVerified, CodeExpired (also for one of an earlier holder)."""
    claims = codes.read_code(reader, codes.Purpose.PRESENTATION, code)
    if claims.use != perks.PRESENTATION_USE or claims.resident_id is None:
        raise CodeNotVerified.because("wrong-purpose")
    since = accounts.holds_since(reader, claims.resident_id)
    if since is None or claims.issued_at < since.replace(microsecond=0):
        raise CodeExpired(expired_at=(since or claims.expires_at).isoformat().replace("+00:00", "Z"))
    return claims.resident_id


def count_confirming(session: Session, device_id: UUID, text: str, code: str) -> None:
    """Count an attempt by the device and by whose code it is, before it is judged. Raises FieldError,
    TooManyAttempts."""
    accepted(text)
    accounts.count_attempt(session, AT_GATE, str(device_id), PER_DEVICE)
    try:
        accounts.count_attempt(session, CONFIRMING, str(shown_by(session, code)), PER_CODE_HOLDER)
    except (CodeNotVerified, CodeExpired):
        pass  # told by the act itself, which knows a repeat


def forget_confirming(session: Session, device_id: UUID, code: str) -> None:
    """Take the attempt back: it succeeded, was a repeat, or a slip with the key."""
    accounts.give_attempt_back(session, AT_GATE, str(device_id))
    try:
        accounts.give_attempt_back(session, CONFIRMING, str(shown_by(session, code)))
    except (CodeNotVerified, CodeExpired):
        pass


def confirm(session: Session, text: str, code: str) -> dict[str, Any]:
    """An attendant has seen the car with this plate and its driver's phone together: it is hers from now on.

    An earlier holder's ends, and she is told. Raises FieldError, CodeNotVerified, CodeExpired, PlateNotHers.
    """
    plate, now = accepted(text), clock.now()
    resident_id = shown_by(session, code)
    accounts.require_standing(session, resident_id)
    rows = session.execute(db.for_update(select(lookups).where(*_of(plate)).order_by(lookups.c.resident_id))).all()
    plate_id = next((row.plate_id for row in rows if row.resident_id == resident_id), None)
    if plate_id is None:
        raise PlateNotHers()
    _end_earlier(session, {(row.resident_id, row.plate_id) for row in rows if row.confirmed}, resident_id, now)
    hers_too = (lookups.c.resident_id == resident_id, lookups.c.plate_id == plate_id)
    session.execute(update(lookups).where(*hers_too).values(confirmed=True))
    this = (plates.c.resident_id == resident_id, plates.c.id == plate_id)
    pending = update(plates).where(*this, plates.c.state == rules.PENDING)
    session.execute(pending.values(state=rules.CONFIRMED, confirmed_at=now))
    since = session.execute(select(plates.c.confirmed_at).where(*this)).scalar_one()
    return {"state": rules.CONFIRMED, "confirmed_at": since}


def _end_earlier(session: Session, earlier: set[tuple[UUID, UUID]], resident_id: UUID, now: datetime) -> None:
    """Whoever confirmed it before holds it no more, and is told."""
    for whose, plate_id in sorted(earlier):
        if whose == resident_id:
            continue
        this = (plates.c.resident_id == whose, plates.c.id == plate_id)
        session.execute(update(plates).where(*this).values(state=rules.ENDED, ended_at=now))
        _unfound(session, whose, plate_id)
        if not accounts.has_left(session, whose):
            messages.write(session, whose, "plate-moved")


# --- forgetting ------------------------------------------------------------------------------------------------------


def forget_pending(session: Session, most: int) -> int:
    """Delete up to ``most`` plates that nobody confirmed in time; how many."""
    old = clock.now() - timedelta(days=rules.PENDING_DAYS)
    some = select(plates.c.resident_id, plates.c.id).where(plates.c.state == rules.PENDING, plates.c.created_at < old)
    found = session.execute(some.limit(most)).all()
    for row in found:
        still = (plates.c.resident_id == row.resident_id, plates.c.id == row.id, plates.c.state == rules.PENDING)
        if session.execute(delete(plates).where(*still).returning(plates.c.id)).first() is not None:
            _unfound(session, row.resident_id, row.id)
            mine = (operators.c.resident_id == row.resident_id, operators.c.plate_id == row.id)
            session.execute(delete(operators).where(*mine))
    return len(found)
