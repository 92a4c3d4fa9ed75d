"""What a staff member does with her own credentials. Each act asks for password and second factor once more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.kit import trail
from backend.kit.db import Reader
from backend.staff import guard, oidc_links, otp, passwords, recovery
from backend.staff.errors import CredentialsRefused, OtpNotAccepted
from backend.staff.signing_in import CheckedStaff, use_up

SUBJECT = "staff"


def describe(reader: Reader, staff_id: UUID) -> dict[str, Any]:
    """How this account signs in."""
    known = accounts.credentials(reader, staff_id=staff_id)
    return dict(
        username=known.username if known else "",
        password=bool(known and known.password_hash),
        oidc=oidc_links.subject_of(reader, staff_id) is not None,
        recovery_codes_left=recovery.left(reader, staff_id),
    )


def require_acceptable(reader: Reader, staff_id: UUID, password: str) -> None:
    """Raise FieldError unless this may be the account's new password."""
    known = accounts.credentials(reader, staff_id=staff_id)
    if known is not None:
        passwords.require_acceptable(password, known.username, known.display_name, "/new_password")


def change_password(
    session: Session, checked: CheckedStaff, new_hash: str, session_id: UUID, role: str
) -> CredentialsRefused | None:
    """Replace the password and end the other sessions. A refusal is returned: the attempt stays counted."""
    if not use_up(session, checked):
        return CredentialsRefused()
    guard.clear_proof(session, checked.staff_id)
    accounts.set_credentials(session, checked.staff_id, password_hash=new_hash)
    accounts.end_sessions(session, checked.staff_id, "password-changed", but=session_id)
    trail.note(session, checked.staff_id, role, "credentials.password", SUBJECT, checked.staff_id)
    return None


def renew_recovery_codes(
    session: Session, checked: CheckedStaff, prepared: Sequence[recovery.Prepared], role: str
) -> list[str] | CredentialsRefused:
    """Ten new codes; the old ones are void."""
    if not use_up(session, checked):
        return CredentialsRefused()
    guard.clear_proof(session, checked.staff_id)
    trail.note(session, checked.staff_id, role, "credentials.recovery-codes", SUBJECT, checked.staff_id)
    return recovery.replace(session, checked.staff_id, prepared)


def begin_authenticator(session: Session, checked: CheckedStaff) -> otp.ShownSecret | CredentialsRefused:
    """A secret for a new authenticator. The old one works until the new one has proved itself."""
    if not use_up(session, checked):
        return CredentialsRefused()
    guard.clear_proof(session, checked.staff_id)
    return otp.show_new_secret(session, checked.staff_id, checked.username)


def confirm_authenticator(session: Session, staff_id: UUID, code: str, session_id: UUID, role: str) -> None:
    """Let the new authenticator take the old one's place, by its first code. Raises OtpNotAccepted."""
    accounts.lock_active(session, staff_id)
    secret = otp.pending_secret(session, staff_id)
    step = otp.matching_step(secret, code) if secret else None
    if secret is None or step is None:
        raise OtpNotAccepted()
    otp.drop_pending(session, staff_id)
    accounts.set_credentials(session, staff_id, totp_secret=secret, otp_step=step)
    accounts.end_sessions(session, staff_id, "otp-changed", but=session_id)
    trail.note(session, staff_id, role, "credentials.authenticator", SUBJECT, staff_id)
