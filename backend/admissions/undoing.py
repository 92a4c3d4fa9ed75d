"""Taking back an admission that was a mistake: by the same device, within the city's minute."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn
from uuid import UUID

from sqlalchemy import Row, delete, select, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.admissions import door, rules, venue
from backend.admissions.door import Door
from backend.admissions.errors import NothingToUndo, UndoTooLate
from backend.admissions.models import Admission, Scan, UsedUse
from backend.kit import city, clock, operations, outbox
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.kit.operations import Operation
from backend.ledger import service as ledger
from backend.perks import service as perks

REASON = "场所撤销核销"


@dataclass(frozen=True)
class Undone:
    """An admission that was taken back. ``uses_left``: of the coupon as it is now."""

    id: UUID
    offer: dict[str, Any]
    uses_left: int
    undone_at: datetime
    verdict: str = "undone"


def window_seconds(reader: Reader) -> int:
    """How long the city lets an admission be undone."""
    return rules.undo_seconds(city.get(reader, "city").content["limits"])


def undo(session: Session, at_door: Door, admission_id: UUID, operation: Operation) -> Undone:
    """Give a use back to its coupon and its points to escrow, as if the scan had not been.

    What a presentation code redeemed at the door goes back to the shelf with turn and place. Undoing what is undone
    answers the same. Raises NotFound for what this device did not admit, UndoTooLate and NothingToUndo.
    """
    operations.begin(session, operation, kind="perks.undo", makes=admission_id)
    resident_id = _whose(session, at_door, admission_id)
    try:
        accounts.require_standing(session, resident_id)
    except NotFound:
        raise UndoTooLate() from None
    key = (Admission.resident_id == resident_id, Admission.id == admission_id)
    coupon_id = session.execute(select(Admission.coupon_id).where(*key)).scalar_one()
    coupon = perks.lock_coupon(session, resident_id, coupon_id)
    assert coupon is not None
    admission = session.execute(select(*Admission.__table__.c).where(*key)).one()
    if admission.standing != "undone":
        _judge(session, admission)
        _take_back(session, coupon, admission, operation.actor_id)
    return _answer(session, resident_id, admission_id, coupon_id)


def _whose(reader: Reader, at_door: Door, admission_id: UUID) -> UUID:
    """The resident of an admission that this very device made. Raises NotFound."""
    mine = (Scan.device_id == at_door.device_id, Scan.admission_id == admission_id)
    resident_id: UUID | None = reader.execute(select(Scan.resident_id).where(*mine)).scalar()
    if resident_id is None:
        raise NotFound()
    return resident_id


def _answer(reader: Reader, resident_id: UUID, admission_id: UUID, coupon_id: UUID) -> Undone:
    key = (Admission.resident_id == resident_id, Admission.id == admission_id)
    undone_at = reader.execute(select(Admission.decided_at).where(*key)).scalar_one()
    coupon = perks.find_coupon(reader, resident_id, coupon_id)
    assert coupon is not None and undone_at is not None
    return Undone(admission_id, perks.coupon_offer(coupon), coupon.uses_left, undone_at)


def _judge(session: Session, admission: Row[Any]) -> None:
    if admission.standing != "admitted":
        raise NothingToUndo()
    seconds = window_seconds(session)
    if not rules.may_undo(admission.happened_at, admission.recorded_at, clock.now(), seconds):
        _too_late(admission, seconds)


def _too_late(admission: Row[Any], seconds: int) -> NoReturn:
    raise UndoTooLate(
        f"只能在 {seconds} 秒内撤销。", f"It could be undone for {seconds} seconds.",
        undo_seconds=seconds, admitted_at=door.text_of(admission.happened_at),
    )  # fmt: skip


def _take_back(session: Session, coupon: Row[Any], admission: Row[Any], by: UUID) -> None:
    now = clock.now()
    key = (Admission.resident_id == coupon.resident_id, Admission.coupon_id == coupon.id)
    others = select(*Admission.__table__.c).where(*key, Admission.standing == "admitted", Admission.id != admission.id)
    remaining = session.execute(others.order_by(Admission.use_no)).all()
    last_used_at = max((row.happened_at for row in remaining), default=None)
    if not perks.give_use_back(session, coupon, last_used_at):
        _too_late(admission, window_seconds(session))
    _change(session, admission, standing="undone", use_no=None, settled_points=0, decided_at=now)
    _points_home(session, coupon, admission, by)
    if remaining and remaining[-1].use_no > admission.use_no:
        _renumber(session, coupon, remaining[-1], admission.use_no, by)
    _tell_packs(session, coupon, len(remaining), last_used_at)
    told = {
        "resident_id": str(coupon.resident_id), "coupon_id": str(coupon.id), "offer_id": str(coupon.offer_id),
        "admission_id": str(admission.id), "venue_id": str(admission.venue_id),
        "partner_id": str(admission.partner_id), "undone_at": door.text_of(now),
    }  # fmt: skip
    outbox.tell(session, "perks.undone", told, shard=coupon.resident_id)


def _change(session: Session, admission: Row[Any], **values: Any) -> None:
    key = (Admission.resident_id == admission.resident_id, Admission.id == admission.id)
    session.execute(update(Admission).where(*key).values(**values).execution_options(synchronize_session=False))


def _points_home(session: Session, coupon: Row[Any], admission: Row[Any], by: UUID) -> None:
    if admission.settle_transfer_id is not None:
        ledger.reverse(session, coupon.resident_id, admission.settle_transfer_id, by, REASON)


def _renumber(session: Session, coupon: Row[Any], last: Row[Any], use_no: int, by: UUID) -> None:
    """Uses are numbered without a gap: the last takes the number that came free, and what that number is paid.

    It differs only where the last had taken the remainder of the price.
    """
    changed: dict[str, Any] = {"use_no": use_no}
    if last.settled_points != perks.share_points(coupon.price_points, coupon.uses_total, use_no):
        _points_home(session, coupon, last, by)
        points, transfer_id = venue.settle(session, coupon, use_no, last.partner_id)
        changed |= {"settled_points": points, "settle_transfer_id": transfer_id}
    _change(session, last, **changed)


def _tell_packs(session: Session, coupon: Row[Any], used: int, last_used_at: datetime | None) -> None:
    """Correct what devices are told that judge offline, under the place that the coupon has now."""
    now = perks.find_coupon(session, coupon.resident_id, coupon.id)
    assert now is not None
    if used and last_used_at is not None:
        venue.tell_packs(session, now, used, last_used_at)
        return
    here = (
        UsedUse.offer_id == now.offer_id, UsedUse.status_list_id == now.status_list_id,
        UsedUse.status_index == now.status_index,
    )  # fmt: skip
    session.execute(delete(UsedUse).where(*here).execution_options(synchronize_session=False))
