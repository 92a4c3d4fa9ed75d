"""The administration of staff: accounts, roles, suspension. Each order stands in the trail."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.accounts.errors import AccountRefused
from backend.kit.db import Reader
from backend.kit.errors import FieldError, NotFound
from backend.staff import appointments, links, oidc_links, otp, passwords, rules
from backend.staff.errors import AppointmentOutdated, LastAccountAdmin, RolesNotCompatible, SecondPersonNeeded
from backend.staff.orders import ADMIN, Orderer, RoleHeld


def create_staff(
    session: Session, username: str, password: str, totp_secret: str, display_name: str, roles: Sequence[RoleHeld]
) -> UUID:
    """A staff account with its roles, without an invitation: for commands. Raises AccountRefused saying everything
    that is wrong. ``totp_secret``: base32, 160 bits or more.
    """
    if problems := _problems(session, username, password, totp_secret, display_name, roles):
        raise AccountRefused("；".join(problems), problems=problems)
    return accounts.add_staff(
        session,
        accounts.NewStaff(
            accounts.normal_username(username) or "",
            display_name.strip(),
            roles,
            passwords.hash_secret(rules.normal_password(password)),
            totp_secret,
        ),
    )


def _problems(
    reader: Reader, username: str, password: str, totp_secret: str, display_name: str, roles: Sequence[RoleHeld]
) -> list[str]:
    found = []
    if (normal := accounts.normal_username(username)) is None:
        found.append("username: 3 至 40 个小写字母、数字、点、横线或下划线")
    if told := passwords.problem(password, normal or "", display_name.strip()):
        found.append(f"password: {told}")
    if not 1 <= len(display_name.strip()) <= 60:
        found.append("display_name: 1 至 60 个字符")
    if not otp.is_sound(totp_secret):
        found.append("totp_secret: 应为 base32，至少 160 位（32 个字符）")
    found += [f"roles: {told}" for _, told in role_problems(reader, roles)]
    found += [f"roles: {one} 与 {other} 不能由同一人担任" for one, other in accounts.conflicts([r for r, _ in roles])]
    return found


def role_problems(reader: Reader, roles: Sequence[RoleHeld]) -> list[tuple[str, str]]:
    """What is wrong with roles, each with its JSON pointer below the list."""
    kinds = {one.id: one.kind for one in accounts.organisations(reader, ids=[where for _, where in roles])}
    found = []
    for at, (role, where) in enumerate(roles):
        if role not in accounts.ROLES:
            found.append((f"/{at}/role", f"没有这种角色 {role}"))
        if where not in kinds:
            found.append((f"/{at}/organisation_id", f"没有这个单位 {where}"))
        elif role in accounts.ROLES_OF_THE_OFFICE and kinds[where] != "office":
            found.append((f"/{at}/organisation_id", f"{role} 只能属于信用办公室"))
    return found


def require_roles(reader: Reader, roles: Sequence[RoleHeld], resident_id: UUID | None, but: UUID | None = None) -> None:
    """Raise FieldError for roles that cannot be given, RolesNotCompatible for those one person must not hold together
    (``but``: the account that the roles are for; other accounts of the same person count too)."""
    if wrong := role_problems(reader, roles):
        raise FieldError([{"pointer": f"/roles{at}", "detail": told} for at, told in wrong], wrong[0][1])
    held = [role for role, _ in roles]
    if resident_id is not None:
        held += accounts.other_roles_of_person(reader, resident_id, but)
    if pairs := accounts.conflicts(held):
        raise RolesNotCompatible(pairs=[list(pair) for pair in pairs])


def set_roles(
    session: Session, by: Orderer, staff_id: UUID, roles: Sequence[RoleHeld], reason: str = ""
) -> UUID | None:
    """Let somebody hold exactly these roles from the next request on; or propose it, where it takes a second person.

    Returns the proposal's id then. Raises NotYourself, NotFound, FieldError, RolesNotCompatible and LastAccountAdmin.
    """
    by.require_other(staff_id)
    staff = accounts.staff_member(session, staff_id)
    require_roles(session, roles, accounts.person_of_staff(session, staff_id), staff_id)
    before = held(session, staff_id)
    gained = [role for role, where in roles if (role, where) not in before]
    if appointments.takes_two(by, gained):
        return appointments.propose_roles(session, by, staff, before, roles, reason)
    apply_roles(session, staff_id, roles)
    by.note(session, "staff.roles", staff_id, _told(before, roles))
    return None


def held(reader: Reader, staff_id: UUID) -> list[RoleHeld]:
    """The roles of an account."""
    return [
        (str(one["role"]), UUID(str(one["organisation_id"]))) for one in accounts.staff_memberships(reader, staff_id)
    ]


def apply_roles(session: Session, staff_id: UUID, roles: Sequence[RoleHeld]) -> None:
    """Replace an account's roles. Raises FieldError, RolesNotCompatible and LastAccountAdmin."""
    require_roles(session, roles, accounts.person_of_staff(session, staff_id), staff_id)
    if not any(role == ADMIN for role, _ in roles):
        _require_another_admin(session, staff_id)
        links.revoke_made_by(session, staff_id)
    accounts.replace_memberships(session, staff_id, roles)


