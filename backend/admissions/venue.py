"""Admitting at a venue: a use of a coupon, and its points to the partner.

An expected refusal is **returned**, so that the scan is kept and the edge can commit before it answers; only what must
leave no trace is raised (an unknown status, a request that makes no sense).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.admissions import door, rules, scans
from backend.admissions.door import Door
from backend.admissions.errors import AlreadyUsed, NotYourOffer, OfflineNotAllowed, ScanTimeNotCredible, StatusUnknown
from backend.admissions.models import UsedUse
from backend.admissions.scans import Outcome, Recorder, Use
from backend.codes import service as codes
from backend.codes.errors import CodeExpired, CodeNotVerified
from backend.kit import city, clock, db, outbox
from backend.kit.db import Reader
from backend.kit.errors import DomainError, NotFound
from backend.kit.ids import new_id
from backend.kit.operations import Operation
from backend.kit.prepared import Batch, Prepared
from backend.ledger import service as ledger
from backend.offers import service as shelf
from backend.offers.errors import SoldOut
from backend.perks import service as perks
from backend.perks.errors import LimitReached, NotEntitled, OfferClosed

_OFFLINE_KEY = ("offer_id", "status_list_id", "status_index")


def _noting(dialect: str) -> Any:
    statement = db.insert_of(dialect, UsedUse)
    changed = {name: statement.excluded[name] for name in ("used", "last_used_at", "drop_after")}
    return statement.on_conflict_do_update(index_elements=_OFFLINE_KEY, set_=changed)


_NOTE_USES = Prepared(_noting)
UPLOAD_DAYS = 31
"""How old an uploaded scan may be where the city's limits say nothing (``offline_upload_days``)."""


def admit(session: Session, at_door: Door, code: str, offer_id: UUID | None, operation: Operation) -> Outcome:
    """Use a coupon once at this door, or redeem and use a free offer for whoever shows a presentation code.

    A repeat of the operation gets the same answer. Raises StatusUnknown, and FieldError where a presentation code
    came without an offer; every other refusal is in the outcome and has been kept as a scan.
    """
    operation, scan_id = scans.scan_operation(operation.actor_id, operation.key, code), new_id()
    if (told := scans.told_before(session, at_door, operation, scan_id, offer_id)) is not None:
        return told
    record = Recorder(session, at_door, scan_id, "online", clock.now())
    try:
        claims = door.read_code(session, code)
    except CodeExpired as expired:
        return record.refused(door.why_expired(session, at_door, code, expired), offer_id)
    except CodeNotVerified as refusal:
        return record.refused(refusal, offer_id)
    if door.is_presence(claims):
        return _admit_presence(record, claims, door.wanted_offer(offer_id))
    coupon = _lock(session, at_door, claims, offer_id)
    if isinstance(coupon, NotYourOffer):
        return record.refused(coupon, claims.offer_id)
    stale = door.replaced(session, claims, coupon, record.at)
    if refused := stale or door.judge_coupon(session, at_door, coupon, record.at):
        return record.refused(refused, claims.offer_id, coupon)
    return record.admitted(coupon, use(session, at_door, coupon, record.at, "online", record.batch))


def _lock(
    session: Session, at_door: Door, claims: codes.VerifiedClaims, offer_id: UUID | None = None
) -> Row[Any] | NotYourOffer:
    """The coupon behind a verified code, locked, or why it is not for this door.

    A signature without its coupon is *unknown*, never *valid*.
    """
    assert claims.resident_id is not None and claims.offer_id is not None
    found = perks.lock_coupon_with_offer(session, claims.resident_id, claims.subject_id)
    venues = found[1].venues if found else shelf.venues_of(session, claims.offer_id)
    if elsewhere := door.not_here(at_door, claims, venues, offer_id):
        return elsewhere
    if found is None:
        raise StatusUnknown()
    return found[0]


