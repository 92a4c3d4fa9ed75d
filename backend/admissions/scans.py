"""What devices scanned and what they were told: kept, so that repeats are answered alike and refusals remembered."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, insert, select
from sqlalchemy.orm import Session

from backend.admissions.door import Door
from backend.admissions.models import Admission, Scan
from backend.kit import clock, operations, outbox
from backend.kit.db import Reader
from backend.kit.errors import DomainError, IdempotencyConflict
from backend.kit.ids import new_id
from backend.kit.operations import Operation
from backend.kit.prepared import Batch, Prepared
from backend.perks import service as perks

KIND = "perks.scan"
ADMIT = Prepared(insert(Admission))
_KEEP = Prepared(insert(Scan))


@dataclass(frozen=True)
class Outcome:
    """What a scan came to. ``verdict``: ``admitted``, ``refused`` or ``conflict``; the latter two have a refusal."""

    id: UUID
    verdict: str
    offer: dict[str, Any] | None = None
    uses_left: int | None = None
    admitted_at: datetime | None = None
    refusal: DomainError | None = None

    @property
    def reason(self) -> str | None:
        return self.refusal.slug if self.refusal else None


class Use(NamedTuple):
    """A use that was written."""

    admission_id: UUID
    uses_left: int


def settlement(terms: Mapping[str, Any]) -> dict[str, Any]:
    """What the partner is owed for one use, and by whom. Terms written before this existed owe nothing.

    A conflict keeps it too: it counts once the office has accepted it.
    """
    return {
        "settlement_fen": terms.get("settlement_price_fen", 0),
        "funding_account": terms.get("funding_account", ""),
        "decided_at": None,
    }


def scan_operation(actor_id: UUID, key: UUID, code: str) -> Operation:
    """The act of scanning ``code`` under ``key``: the same whether it is sent at once or uploaded later.

    So a device that lost the reply to an admission may put the scan into its batch, and nothing happens twice. The
    code ends in a signature, so that its plain hash tells nothing.
    """
    return Operation(actor_id, key, hashlib.sha256(code.strip().encode("utf-8", "replace")).digest())


def told_before(
    session: Session, at_door: Door, operation: Operation, scan_id: UUID, offer_id: UUID | None = None
) -> Outcome | None:
    """Begin the operation that makes this scan: None the first time, else what the device was told then."""
    done = operations.begin(session, operation, kind=KIND, makes=scan_id)
    return None if done is None else outcome(session, at_door.device_id, done, offer_id)


def outcome(reader: Reader, device_id: UUID, scan_id: UUID, offer_id: UUID | None = None) -> Outcome:
    """What a device was told, told again. Raises IdempotencyConflict when it now asks about another offer."""
    row = reader.execute(select(*Scan.__table__.c).where(Scan.device_id == device_id, Scan.id == scan_id)).one()
    if offer_id is not None and row.offer_id not in (None, offer_id) and row.reason != "not-your-offer":
        raise IdempotencyConflict()
    refusal = None
    if row.reason:
        said = row.members
        refusal = DomainError.registry[row.reason](said["detail_zh"], said["detail_en"], **said["members"])
    about = None
    if row.resident_id is not None and row.coupon_id is not None:
        coupon = perks.find_coupon(reader, row.resident_id, row.coupon_id)
        about = perks.coupon_offer(coupon) if coupon is not None else None
    at = row.happened_at if row.admission_id else None
    return Outcome(row.admission_id or row.id, row.verdict, about, row.uses_left, at, refusal)


def came(reader: Reader, resident_id: UUID, coupon_id: UUID, since: datetime, until: datetime) -> bool:
    """Whether a venue let the holder of a coupon in from an instant until another (not included), in order or not."""
    these = (Admission.resident_id == resident_id, Admission.coupon_id == coupon_id)
    then = (Admission.standing != "undone", Admission.happened_at >= since, Admission.happened_at < until)
    return reader.execute(select(Admission.id).where(*these, *then).limit(1)).first() is not None


class Recorder:
    """One scan on its way into the record: every way out writes its row, and with it what waits in the batch."""

    def __init__(self, session: Session, at_door: Door, scan_id: UUID, source: str, at: datetime) -> None:
        self.session, self.door, self.scan_id = session, at_door, scan_id
        self.source, self.at = source, at
        self.batch = Batch()

    def admitted(self, coupon: Row[Any], used: Use) -> Outcome:
        self._keep("admitted", None, coupon.offer_id, coupon, used.admission_id, used.uses_left)
        return Outcome(used.admission_id, "admitted", perks.coupon_offer(coupon), used.uses_left, self.at)

    def refused(
        self, refusal: DomainError, offer_id: UUID | None = None, coupon: Row[Any] | None = None,
        offer: dict[str, Any] | None = None,
    ) -> Outcome:  # fmt: skip
        """Keep a refusal. Where no coupon of this venue was found, nobody's name is kept with it."""
        uses_left = None
        if coupon is not None:
            uses_left, offer = coupon.uses_left, perks.coupon_offer(coupon)
        scan_id = self._keep("refused", refusal, offer_id, coupon, None, uses_left)
        return Outcome(scan_id, "refused", offer, uses_left, refusal=refusal)

    def conflict(self, coupon: Row[Any], refusal: DomainError) -> Outcome:
        """Keep that a device let somebody in offline: what happened, apart from whether it should have."""
        admission_id = new_id()
        row = {
            "resident_id": coupon.resident_id, "id": admission_id, "coupon_id": coupon.id, "use_no": None,
            "standing": "conflict", "conflict_reason": refusal.slug, "offer_id": coupon.offer_id,
            "partner_id": self.door.partner_id, "venue_id": self.door.venue_id, "device_id": self.door.device_id,
            "source": self.source, "settled_points": 0, "settle_transfer_id": None, **settlement(coupon.terms),
            "happened_at": self.at, "recorded_at": clock.now(),
        }  # fmt: skip
        self.batch.add(ADMIT, row)
        self._keep("conflict", refusal, coupon.offer_id, coupon, admission_id, coupon.uses_left)
        told = {
            "resident_id": str(coupon.resident_id), "coupon_id": str(coupon.id), "happened_at": self.at.isoformat()
        }  # fmt: skip
        outbox.tell(self.session, "perks.conflicted", told, shard=coupon.resident_id)
        return Outcome(admission_id, "conflict", perks.coupon_offer(coupon), coupon.uses_left, self.at, refusal)

    def _keep(
        self, verdict: str, refusal: DomainError | None, offer_id: UUID | None, coupon: Row[Any] | None,
        admission_id: UUID | None, uses_left: int | None,
    ) -> UUID:  # fmt: skip
        said: dict[str, Any] = {}
        if refusal is not None:
            said = {"members": refusal.members, "detail_zh": refusal.detail_zh, "detail_en": refusal.detail_en}
        row = {
            "device_id": self.door.device_id, "id": self.scan_id, "venue_id": self.door.venue_id, "verdict": verdict,
            "reason": refusal.slug if refusal else "", "members": said, "offer_id": offer_id,
            "resident_id": None if coupon is None else coupon.resident_id,
            "coupon_id": None if coupon is None else coupon.id, "admission_id": admission_id, "uses_left": uses_left,
            "source": self.source, "happened_at": self.at, "recorded_at": clock.now(),
        }  # fmt: skip
        self.batch.add(_KEEP, row)
        self.batch.run(self.session)
        return self.scan_id