def give_roles(session: Session, payload: dict[str, Any], approval_id: UUID, proposer: UUID) -> dict[str, Any]:
    """Give the roles, if the account still holds what was shown and nobody got new keys to it since. Open reset links
    are void: they were made for less.

    Raises AppointmentOutdated, and what giving roles raises.
    """
    appointments.require_admin(session, proposer)
    staff_id = UUID(payload["staff_id"])
    if (
        not accounts.lock_active(session, staff_id)
        or appointments.written(held(session, staff_id)) != payload["before"]
    ):
        raise AppointmentOutdated()
    since = datetime.fromisoformat(payload["proposed_at"])
    if links.used_since(session, staff_id, since) or oidc_links.linked_since(session, staff_id, since):
        raise AppointmentOutdated()
    links.revoke_made_for(session, staff_id)
    before, roles = ([(role, UUID(where)) for role, where in payload[one]] for one in ("before", "roles"))
    apply_roles(session, staff_id, roles)
    told = {**_told(before, roles), "approval_id": str(approval_id)}
    Orderer(proposer, ADMIN).note(session, "staff.roles", staff_id, told)
    return {}


def _told(before: Sequence[RoleHeld], after: Sequence[RoleHeld]) -> dict[str, list[str]]:
    return {
        "before": [f"{role}@{where}" for role, where in before],
        "after": [f"{role}@{where}" for role, where in after],
    }


def _require_another_admin(session: Session, staff_id: UUID) -> None:
    """Raise LastAccountAdmin when this is the only active one. Two who order at once take turns."""
    if accounts.lock_holders(session, ADMIN) == [staff_id]:
        raise LastAccountAdmin()


def suspend(session: Session, by: Orderer, staff_id: UUID) -> None:
    """Out with the next request: sessions end, and so does every link that she made or that was made for her.

    Raises NotYourself, NotFound and LastAccountAdmin.
    """
    by.require_other(staff_id)
    _require_another_admin(session, staff_id)
    accounts.set_staff_status(session, staff_id, "suspended")
    links.revoke_made_by(session, staff_id)
    links.revoke_made_for(session, staff_id)
    otp.drop_pending(session, staff_id)
    by.note(session, "staff.suspend", staff_id)


def lift_suspension(session: Session, by: Orderer, staff_id: UUID) -> None:
    """Let her sign in again, with what she knew. Old sessions stay ended. Raises NotYourself and NotFound."""
    by.require_other(staff_id)
    accounts.set_staff_status(session, staff_id, "active")
    by.note(session, "staff.restore", staff_id)


def end_sessions(session: Session, by: Orderer, staff_id: UUID, session_id: UUID | None = None) -> int:
    """End one session of a staff member, or all. Raises NotYourself and NotFound."""
    by.require_other(staff_id)
    accounts.staff_member(session, staff_id)
    if session_id is None:
        ended = accounts.end_sessions(session, staff_id, "ended-by-admin")
    elif not (ended := int(accounts.end_session(session, staff_id, session_id, "ended-by-admin"))):
        raise NotFound("没有这个会话，或它已经结束。", "There is no such session, or it has ended.")
    by.note(session, "staff.sessions", staff_id, {"ended": ended})
    return ended


def link_identity(session: Session, by: Orderer, staff_id: UUID, issuer: str, subject: str) -> None:
    """Tie an account to an identity at the provider.

    Raises NotYourself, NotFound, OidcSubjectTaken, and SecondPersonNeeded for an account that two look after.
    """
    by.require_other(staff_id)
    accounts.staff_member(session, staff_id)
    if appointments.takes_two(by, [role for role, _ in held(session, staff_id)]):
        raise SecondPersonNeeded()
    links.revoke_made_for(session, staff_id)
    oidc_links.link(session, staff_id, issuer, subject)
    by.note(session, "staff.oidc-link", staff_id)


def unlink_identity(session: Session, by: Orderer, staff_id: UUID) -> None:
    """Untie it. Raises NotYourself and NotFound."""
    by.require_other(staff_id)
    if not oidc_links.unlink(session, staff_id):
        raise NotFound("这个账号没有关联统一身份认证。", "This account is not linked with the provider.")
    by.note(session, "staff.oidc-unlink", staff_id)


def views(reader: Reader, found: Sequence[accounts.StaffMember]) -> list[dict[str, Any]]:
    """Staff accounts with their roles and how they sign in, as lists show them."""
    held = accounts.memberships(reader, [one.id for one in found])
    return [
        {**vars(one), "memberships": held[one.id], "oidc": oidc_links.subject_of(reader, one.id) is not None}
        for one in found
    ]


def view(reader: Reader, staff_id: UUID) -> dict[str, Any]:
    """One staff account. Raises NotFound."""
    return views(reader, [accounts.staff_member(reader, staff_id)])[0]