def _admit_presence(record: Recorder, claims: codes.VerifiedClaims, offer_id: UUID) -> Outcome:
    session, at_door, resident_id = record.session, record.door, claims.resident_id
    assert resident_id is not None
    judged = door.judge_presence(session, at_door, claims, offer_id)
    if judged.refusal:
        return record.refused(judged.refusal, offer_id, offer=judged.offer)
    coupon_id, _ = door.presence_coupon(session, claims, offer_id)
    offer = shelf.offer(session, offer_id).row
    try:
        # A savepoint: what the refusal of a late-comer undoes is the taking, not the memory of the scan.
        with session.begin_nested():
            accounts.require_standing(session, resident_id)
            perks.require_entitled(session, resident_id, offer, say_why=False)
            coupon = perks.issue(session, resident_id, offer, coupon_id, coupon_id, source="venue")
    except (LimitReached, NotFound):
        return record.refused(NotEntitled(), offer_id, offer=judged.offer)
    except (NotEntitled, OfferClosed, SoldOut) as refusal:
        return record.refused(refusal, offer_id, offer=judged.offer)
    if coupon is None:
        used = perks.find_coupon(session, resident_id, coupon_id)
        assert used is not None
        return record.refused(AlreadyUsed(**door.last_use(session, at_door, used)), offer_id, used)
    return record.admitted(coupon, use(session, at_door, coupon, record.at, "online", record.batch))


# --- one use ---------------------------------------------------------------------------------------------------


def use(
    session: Session, at_door: Door, coupon: Row[Any], happened_at: datetime, source: str, batch: Batch | None = None
) -> Use:
    """Take one use from a coupon that this transaction has locked and judged: count, points, status, news.

    With ``batch`` the last of the writing is left to it.
    """
    written = batch or Batch()
    taken = _use(session, at_door, coupon, happened_at, source, written)
    if batch is None:
        written.run(session)
    return taken


def _use(
    session: Session, at_door: Door, coupon: Row[Any], happened_at: datetime, source: str, batch: Batch
) -> Use:  # fmt: skip
    use_no = coupon.uses_total - coupon.uses_left + 1
    last = use_no == coupon.uses_total
    now = clock.now()
    used_at = max(happened_at, coupon.last_used_at or happened_at)
    status = perks.next_status(coupon.status, "admit-last" if last else "admit")
    if status is None:
        raise RuntimeError(f"a coupon in {coupon.status} was admitted")
    closed_at = now if last else None
    perks.change_coupon(
        session, coupon, batch=batch, uses_left=coupon.uses_left - 1, status=status, last_used_at=used_at,
        closed_at=closed_at,
    )  # fmt: skip
    points, transfer_id = settle(session, coupon, use_no, at_door.partner_id, batch)
    admission_id = new_id()
    row = {
        "resident_id": coupon.resident_id, "id": admission_id, "coupon_id": coupon.id, "use_no": use_no,
        "standing": "admitted", "conflict_reason": "", "offer_id": coupon.offer_id,
        "partner_id": at_door.partner_id, "venue_id": at_door.venue_id, "device_id": at_door.device_id,
        "source": source, "settled_points": points, "settle_transfer_id": transfer_id,
        **scans.settlement(coupon.terms), "happened_at": happened_at, "recorded_at": now,
    }  # fmt: skip
    batch.add(scans.ADMIT, row)
    if last and now < coupon.valid_until:
        # Past the coupon's end no code of it lives, and its place in the list may already be another's.
        codes.revoke_status(session, coupon.status_list_id, coupon.status_index, batch)
    tell_packs(session, coupon, use_no, used_at, batch)
    _tell(session, at_door, coupon, admission_id, happened_at, source, batch)
    return Use(admission_id, coupon.uses_left - 1)


def settle(
    session: Session, coupon: Row[Any], use_no: int, partner_id: UUID, batch: Batch | None = None
) -> tuple[int, UUID | None]:
    """Pay the partner the points of one use; how many, and the transfer. With ``batch`` its writing is left to it."""
    points = perks.share_points(coupon.price_points, coupon.uses_total, use_no)
    if points == 0:
        return 0, None
    settled = ledger.settle(
        session, coupon.resident_id, coupon.hold_transfer_id, partner_id,
        code="perks.admitted", title=f"使用：{coupon.terms['title']}", points=points,
        batch=batch,
    )  # fmt: skip
    return points, settled.id


