"""The rows of those who work here: accounts, roles, and what they prove themselves with.

What an acceptable password is, who may invite, suspend or give a role, is the room ``staff``'s to say; this file keeps
what it decided, beside the sessions that are asked with every request.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, tuple_, update
from sqlalchemy.orm import Session

from backend.accounts import rules, sessions
from backend.accounts.errors import AccountRefused
from backend.accounts.models import DeviceRow, MembershipRow, OrganisationRow, StaffRow
from backend.kit import clock, seal
from backend.kit.db import Reader, for_update, insert_if_absent
from backend.kit.errors import NotFound
from backend.kit.ids import new_id

RoleHeld = tuple[str, UUID]
"""A role and the organisation in which it is held."""


@dataclass(frozen=True)
class NewStaff:
    """Somebody who begins to work here. Empty ``password_hash`` and ``totp_secret``: signs in elsewhere."""

    username: str
    display_name: str
    roles: Sequence[RoleHeld]
    password_hash: str = field(default="", repr=False)
    totp_secret: str = field(default="", repr=False)
    resident_id: UUID | None = None
    otp_step: int | None = None


@dataclass(frozen=True)
class Credentials:
    """What an account proves itself with. ``totp_secret`` and ``password_hash`` are empty where there is none."""

    staff_id: UUID
    username: str
    display_name: str
    status: str
    password_hash: str = field(repr=False)
    totp_secret: str = field(repr=False)


@dataclass(frozen=True)
class StaffMember:
    """A staff account as those who administer it see it. ``linked``: whether the person behind it is known."""

    id: UUID
    username: str
    display_name: str
    status: str
    linked: bool
    created_at: datetime


def add_staff(session: Session, new: NewStaff) -> UUID:
    """Insert a staff account with its roles. Raises AccountRefused when the username is taken."""
    staff_id = new_id()
    values = dict(
        id=staff_id, username=new.username, display_name=new.display_name, status="active",
        password_hash=new.password_hash, otp_secret_sealed=_sealed(staff_id, new.totp_secret),
        otp_last_step=new.otp_step, resident_id=new.resident_id, created_at=clock.now(),
    )  # fmt: skip
    if not insert_if_absent(session, StaffRow, values, ("username",)):
        raise AccountRefused("这个用户名已有人使用。", problems=["username: 已有人使用"])
    for role, organisation_id in new.roles:
        add_membership(session, staff_id, organisation_id, role)
    return staff_id


def _sealed(staff_id: UUID, totp_secret: str) -> str:
    if not totp_secret:
        return ""
    return seal.seal_system(totp_secret, table="staff", column="otp_secret_sealed", row=staff_id)


def credentials(reader: Reader, *, username: str = "", staff_id: UUID | None = None) -> Credentials | None:
    """What the account of a normal username, or of an id, proves itself with; None when there is none."""
    this = StaffRow.id == staff_id if staff_id else StaffRow.username == username
    columns = (StaffRow.id, StaffRow.username, StaffRow.display_name, StaffRow.status, StaffRow.password_hash)
    row = reader.execute(select(*columns, StaffRow.otp_secret_sealed).where(this)).first()
    if row is None:
        return None
    sealed = row.otp_secret_sealed
    secret = seal.open_system(sealed, table="staff", column="otp_secret_sealed", row=row.id) if sealed else ""
    return Credentials(*row[:5], secret)


def set_credentials(session: Session, staff_id: UUID, **changed: Any) -> None:
    """Replace ``password_hash``, or ``totp_secret`` together with the ``otp_step`` that proved it."""
    values: dict[str, Any] = {}
    if "password_hash" in changed:
        values["password_hash"] = changed["password_hash"]
    if "totp_secret" in changed:
        secret, step = changed["totp_secret"], changed.get("otp_step")
        values.update(otp_secret_sealed=_sealed(staff_id, secret), otp_last_step=step)
    session.execute(update(StaffRow).where(StaffRow.id == staff_id).values(**values))


def use_otp_step(session: Session, staff_id: UUID, step: int) -> bool:
    """Use up a one-time code of an active account; False when it, or a later one, was used before."""
    used = (
        update(StaffRow)
        .where(
            StaffRow.id == staff_id,
            StaffRow.status == "active",
            StaffRow.otp_last_step.is_(None) | (StaffRow.otp_last_step < step),
        )
        .values(otp_last_step=step)
        .returning(StaffRow.id)
    )
    return session.execute(used).first() is not None


def lock_active(session: Session, staff_id: UUID) -> bool:
    """Hold an account's row until the transaction ends; False unless it is active."""
    statement = select(StaffRow.id).where(StaffRow.id == staff_id, StaffRow.status == "active")
    return session.execute(for_update(statement)).first() is not None


def add_membership(session: Session, staff_id: UUID, organisation_id: UUID, role: str) -> None:
    """Give a staff member a role in an organisation; giving it twice changes nothing. Raises AccountRefused."""
    if role not in rules.ROLES:
        raise AccountRefused(f"没有这种角色：{role}", problems=[f"role: {role}"])
    values = dict(staff_id=staff_id, organisation_id=organisation_id, role=role)
    insert_if_absent(session, MembershipRow, values, ("staff_id", "organisation_id", "role"))


def remove_membership(session: Session, staff_id: UUID, organisation_id: UUID, role: str) -> None:
    """Take a role away; it is gone with the next request."""
    session.execute(
        delete(MembershipRow).where(
            MembershipRow.staff_id == staff_id,
            MembershipRow.organisation_id == organisation_id,
            MembershipRow.role == role,
        )
    )


