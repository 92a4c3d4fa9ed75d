"""An organisation applies, follows its application by a token, corrects it, and fetches its invitation."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlalchemy.orm import Session

from backend.approvals import service as approvals
from backend.approvals.service import Actor
from backend.kit import city, clock, db, operations, seal, trail
from backend.kit.db import Reader
from backend.kit.errors import FieldError, NotFound
from backend.kit.ids import new_id
from backend.kit.operations import Operation
from backend.partners import cases, inviting, models, publishing, rules
from backend.partners.cases import APPLICATIONS
from backend.partners.errors import AlreadyPartner, ApplicationOpen, CaseDecided, InvitationNotDue
from backend.staff.service import NewLink

APPLICANT = "applicant"
_TABLE = models.applications
_PURPOSE = "partner-application-token"


@dataclass(frozen=True)
class Contact:
    """Who at the applicant's is asked."""

    name: str
    phone: str
    email: str = ""


@dataclass(frozen=True, repr=False)
class NewApplication:
    """``venues``: ``{name, address, lat, lon}`` each. ``scenes``: ids of the city's."""

    unified_social_credit_code: str
    name: str
    contact: Contact
    venues: Sequence[dict[str, Any]]
    scenes: Sequence[str]
    intends: str


@dataclass(frozen=True)
class Applied:
    """A new application and the token by which it is followed, which is nowhere else."""

    id: UUID
    status: str
    applied_at: Any
    follow_token: str = field(repr=False)


# --- applying ------------------------------------------------------------------------------------------------------


def apply(session: Session, operation: Operation, new: NewApplication) -> Applied:
    """Hand in an application, once. A repeat of the same request, by whoever knows its key, is given the same token.

    Raises FieldError, AlreadyPartner and ApplicationOpen.
    """
    identity = new_id()
    if (done := operations.begin(session, operation, "partners.apply", makes=identity)) is not None:
        return _again(cases.row(session, APPLICATIONS, done), operation)
    code = _checked(session, new)
    token = _token(seal.digest(_PURPOSE, _named(identity, operation))[1])
    now = clock.now()
    values = {
        **_said(identity, new), "id": identity, "unified_social_credit_code": code, "open_code": code,
        "contact_until_on": None, "follow_digest": _digest(token), "status": "submitted", "approval_id": None,
        "policy_version": "", "organisation_id": None, "invitation_id": None, "applied_at": now, "changed_at": now,
    }  # fmt: skip
    if not db.insert_if_absent(session, _TABLE, values, ("open_code",)):
        raise ApplicationOpen()
    _note(session, identity, "apply", {"venues": len(new.venues)})
    return Applied(identity, "submitted", now, token)


def _named(identity: UUID, operation: Operation) -> str:
    return f"{identity}/{operation.key}"


def _token(digest: bytes) -> str:
    return "pf1." + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _digest(token: str) -> bytes:
    """A plain digest is enough: the token is 256 bits that nobody can search through."""
    return hashlib.sha256(token.encode()).digest()


def _again(row: Row[Any], operation: Operation) -> Applied:
    """The token is not kept: it is made again from the key of the request, under whichever hash key it was made."""
    made = [_token(digest) for _, digest in seal.digests(_PURPOSE, _named(row.id, operation))]
    token = next((one for one in made if hmac.compare_digest(_digest(one), row.follow_digest)), "")
    return Applied(row.id, "submitted", row.applied_at, token)


def _checked(reader: Reader, new: NewApplication) -> str:
    code = rules.credit_code(new.unified_social_credit_code)
    if code is None:
        said = "不是有效的统一社会信用代码（GB 32100），请核对。"
        raise FieldError.at("/unified_social_credit_code", said, "Not a valid code.")
    content = publishing.latest(reader).content
    known = {scene["id"] for scene in content["scenes"]}
    if wrong := [at for at, scene in enumerate(new.scenes) if scene not in known]:
        raise FieldError.at(f"/scenes/{wrong[0]}", "没有这个场景。", "There is no such scene.")
    if any(partner["unified_social_credit_code"] == code for partner in content["partners"]):
        raise AlreadyPartner()
    return code


def _said(identity: UUID, new: NewApplication) -> dict[str, Any]:
    """What the applicant may say, and say again when it was returned."""
    sealed = seal.seal_system(
        json.dumps(vars(new.contact), ensure_ascii=False), table=_TABLE.name, column="contact_sealed", row=identity
    )
    return {
        "name": new.name, "scenes": list(new.scenes), "venues": [dict(one) for one in new.venues],
        "intends": new.intends, "contact_sealed": sealed,
    }  # fmt: skip


def _note(session: Session, identity: UUID, action: str, detail: dict[str, Any] | None = None) -> None:
    """What an applicant did; she has no account, so her application stands for her."""
    trail.note(session, identity, APPLICANT, f"partners.{action}", APPLICATIONS.name, identity, detail)


# --- following -----------------------------------------------------------------------------------------------------


