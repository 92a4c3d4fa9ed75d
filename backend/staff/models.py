"""Tables of what makes a staff account: invitations, recovery codes, identities elsewhere."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, local, reference


class InvitationRow(Base):
    """A one-time link. ``kind``: ``join`` makes an account; ``password`` replaces a password; ``everything`` also the
    authenticator and the recovery codes. The link itself is nowhere, only its digest. It does not work while
    ``awaits_approval_id`` names the proposal that a second person has still to approve.
    """

    __tablename__ = "staff_invitations"
    __table_args__ = (
        CheckConstraint("kind IN ('join', 'password', 'everything')", name="kind_known"),
        CheckConstraint("(kind = 'join') = (staff_id IS NULL)", name="join_has_no_account"),
        UniqueConstraint("token_digest"),
        local(),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    token_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    kind: Mapped[str] = mapped_column(String(10))
    staff_id: Mapped[UUID | None]
    username: Mapped[str] = mapped_column(String(40), index=True)
    display_name: Mapped[str] = mapped_column(String(60))
    roles: Mapped[list[Any]]
    resident_id: Mapped[UUID | None]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    awaits_approval_id: Mapped[UUID | None]


class PendingSecretRow(Base):
    """A TOTP secret that was shown and not yet proved, of an invitation or of an account that takes a new
    authenticator. Showing another replaces it."""

    __tablename__ = "staff_pending_secrets"
    __table_args__ = (local(),)

    owner_id: Mapped[UUID] = mapped_column(primary_key=True)
    secret_sealed: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class RecoveryCodeRow(Base):
    """One of ten codes. ``selector`` finds it, ``code_hash`` (Argon2id) proves it; each works once."""

    __tablename__ = "staff_recovery_codes"
    __table_args__ = (local(),)

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    selector: Mapped[str] = mapped_column(String(4), primary_key=True)
    code_hash: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class OidcIdentityRow(Base):
    """Who a staff member is at the identity provider."""

    __tablename__ = "staff_oidc_identities"
    __table_args__ = (UniqueConstraint("staff_id"), reference())

    issuer: Mapped[str] = mapped_column(String(250), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    linked_at: Mapped[datetime]


class OidcFlowRow(Base):
    """A sign-in that was begun at the provider. The row goes when the answer comes, whatever it is worth."""

    __tablename__ = "staff_oidc_flows"
    __table_args__ = (local(),)

    state_digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    issuer: Mapped[str] = mapped_column(String(250))
    nonce: Mapped[str] = mapped_column(String(50))
    verifier_sealed: Mapped[str] = mapped_column(Text)
    browser_key_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    invitation_id: Mapped[UUID | None]
    expires_at: Mapped[datetime] = mapped_column(index=True)