def tell_packs(
    session: Session, coupon: Row[Any], used: int, used_at: datetime, batch: Batch | None = None
) -> None:  # fmt: skip
    """Note how many uses are gone for devices that judge offline. With ``batch`` the writing is left to it.

    A used-up coupon is forgotten when its last code has died.
    """
    if coupon.terms["offline"]["mode"] == "none":
        return
    drop_after = coupon.valid_until
    if used == coupon.uses_total:
        drop_after = min(drop_after, clock.now() + timedelta(seconds=coupon.terms["code_lifetime_seconds"]))
    row = {
        "offer_id": coupon.offer_id, "status_list_id": coupon.status_list_id, "status_index": coupon.status_index,
        "used": used, "last_used_at": used_at, "drop_after": drop_after,
    }  # fmt: skip
    if batch is None:
        _NOTE_USES.run(session, row)
    else:
        batch.add(_NOTE_USES, row)


def _tell(
    session: Session, at_door: Door, coupon: Row[Any], admission_id: UUID, happened_at: datetime, source: str,
    batch: Batch,
) -> None:  # fmt: skip
    told = {
        "resident_id": str(coupon.resident_id), "coupon_id": str(coupon.id), "offer_id": str(coupon.offer_id),
        "admission_id": str(admission_id), "venue_id": str(at_door.venue_id), "partner_id": str(at_door.partner_id),
        "happened_at": door.text_of(happened_at), "source": source, "obligation": _obligation(coupon.terms),
    }  # fmt: skip
    outbox.tell(session, "perks.admitted", told, shard=coupon.resident_id, batch=batch)


def _obligation(terms: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the use binds the resident to, with what she calls it; None where there is none."""
    said = terms.get("obligation")
    return {**said, "title": terms["title"], "partner_name": terms["partner_name"]} if said else None


# --- what happened while the network was down ----------------------------------------------------------------------


def upload(session: Session, at_door: Door, actor_id: UUID, key: UUID, code: str, at: datetime) -> Outcome:
    """Record one offline scan that happened at ``at``. ``key`` names the act: a repeat gets the same answer.

    The visitor has been let in already, so a genuine code of this venue is recorded in any case: as an admission where
    it was in order at that moment, else as a conflict, which moves no points. What cannot be verified, or is another
    venue's, is refused and kept as a scan. Raises StatusUnknown.
    """
    operation, scan_id = scans.scan_operation(actor_id, key, code), new_id()
    if (told := scans.told_before(session, at_door, operation, scan_id)) is not None:
        return told
    record = Recorder(session, at_door, scan_id, "offline", at)
    try:
        claims, late = _read_offline(session, code, at)
    except CodeNotVerified as refusal:
        return record.refused(refusal)
    coupon = _lock(session, at_door, claims)
    if isinstance(coupon, NotYourOffer):
        return record.refused(coupon, claims.offer_id)
    refused = late or _judge_offline(session, at_door, claims, coupon, at)
    if refused:
        return record.conflict(coupon, refused)
    return record.admitted(coupon, use(session, at_door, coupon, at, "offline", record.batch))


def _read_offline(reader: Reader, code: str, at: datetime) -> tuple[codes.VerifiedClaims, CodeExpired | None]:
    """A coupon's code as it was at ``at``, and whether it had expired then."""
    try:
        return codes.read_code(reader, codes.Purpose.COUPON, code, at=at), None
    except CodeExpired as expired:
        return door.claims_when_alive(reader, code, expired), expired


def _judge_offline(
    reader: Reader, at_door: Door, claims: codes.VerifiedClaims, coupon: Row[Any], at: datetime
) -> DomainError | None:
    """Why an offline admission should not have been, or None."""
    oldest = timedelta(days=int(city.get(reader, "city").content["limits"].get("offline_upload_days", UPLOAD_DAYS)))
    if why := rules.judge_upload(at, claims.issued_at, claims.expires_at, clock.now(), oldest):
        return ScanTimeNotCredible(why=why)
    if coupon.terms["offline"]["mode"] == "none":
        return OfflineNotAllowed()
    slack = rules.FUTURE_TOLERANCE
    return door.replaced(reader, claims, coupon, at) or door.judge_coupon(reader, at_door, coupon, at, slack)