def follow(reader: Reader, application_id: UUID, token: str) -> dict[str, Any]:
    """One's own application. Raises NotFound, whether the id or the token is wrong."""
    return shown(reader, _own(reader, application_id, token))


def shown(reader: Reader, row: Row[Any]) -> dict[str, Any]:
    """An application as its applicant sees it: the contact masked, and whether an invitation is to be fetched."""
    [told] = cases.told(reader, [row])
    contact = contact_of(row)
    masked = contact and {
        "name": seal.mask_name(contact.name), "phone": seal.mask_phone(contact.phone), "email": bool(contact.email),
    }  # fmt: skip
    return {**told, "contact": masked, "invitation": inviting.state(reader, row.status == "approved", row)}


def contact_of(row: Row[Any]) -> Contact | None:
    """The contact, opened; None once it was deleted. Who calls this for another notes the look."""
    if row.contact_sealed is None:
        return None
    text = seal.open_system(row.contact_sealed, table=_TABLE.name, column="contact_sealed", row=row.id)
    return Contact(**json.loads(text))


def _own(reader: Reader, application_id: UUID, token: str) -> Row[Any]:
    row = cases.row(reader, APPLICATIONS, application_id)
    if not rules.TOKEN.fullmatch(token) or not hmac.compare_digest(_digest(token), row.follow_digest):
        raise NotFound()
    return row


def correct(session: Session, application_id: UUID, token: str, new: NewApplication) -> dict[str, Any]:
    """Hand in a returned application again, whole. Raises NotFound, FieldError and CaseDecided."""
    _own(session, application_id, token)
    row, _ = cases.held(session, APPLICATIONS, application_id)
    if row.status != "returned":
        raise CaseDecided(case_status=row.status, approval_id=None)
    if _checked(session, new) != row.unified_social_credit_code:
        said = "不能改成另一个单位；请撤回，另行申请。"
        raise FieldError.at("/unified_social_credit_code", said, "Another organisation applies anew.")
    cases.change(session, APPLICATIONS, application_id, status="submitted", **_said(application_id, new))
    _note(session, application_id, "correct")
    return follow(session, application_id, token)


def withdraw(session: Session, application_id: UUID, token: str) -> dict[str, Any]:
    """Take an application back; twice changes nothing. Raises NotFound and CaseDecided."""
    _own(session, application_id, token)
    cases.take_back(session, APPLICATIONS, application_id, Actor(application_id, APPLICANT))
    keep_contact_until(session, [application_id])
    return follow(session, application_id, token)


def draw_invitation(session: Session, application_id: UUID, token: str) -> NewLink:
    """A new one-time link for the contact of an approved application; the one drawn before is void.

    Raises NotFound, InvitationNotDue and InvitationUsed.
    """
    _own(session, application_id, token)
    row, _ = cases.held(session, APPLICATIONS, application_id)
    contact = contact_of(row)
    if row.status != "approved" or contact is None or row.organisation_id is None:
        raise InvitationNotDue()
    by = approvals.approval(session, row.approval_id)
    named = inviting.Named(inviting.free_username(session, row.organisation_id), contact.name, row.organisation_id)
    made = inviting.draw(session, _TABLE, row, Actor(by.proposed_by, "office"), named)
    _note(session, application_id, "draw-invitation", {"invitation_id": str(made.id)})
    return made


# --- what is kept, and how long --------------------------------------------------------------------------------------


def keep_contact_until(session: Session, application_ids: Iterable[UUID]) -> None:
    """Begin the period after which the contact of closed applications is deleted."""
    days = rules.periods(city.get(session, "city").content)["contact_kept_days"]
    mine = update(_TABLE).where(_TABLE.c.id.in_(list(application_ids)), _TABLE.c.contact_until_on.is_(None))
    session.execute(mine.values(contact_until_on=clock.today() + timedelta(days=days)))


def forget_contacts(session: Session, day: date, limit: int = 200) -> int:
    """Delete the contacts whose period is over, up to ``limit``; how many."""
    over = (_TABLE.c.contact_until_on < day, _TABLE.c.contact_sealed.is_not(None))
    ids = list(session.execute(select(_TABLE.c.id).where(*over).order_by(_TABLE.c.id).limit(limit)).scalars())
    session.execute(update(_TABLE).where(_TABLE.c.id.in_(ids)).values(contact_sealed=None))
    return len(ids)


def lapse(session: Session, day: date, limit: int = 200) -> int:
    """Close the applications that were returned and not corrected in time, up to ``limit``; how many."""
    days = rules.periods(city.get(session, "city").content)["returned_days"]
    waiting = (_TABLE.c.status == "returned", _TABLE.c.changed_at < clock.start_of_day(day - timedelta(days=days)))
    query = select(_TABLE.c.id).where(*waiting).order_by(_TABLE.c.id).limit(limit)
    ids = list(session.execute(db.for_update(query)).scalars())
    for identity in ids:
        cases.change(session, APPLICATIONS, identity, status="lapsed")
        _note(session, identity, "lapse")
    keep_contact_until(session, ids)
    return len(ids)
