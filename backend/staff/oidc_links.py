"""Which staff account belongs to whom at the identity provider."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.kit import clock
from backend.kit.db import Reader, insert_if_absent
from backend.staff import otp, recovery
from backend.staff.errors import OidcSubjectTaken
from backend.staff.models import OidcIdentityRow


def staff_of(reader: Reader, issuer: str, subject: str) -> UUID | None:
    """The staff account of an identity."""
    this = (OidcIdentityRow.issuer == issuer, OidcIdentityRow.subject == subject)
    found: UUID | None = reader.execute(select(OidcIdentityRow.staff_id).where(*this)).scalar()
    return found


def subject_of(reader: Reader, staff_id: UUID) -> str | None:
    """The identity of a staff account at the provider; None when it signs in by password."""
    found: str | None = reader.execute(
        select(OidcIdentityRow.subject).where(OidcIdentityRow.staff_id == staff_id)
    ).scalar()
    return found


def linked_since(reader: Reader, staff_id: UUID, since: datetime) -> bool:
    """Whether an account was tied to an identity after an instant."""
    this = (OidcIdentityRow.staff_id == staff_id, OidcIdentityRow.linked_at > since)
    return reader.execute(select(OidcIdentityRow.staff_id).where(*this)).first() is not None


def link(session: Session, staff_id: UUID, issuer: str, subject: str) -> None:
    """Let the provider vouch for this account from now on. Its own password, authenticator and recovery codes go, and
    so do its sessions: there is one way in, and whoever knew the old one is out. Raises OidcSubjectTaken.
    """
    session.execute(delete(OidcIdentityRow).where(OidcIdentityRow.staff_id == staff_id))
    values = dict(issuer=issuer, subject=subject, staff_id=staff_id, linked_at=clock.now())
    if not insert_if_absent(session, OidcIdentityRow, values, ("issuer", "subject")):
        raise OidcSubjectTaken()
    accounts.set_credentials(session, staff_id, password_hash="", totp_secret="")
    otp.drop_pending(session, staff_id)
    recovery.replace(session, staff_id, ())
    accounts.end_sessions(session, staff_id, "sign-in-changed")


def unlink(session: Session, staff_id: UUID) -> bool:
    """Let the provider vouch no longer; sessions end. The account signs in again after a reset link. False if none."""
    gone = delete(OidcIdentityRow).where(OidcIdentityRow.staff_id == staff_id).returning(OidcIdentityRow.staff_id)
    if session.execute(gone).first() is None:
        return False
    accounts.end_sessions(session, staff_id, "sign-in-changed")
    return True
