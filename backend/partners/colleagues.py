"""A partner's manager asks for a colleague's account. The office approves, and the manager fetches the link.

``staff.KINDS`` is not used for it: what stands there counts only as the word of an administrator of accounts
(``appointments.require_admin``), and lets a link work that is already out. Here the word is a partner's own manager's,
for her own organisation and her own role alone, and the link is made when it is fetched.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, insert, select, tuple_
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.approvals import service as approvals
from backend.approvals.errors import ApprovalClosed
from backend.approvals.service import Actor
from backend.kit import clock, db, operations, trail
from backend.kit.db import Reader
from backend.kit.errors import FieldError, NotFound
from backend.kit.ids import new_id
from backend.kit.operations import Operation
from backend.partners import inviting, models
from backend.partners.errors import InvitationNotDue, TooManyProposals
from backend.partners.proposals import MOST_OPEN, Own
from backend.staff.errors import AppointmentOutdated, UsernameTaken
from backend.staff.service import NewLink

KIND, TITLE, SUBJECT = "partners.staff", "合作机构的管理员账号", "partner-staff-request"
_TABLE = models.staff_requests


class Colleague(NamedTuple):
    """Whom a manager asks for."""

    username: str
    display_name: str
    reason: str


def request(session: Session, operation: Operation, own: Own, wanted: Colleague) -> UUID:
    """Propose to the office that a colleague becomes a manager too, once. Raises FieldError, UsernameTaken."""
    identity = new_id()
    if (done := operations.begin(session, operation, "partners.staff-request", makes=identity)) is not None:
        return done
    username = accounts.normal_username(wanted.username)
    if username is None:
        raise FieldError.at("/username", "3 至 40 个小写字母、数字、点、横线或下划线。", "Not a username.")
    _refuse_flood(session, own.organisation_id)
    payload = {
        "request_id": str(identity), "organisation_id": str(own.organisation_id), "username": username,
        "display_name": wanted.display_name, "requested_by": str(own.by.account_id),
    }  # fmt: skip
    subject = (SUBJECT, str(identity))
    approval_id = approvals.freeze(session, KIND, own.by, wanted.reason, payload, subject)
    session.execute(
        insert(_TABLE).values(
            id=identity, organisation_id=own.organisation_id, username=username, display_name=wanted.display_name,
            approval_id=approval_id, invitation_id=None, requested_by=own.by.account_id, requested_at=clock.now(),
        )
    )  # fmt: skip
    return identity


def _refuse_flood(reader: Reader, organisation_id: UUID) -> None:
    mine = select(_TABLE.c.approval_id).where(_TABLE.c.organisation_id == organisation_id)
    latest = reader.execute(mine.order_by(_TABLE.c.requested_at.desc()).limit(10 * MOST_OPEN)).scalars().all()
    if sum(state == "proposed" for state in approvals.states(reader, latest).values()) >= MOST_OPEN:
        raise TooManyProposals(most=MOST_OPEN)


def requests(
    reader: Reader, organisation_id: UUID, limit: int, before: tuple[datetime, UUID] | None = None
) -> list[dict[str, Any]]:
    """Up to ``limit`` requests of a partner's, the newest first."""
    query = select(_TABLE).where(_TABLE.c.organisation_id == organisation_id)
    if before is not None:
        query = query.where(tuple_(_TABLE.c.requested_at, _TABLE.c.id) < before)
    ordered = query.order_by(_TABLE.c.requested_at.desc(), _TABLE.c.id.desc())
    return _shown(reader, list(reader.execute(ordered.limit(limit))))


def shown(reader: Reader, organisation_id: UUID, request_id: UUID) -> dict[str, Any]:
    """One request. Raises NotFound."""
    return _shown(reader, [_of(reader, organisation_id, request_id)])[0]


def _shown(reader: Reader, rows: list[Row[Any]]) -> list[dict[str, Any]]:
    states = approvals.states(reader, {row.approval_id for row in rows})
    return [
        {
            **row._mapping, "status": states[row.approval_id],
            "invitation": inviting.state(reader, states[row.approval_id] == "approved", row),
        }
        for row in rows
    ]  # fmt: skip


def is_of(reader: Reader, organisation_id: UUID, request_id: UUID) -> bool:
    """Whether a request is an organisation's."""
    mine = (_TABLE.c.id == request_id, _TABLE.c.organisation_id == organisation_id)
    return reader.execute(select(_TABLE.c.id).where(*mine)).first() is not None


def _of(reader: Reader, organisation_id: UUID, request_id: UUID, *, lock: bool = False) -> Row[Any]:
    query = select(_TABLE).where(_TABLE.c.id == request_id, _TABLE.c.organisation_id == organisation_id)
    row = reader.execute(db.for_update(query) if lock else query).first()
    if row is None:
        raise NotFound()
    return row


def withdraw(session: Session, own: Own, request_id: UUID) -> None:
    """Take a request back before it is decided; twice changes nothing. Raises NotFound, ApprovalClosed."""
    row = _of(session, own.organisation_id, request_id)
    state = approvals.hold(session, row.approval_id)
    if state not in ("proposed", "withdrawn"):
        raise ApprovalClosed(state=state)
    approvals.void(session, row.approval_id, own.by)


def draw_invitation(session: Session, own: Own, request_id: UUID) -> NewLink:
    """A new one-time link for the colleague; the one before is void. Raises NotFound, InvitationNotDue,
    InvitationUsed and UsernameTaken."""
    row = _of(session, own.organisation_id, request_id, lock=True)
    if approvals.states(session, [row.approval_id])[row.approval_id] != "approved":
        raise InvitationNotDue()
    named = inviting.Named(row.username, row.display_name, row.organisation_id)
    made = inviting.draw(session, _TABLE, row, own.by, named)
    told = {"invitation_id": str(made.id)}
    trail.note(session, own.by.account_id, own.by.role, "partners.draw-invitation", SUBJECT, request_id, told)
    return made


# --- what a second person approves -----------------------------------------------------------------------------------


def prepare(session: Session, payload: dict[str, Any], _approval_id: UUID) -> Any:
    """How a request is described. Raises UsernameTaken."""
    if accounts.credentials(session, username=payload["username"]) is not None:
        raise UsernameTaken()
    where = accounts.organisation(session, UUID(payload["organisation_id"]))
    name, username = payload["display_name"], payload["username"]
    summary = [
        f"{name}（{username}）凭邀请链接上岗，角色：{accounts.ROLES[inviting.ROLE]}（{where.name}）",
        "由该单位的合作方管理员提出；批准后由其领取一次性邀请链接，转交本人",
    ]
    return payload, summary, []


def execute(session: Session, payload: dict[str, Any], _approval_id: UUID, proposer: UUID) -> dict[str, Any]:
    """Let the link be fetched, if whoever asked is still the partner's manager. Raises AppointmentOutdated."""
    where = UUID(payload["organisation_id"])
    held = accounts.staff_memberships(session, proposer) if accounts.lock_active(session, proposer) else []
    if not any(one["role"] == inviting.ROLE and one["organisation_id"] == where for one in held):
        raise AppointmentOutdated()
    return {}


def concerns(reader: Reader, payload: dict[str, Any], actor: Actor) -> bool:
    """Whether whoever wants to decide is the partner's manager too."""
    held = accounts.staff_memberships(reader, actor.account_id)
    where = UUID(payload["organisation_id"])
    return any(one["role"] == inviting.ROLE and one["organisation_id"] == where for one in held)
