"""What an administrator of accounts does not do alone.

Whoever hands out accounts reads no personal data, decides nothing and audits nothing (``accounts.SEPARATED``). An
account with such a role that she could make, change or take over by herself would be hers all the same: it takes a
member of the office to let it through. GB/T 22239-2019 asks for this separation of system, security and audit
administration from its third level on. Commands on the server are not bound by it: they are how an installation
begins, and they stand in the trail.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.approvals import service as approvals
from backend.kit import clock
from backend.kit.db import Reader
from backend.kit.ids import NIL
from backend.staff import links
from backend.staff.errors import AppointmentOutdated
from backend.staff.links import NewLink
from backend.staff.orders import ADMIN, Orderer, RoleHeld

JOIN, RESET, ROLES = "staff.join", "staff.reset", "staff.roles"
TITLES = {JOIN: "工作人员上岗", RESET: "重置工作人员的登录方式", ROLES: "工作人员的角色"}
_TOLD = {
    JOIN: "{name}（{username}）凭邀请链接上岗，角色：{roles}",
    RESET: "{name}（{username}）凭重置链接换新密码、验证器和恢复码，角色不变：{roles}",
    ROLES: "{name}（{username}）的角色改为：{roles}",
}
_CHECK = "请先向本人核实：确有其人、确需这个角色、链接或账号确实在本人手里。"


def takes_two(by: Orderer, roles: Collection[str]) -> bool:
    """Whether an order by which somebody comes to act in these roles needs a second person."""
    return by.account_id != NIL and not accounts.ROLES_BY_TWO.isdisjoint(roles)


def hold_link(
    session: Session, by: Orderer, made: NewLink, member: tuple[str, str], roles: Sequence[RoleHeld], reason: str,
    staff_id: UUID | None = None,
) -> NewLink:  # fmt: skip
    """Let a link wait for a second person. ``member``: username and name; ``staff_id``: whose account it resets."""
    kind = RESET if staff_id else JOIN
    payload = {**_payload(member, roles), "invitation_id": str(made.id), "staff_id": staff_id and str(staff_id)}
    approval_id = approvals.freeze(session, kind, _actor(by), reason, payload, ("invitation", str(made.id)))
    return links.hold(session, made, approval_id, clock.now() + approvals.LIFETIME)


def propose_roles(
    session: Session, by: Orderer, staff: accounts.StaffMember, before: Sequence[RoleHeld], roles: Sequence[RoleHeld],
    reason: str,
) -> UUID:  # fmt: skip
    """Propose that somebody holds exactly these roles. Returns the proposal's id."""
    payload = {**_payload((staff.username, staff.display_name), roles), "staff_id": str(staff.id),
               "before": written(before), "proposed_at": clock.now().isoformat()}  # fmt: skip
    return approvals.freeze(session, ROLES, _actor(by), reason, payload, ("staff", str(staff.id)))


def _payload(member: tuple[str, str], roles: Sequence[RoleHeld]) -> dict[str, Any]:
    return {"username": member[0], "display_name": member[1], "roles": written(roles)}


def written(roles: Sequence[RoleHeld]) -> list[list[str]]:
    return [[role, str(where)] for role, where in sorted(roles)]


def _actor(by: Orderer) -> approvals.Actor:
    return approvals.Actor(by.account_id, by.role, by.person_id)


def drop_link(session: Session, by: Orderer, invitation_id: UUID) -> bool:
    """Void an open link, and what was proposed of it; False when there is none."""
    if (approval_id := links.held_by(session, invitation_id)) is not None:
        approvals.void(session, approval_id, _actor(by))
    return links.revoke(session, invitation_id)


def drop_links_for(session: Session, by: Orderer, staff_id: UUID) -> None:
    """Void the reset links of an account, and what was proposed of them."""
    for approval_id in links.held_for(session, staff_id):
        approvals.void(session, approval_id, _actor(by))
    links.revoke_made_for(session, staff_id)


# --- what is shown and done ----------------------------------------------------------------------------------------


def prepare(kind: str) -> Any:
    """How a proposal of this kind is described."""

    def described(session: Session, payload: dict[str, Any], _approval_id: UUID) -> Any:
        after = _in_words(session, payload["roles"])
        name, username = payload["display_name"], payload["username"]
        summary = [_TOLD[kind].format(name=name, username=username, roles=after), _CHECK]
        changes = []
        if kind == ROLES:
            changes = [{"path": "角色", "before": _in_words(session, payload["before"]), "after": after}]
        return payload, summary, changes

    return described


def _in_words(reader: Reader, roles: Sequence[Sequence[str]]) -> str:
    names = {str(one.id): one.name for one in accounts.organisations(reader, ids=[UUID(where) for _, where in roles])}
    return "、".join(f"{accounts.ROLES[role]}（{names[where]}）" for role, where in roles) or "没有角色"


def release_link(session: Session, payload: dict[str, Any], approval_id: UUID, proposer: UUID) -> dict[str, Any]:
    """Let the link work. Raises AppointmentOutdated and InvitationNotValid."""
    require_admin(session, proposer)
    ends_at = links.release(session, UUID(payload["invitation_id"]), approval_id)
    return {"link_until": ends_at.isoformat()}


def require_admin(session: Session, proposer: UUID) -> None:
    """The word of somebody who may no longer give it is worth nothing. Raises AppointmentOutdated."""
    if proposer not in accounts.lock_holders(session, ADMIN):
        raise AppointmentOutdated()


def concerns(reader: Reader, payload: dict[str, Any], actor: approvals.Actor) -> bool:
    """Whether it is about the account, or the person behind it, of whoever wants to decide."""
    if payload["staff_id"]:
        staff_id = UUID(payload["staff_id"])
        person_id = accounts.person_of_staff(reader, staff_id)
        return staff_id == actor.account_id or (person_id is not None and person_id == actor.person_id)
    person_id = links.person_of(reader, UUID(payload["invitation_id"]))
    return person_id is not None and person_id == actor.person_id
