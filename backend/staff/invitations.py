"""Coming in by a link, and coming back in by one.

An account begins to exist when its invitation is accepted, in that one transaction: until then there is an invitation
and nothing else. The password is sent with both steps and kept by the second alone; the authenticator's secret is
drawn anew each time the link is opened, so that a link opened by somebody else first gives them nothing that would
work later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.accounts.errors import AccountRefused
from backend.kit import trail
from backend.kit.db import Reader
from backend.kit.errors import FieldError
from backend.staff import appointments, guard, links, members, oidc_links, otp, passwords, recovery, rules
from backend.staff.errors import InvitationNotValid, NoLocalPassword, NotYourself, OtpNotAccepted, UsernameTaken
from backend.staff.links import Invitation, NewLink
from backend.staff.orders import Orderer


@dataclass(frozen=True, repr=False)
class Invited:
    """Whom an administrator of accounts invites. ``identity``: (name, id number) of the employee, where known."""

    username: str
    display_name: str
    roles: Sequence[tuple[str, UUID]]
    identity: tuple[str, str] | None = None
    reason: str = ""


@dataclass(frozen=True)
class Accepted:
    """Who came in, and the recovery codes that are shown this once (none when they stay as they were)."""

    grant: accounts.Grant
    recovery_codes: list[str] = field(repr=False)


@dataclass(frozen=True)
class Proved:
    """What an acceptance brings, all of it slow and done outside the transaction."""

    invitation: Invitation
    password_hash: str = field(repr=False)
    totp_secret: str = field(repr=False)
    otp_step: int
    codes: Sequence[recovery.Prepared] = field(repr=False)


# --- making links ------------------------------------------------------------------------------------------------


def invite(session: Session, by: Orderer, invited: Invited) -> NewLink:
    """A link by which somebody becomes staff; where the roles take a second person, it waits for one.

    Raises FieldError, UsernameTaken, RolesNotCompatible, NotYourself.
    """
    username = accounts.normal_username(invited.username)
    if username is None:
        raise FieldError.at("/username", "3 至 40 个小写字母、数字、点、横线或下划线。", "Not a username.")
    resident_id = _person(session, invited.identity)
    if resident_id is not None and resident_id == by.person_id:
        raise NotYourself()
    members.require_roles(session, invited.roles, resident_id)
    if accounts.credentials(session, username=username) or links.username_is_invited(session, username):
        raise UsernameTaken()
    made = links.make(
        session, "join", by.account_id, username, invited.display_name, roles=invited.roles, resident_id=resident_id
    )
    told = {"roles": [f"{role}@{where}" for role, where in invited.roles], "linked": resident_id is not None}
    trail.note(session, by.account_id, by.role, "staff.invite", "invitation", made.id, told)
    if appointments.takes_two(by, [role for role, _ in invited.roles]):
        member = (username, invited.display_name)
        return appointments.hold_link(session, by, made, member, invited.roles, invited.reason)
    return made


def _person(session: Session, identity: tuple[str, str] | None) -> UUID | None:
    if identity is None:
        return None
    try:
        return accounts.ensure_person(session, *identity)
    except FieldError as error:
        errors = [{**one, "pointer": f"/identity{one['pointer']}"} for one in error.members["errors"]]
        raise FieldError(errors, error.detail_zh, error.detail_en) from None


def make_reset_link(
    session: Session, by: Orderer, staff_id: UUID, *, authenticator_lost: bool, reason: str = ""
) -> NewLink:
    """A link by which a staff member takes a new password; with ``authenticator_lost`` a new authenticator too.

    Whoever renews everything needs nothing that only the holder has: for roles that take a second person, it waits.

    The link made before is void. Raises NotYourself, NotFound and NoLocalPassword.
    """
    by.require_other(staff_id)
    member = accounts.staff_member(session, staff_id)
    if oidc_links.subject_of(session, staff_id) is not None:
        raise NoLocalPassword()
    appointments.drop_links_for(session, by, staff_id)
    known = accounts.credentials(session, staff_id=staff_id)
    kind = "password" if known and known.totp_secret and not authenticator_lost else "everything"
    made = links.make(session, kind, by.account_id, member.username, member.display_name, staff_id=staff_id)
    by.note(session, "staff.reset", staff_id, {"kind": kind})
    roles = members.held(session, staff_id)
    if kind == "everything" and appointments.takes_two(by, [role for role, _ in roles]):
        told = (member.username, member.display_name)
        return appointments.hold_link(session, by, made, told, roles, reason, staff_id)
    return made


# --- opening and accepting ---------------------------------------------------------------------------------------


def begin(session: Session, token: str, password: str | None) -> dict[str, Any]:
    """Open a link: whom it is for, and with an acceptable password the secret of a new authenticator.

    Raises InvitationNotValid, and FieldError for a password that is not acceptable.
    """
    invitation = links.find(session, token, lock=True)
    view: dict[str, Any] = dict(
        kind=invitation.kind, username=invitation.username, display_name=invitation.display_name,
        expires_at=invitation.expires_at, authenticator=None,
    )  # fmt: skip
    if password is None:
        return view
    passwords.require_acceptable(password, invitation.username, invitation.display_name)
    if invitation.renews_authenticator:
        view["authenticator"] = vars(otp.show_new_secret(session, invitation.id, invitation.username))
    return view


def count_acceptance(session: Session, token: str) -> None:
    """Count an acceptance before its code is judged. Raises InvitationNotValid and TooManyAttempts."""
    guard.count_proof(session, links.find(session, token).subject)


def check_acceptance(reader: Reader, token: str, password: str, code: str) -> Proved:
    """All the slow work of an acceptance. Raises InvitationNotValid, FieldError and OtpNotAccepted."""
    invitation = links.find(reader, token)
    passwords.require_acceptable(password, invitation.username, invitation.display_name)
    secret = _secret(reader, invitation)
    step = otp.matching_step(secret, code) if secret else None
    if step is None:
        raise OtpNotAccepted()
    codes = recovery.prepare() if invitation.renews_authenticator else ()
    return Proved(invitation, passwords.hash_secret(rules.normal_password(password)), secret, step, codes)


def _secret(reader: Reader, invitation: Invitation) -> str:
    if invitation.renews_authenticator:
        return otp.pending_secret(reader, invitation.id) or ""
    known = accounts.credentials(reader, staff_id=invitation.staff_id)
    return known.totp_secret if known else ""


def accept(session: Session, proved: Proved, user_agent: str = "") -> Accepted:
    """Everything at once or nothing: the account or its new credentials, the codes, the end of the link, a session.

    Raises InvitationNotValid, OtpNotAccepted, UsernameTaken and RolesNotCompatible.
    """
    invitation = links.find_by_id(session, proved.invitation.id)
    if _secret(session, invitation) != proved.totp_secret:
        raise OtpNotAccepted()  # the link was opened again meanwhile, which drew another secret
    links.use(session, invitation)
    if invitation.staff_id is None:
        staff_id = _join(session, invitation, proved.password_hash, proved.totp_secret, proved.otp_step)
    else:
        staff_id = _return(session, invitation.staff_id, proved)
    otp.drop_pending(session, invitation.id)
    guard.clear_proof(session, invitation.subject)
    codes = recovery.replace(session, staff_id, proved.codes) if invitation.renews_authenticator else []
    return Accepted(accounts.open_session(session, "staff", staff_id, user_agent), codes)


def _join(session: Session, invitation: Invitation, password_hash: str, secret: str, step: int | None) -> UUID:
    members.require_roles(session, invitation.roles, invitation.resident_id)
    new = accounts.NewStaff(
        invitation.username, invitation.display_name, invitation.roles, password_hash, secret,
        invitation.resident_id, step,
    )  # fmt: skip
    try:
        staff_id = accounts.add_staff(session, new)
    except AccountRefused:
        raise UsernameTaken() from None
    told = {"invitation_id": str(invitation.id)}
    trail.note(session, staff_id, "staff", "staff.join", "staff", staff_id, told)
    return staff_id


def _return(session: Session, staff_id: UUID, proved: Proved) -> UUID:
    """New credentials for an account that stands; whoever was signed in with the old ones is out."""
    if not accounts.lock_active(session, staff_id):
        raise InvitationNotValid()
    if proved.invitation.renews_authenticator:
        accounts.set_credentials(
            session, staff_id, password_hash=proved.password_hash, totp_secret=proved.totp_secret,
            otp_step=proved.otp_step,
        )  # fmt: skip
    elif accounts.use_otp_step(session, staff_id, proved.otp_step):
        accounts.set_credentials(session, staff_id, password_hash=proved.password_hash)
    else:
        raise OtpNotAccepted()
    accounts.end_sessions(session, staff_id, "credentials-reset")
    trail.note(session, staff_id, "staff", "staff.return", "staff", staff_id, {"kind": proved.invitation.kind})
    return staff_id


def accept_by_provider(session: Session, invitation_id: UUID, issuer: str, subject: str) -> UUID:
    """Accept a link in the name of an identity that the provider has just vouched for.

    Raises InvitationNotValid, OidcSubjectTaken, UsernameTaken, RolesNotCompatible.
    """
    invitation = links.find_by_id(session, invitation_id)
    if not invitation.renews_authenticator:
        raise InvitationNotValid()  # it asks for the authenticator that the holder has
    links.use(session, invitation)
    staff_id = invitation.staff_id or _join(session, invitation, "", "", None)
    if not accounts.lock_active(session, staff_id):
        raise InvitationNotValid()
    oidc_links.link(session, staff_id, issuer, subject)
    otp.drop_pending(session, invitation.id)
    trail.note(session, staff_id, "staff", "staff.oidc-link", "staff", staff_id)
    return staff_id
