"""What a device let in offline though it should not have been: the partner claims or waives it, the office decides.

No points move for a conflict, whatever comes of it; an accepted one counts for what the partner is owed in fen. Nobody
is told whose coupon it was.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, Select, and_, func, insert, select, tuple_, update
from sqlalchemy.orm import Session

from backend.accounts import devices as enrolled
from backend.accounts import service as accounts
from backend.admissions.errors import ConflictSettled, OwnConflict
from backend.admissions.models import Admission, ConflictClaim
from backend.kit import clock, db, operations, trail
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.kit.operations import Operation
from backend.offers import service as shelf
from backend.perks import service as perks

STEPS = ("open", "claimed", "waived", "accepted", "rejected")


class Desk(NamedTuple):
    """Who acts: the account, the role for the trail, and the person behind the account where known."""

    account_id: UUID
    role: str
    person_id: UUID | None = None


@dataclass(frozen=True)
class Conflict:
    """One conflict as partner and office see it.

    ``points``: what one use of the coupon is worth; they do not move. ``settlement_fen``: what is at stake.
    """

    id: UUID
    partner: dict[str, Any]
    venue: dict[str, Any]
    device: dict[str, Any]
    offer: dict[str, Any]
    reason: str
    points: int
    settlement_fen: int
    step: str
    claim: str | None
    claimed_at: datetime | None
    decision: str | None
    decided_at: datetime | None
    happened_at: datetime
    recorded_at: datetime
    listed_at: datetime
    """Where it stands in the office\'s list."""


_STEP = func.coalesce(ConflictClaim.step, "open")
CLAIM_OF = and_(ConflictClaim.resident_id == Admission.resident_id, ConflictClaim.admission_id == Admission.id)
"""Which claim belongs to which conflict."""
_COLUMNS = (
    *Admission.__table__.c, _STEP.label("step"), ConflictClaim.claim, ConflictClaim.claimed_by,
    ConflictClaim.claimed_at, ConflictClaim.decision,
)  # fmt: skip


def _conflicts() -> Select[Any]:
    found = select(*_COLUMNS).join(ConflictClaim, CLAIM_OF, isouter=True)
    return found.where(Admission.conflict_reason != "")


def of_partners(
    reader: Reader, partner_ids: Collection[UUID], step: str | None, limit: int,
    before: tuple[datetime, UUID] | None = None,
) -> list[Conflict]:  # fmt: skip
    """Conflicts of these partners, the newest first, up to ``limit`` before a position (recorded_at, id)."""
    query = _conflicts().where(Admission.partner_id.in_(partner_ids))
    if step is not None:
        query = query.where(_STEP.in_([step]))
    if before is not None:
        query = query.where(tuple_(Admission.recorded_at, Admission.id) < tuple_(*before))
    ordered = query.order_by(Admission.recorded_at.desc(), Admission.id.desc()).limit(limit)
    return _shown(reader, reader.execute(ordered).all())


def claimed(
    reader: Reader, step: str, limit: int, after: tuple[datetime, UUID] | None = None
) -> list[Conflict]:  # fmt: skip
    """What partners claim, waived or had decided, the oldest claim first, after a position (claimed_at, id)."""
    query = select(*_COLUMNS).join(ConflictClaim, CLAIM_OF).where(ConflictClaim.step == step)
    if after is not None:
        query = query.where(tuple_(ConflictClaim.claimed_at, ConflictClaim.admission_id) > tuple_(*after))
    ordered = query.order_by(ConflictClaim.claimed_at, ConflictClaim.admission_id).limit(limit)
    return _shown(reader, reader.execute(ordered).all())


def _shown(reader: Reader, rows: Sequence[Row[Any]]) -> list[Conflict]:
    if not rows:
        return []
    words = shelf.words(reader)
    partners = {one.id: one.name for one in accounts.organisations(reader, {row.partner_id for row in rows})}
    labels = enrolled.labels(reader, {row.device_id for row in rows})
    points = perks.points_of_a_use(reader, [(row.resident_id, row.coupon_id) for row in rows])
    return [
        Conflict(
            row.id, {"id": row.partner_id, "name": partners.get(row.partner_id, "")},
            {"id": row.venue_id, "name": words["venue_id"].get(str(row.venue_id), "")},
            {"id": row.device_id, "label": labels.get(row.device_id, "")},
            {"id": row.offer_id, "title": words["offer_id"].get(str(row.offer_id), "")},
            row.conflict_reason, points.get((row.resident_id, row.coupon_id), 0), row.settlement_fen, row.step,
            row.claim or None, row.claimed_at if row.claim else None, row.decision or None,
            row.decided_at, row.happened_at, row.recorded_at, row.claimed_at or row.recorded_at,
        )
        for row in rows
    ]  # fmt: skip