def replace_memberships(session: Session, staff_id: UUID, roles: Sequence[RoleHeld]) -> None:
    """Let a staff member hold exactly these roles from the next request on."""
    session.execute(delete(MembershipRow).where(MembershipRow.staff_id == staff_id))
    if roles:
        rows = [dict(staff_id=staff_id, organisation_id=where, role=role) for role, where in sorted(set(roles))]
        session.execute(insert(MembershipRow), rows)


def lock_holders(session: Session, role: str) -> list[UUID]:
    """The active accounts that hold a role, anywhere; their rows are held, by key, until the transaction ends."""
    holders = select(MembershipRow.staff_id).where(MembershipRow.role == role)
    active = select(StaffRow.id).where(StaffRow.id.in_(holders), StaffRow.status == "active").order_by(StaffRow.id)
    session.execute(for_update(active)).all()
    return list(session.execute(active).scalars())  # whoever was suspended while this waited is no holder any more


def other_roles_of_person(reader: Reader, resident_id: UUID, but: UUID | None = None) -> list[str]:
    """The roles that one person holds in accounts other than ``but``."""
    theirs = select(MembershipRow.role).join(StaffRow, StaffRow.id == MembershipRow.staff_id)
    theirs = theirs.where(StaffRow.resident_id == resident_id)
    return list(reader.execute(theirs.where(StaffRow.id != but) if but else theirs).scalars())


def person_of_staff(reader: Reader, staff_id: UUID) -> UUID | None:
    """The person behind a staff account, where known."""
    found: UUID | None = reader.execute(select(StaffRow.resident_id).where(StaffRow.id == staff_id)).scalar()
    return found


def set_staff_status(session: Session, staff_id: UUID, status: str) -> None:
    """``suspended`` ends every session of the account at once; ``active`` lets it sign in again. Raises NotFound."""
    changed = update(StaffRow).where(StaffRow.id == staff_id).values(status=status).returning(StaffRow.id)
    if session.execute(changed).first() is None:
        raise NotFound()
    if status == "suspended":
        sessions.end_sessions(session, staff_id, "suspended")


_MEMBER = (StaffRow.id, StaffRow.username, StaffRow.display_name, StaffRow.status,
           StaffRow.resident_id.is_not(None).label("linked"), StaffRow.created_at)  # fmt: skip


def staff_by_username(reader: Reader, username: str) -> UUID:
    """The id behind a username. Raises NotFound."""
    normal = rules.normal_username(username) or ""
    staff_id: UUID | None = reader.execute(select(StaffRow.id).where(StaffRow.username == normal)).scalar()
    if staff_id is None:
        raise NotFound()
    return staff_id


def staff_member(reader: Reader, staff_id: UUID) -> StaffMember:
    """One staff account. Raises NotFound."""
    row = reader.execute(select(*_MEMBER).where(StaffRow.id == staff_id)).first()
    if row is None:
        raise NotFound()
    return StaffMember(*row)


def staff_members(
    reader: Reader,
    limit: int,
    after: tuple[str, UUID] | None = None,
    *,
    organisation_id: UUID | None = None,
    role: str | None = None,
    status: str | None = None,
) -> list[StaffMember]:
    """Staff by username, at most ``limit``, of those who hold ``role`` or belong to the organisation if told."""
    statement = select(*_MEMBER).order_by(StaffRow.username, StaffRow.id).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(StaffRow.username, StaffRow.id) > after)
    if status is not None:
        statement = statement.where(StaffRow.status == status)
    if organisation_id is not None or role is not None:
        held = select(MembershipRow.staff_id)
        held = held.where(MembershipRow.organisation_id == organisation_id) if organisation_id else held
        statement = statement.where(StaffRow.id.in_(held.where(MembershipRow.role == role) if role else held))
    return [StaffMember(*row) for row in reader.execute(statement)]


def display_names(reader: Reader, account_ids: Collection[UUID]) -> dict[UUID, str]:
    """What staff and devices are called; other ids are left out."""
    found: dict[UUID, str] = {}
    for column, key in ((StaffRow.display_name, StaffRow.id), (DeviceRow.label, DeviceRow.id)):
        found.update({row[0]: row[1] for row in reader.execute(select(key, column).where(key.in_(account_ids)))})
    return found


def memberships(reader: Reader, staff_ids: Collection[UUID]) -> dict[UUID, list[dict[str, object]]]:
    """The roles of staff members with their organisations: ``{role, organisation_id, organisation_name}``."""
    found: dict[UUID, list[dict[str, object]]] = {staff_id: [] for staff_id in staff_ids}
    rows = reader.execute(
        select(MembershipRow.staff_id, MembershipRow.role, MembershipRow.organisation_id, OrganisationRow.name)
        .join(OrganisationRow, OrganisationRow.id == MembershipRow.organisation_id)
        .where(MembershipRow.staff_id.in_(staff_ids))
        .order_by(MembershipRow.role, OrganisationRow.name)
    )
    for staff_id, role, organisation_id, name in rows:
        found[staff_id].append(dict(role=role, organisation_id=organisation_id, organisation_name=name))
    return found


def staff_memberships(reader: Reader, staff_id: UUID) -> list[dict[str, object]]:
    """The roles of one staff member with their organisations."""
    return memberships(reader, [staff_id])[staff_id]