# --- the partner ---------------------------------------------------------------------------------------------------


def claim(
    session: Session, partner_ids: Collection[UUID], admission_id: UUID, text: str, desk: Desk, operation: Operation
) -> Conflict:
    """Say why a conflict should count all the same. Raises NotFound and ConflictSettled."""
    return _say(session, partner_ids, admission_id, "claimed", text, desk, operation)


def waive(
    session: Session, partner_ids: Collection[UUID], admission_id: UUID, desk: Desk, operation: Operation
) -> Conflict:
    """Give a conflict up, claimed or not: it will never count. Raises NotFound and ConflictSettled."""
    return _say(session, partner_ids, admission_id, "waived", "", desk, operation)


def _say(
    session: Session, partner_ids: Collection[UUID], admission_id: UUID, step: str, text: str, desk: Desk,
    operation: Operation,
) -> Conflict:  # fmt: skip
    done = operations.begin(session, operation, kind=f"perks.conflict-{step}", makes=admission_id)
    theirs = (Admission.partner_id.in_(partner_ids), Admission.id == admission_id)
    if done is None:
        found = _hold(session, session.execute(_conflicts().where(*theirs)).first())
        if found.step not in (("open",) if step == "claimed" else ("open", "claimed")):
            raise ConflictSettled(step=found.step)
        _write(session, found, step, text, desk)
    return _shown(session, session.execute(_conflicts().where(*theirs)).all())[0]


def _hold(session: Session, found: Row[Any] | None) -> Row[Any]:
    """The conflict as it is once this transaction alone may change it. Raises NotFound."""
    if found is None:
        raise NotFound()
    key = (Admission.resident_id == found.resident_id, Admission.id == found.id)
    session.execute(db.for_update(select(Admission.id).where(*key))).one()
    return session.execute(_conflicts().where(*key)).one()


def _write(session: Session, found: Row[Any], step: str, text: str, desk: Desk) -> None:
    now = clock.now()
    waived = step == "waived"
    said = {
        "step": step, "claim": text or found.claim or "", "claimed_by": found.claimed_by or desk.account_id,
        "claimed_at": found.claimed_at or now, "decision": "", "decided_by": desk.account_id if waived else None,
        "decided_at": now if waived else None,
    }  # fmt: skip
    key = {"resident_id": found.resident_id, "admission_id": found.id}
    if found.step == "open":
        session.execute(insert(ConflictClaim).values(**key, **said))
    else:
        _rewrite(session, found, said)
    if waived:
        _stand(session, found, "rejected", now)
    detail = {"offer_id": str(found.offer_id), "settlement_fen": found.settlement_fen}
    trail.note(session, desk.account_id, desk.role, f"conflict.{step}", "admission", found.id, detail)


def _rewrite(session: Session, found: Row[Any], said: dict[str, Any]) -> None:
    this = (ConflictClaim.resident_id == found.resident_id, ConflictClaim.admission_id == found.id)
    session.execute(update(ConflictClaim).where(*this).values(**said).execution_options(synchronize_session=False))


def _stand(session: Session, found: Row[Any], standing: str, at: datetime) -> None:
    this = (Admission.resident_id == found.resident_id, Admission.id == found.id)
    changed = update(Admission).where(*this).values(standing=standing, decided_at=at)
    session.execute(changed.execution_options(synchronize_session=False))


# --- the office ----------------------------------------------------------------------------------------------------


def decide(
    session: Session, admission_id: UUID, accepted: bool, reason: str, desk: Desk, operation: Operation
) -> Conflict:
    """Accept or reject what a partner claims; it counts in fen from then on, or never. Points do not move.

    Raises NotFound, ConflictSettled for what is not claimed, and OwnConflict.
    """
    done = operations.begin(session, operation, kind="perks.conflict-decided", makes=admission_id)
    this = select(*_COLUMNS).join(ConflictClaim, CLAIM_OF).where(ConflictClaim.admission_id == admission_id)
    if done is None:
        found = _hold(session, session.execute(this).first())
        if desk.account_id == found.claimed_by or desk.person_id == found.resident_id:
            raise OwnConflict()
        if found.step != "claimed":
            raise ConflictSettled(step=found.step)
        now, standing = clock.now(), "accepted" if accepted else "rejected"
        said = {"step": standing, "decision": reason, "decided_by": desk.account_id, "decided_at": now}
        _rewrite(session, found, said)
        _stand(session, found, standing, now)
        detail = {"accepted": accepted, "partner_id": str(found.partner_id), "settlement_fen": found.settlement_fen}
        trail.note(session, desk.account_id, desk.role, "conflict.decided", "admission", found.id, detail)
    return _shown(session, session.execute(this).all())[0]
