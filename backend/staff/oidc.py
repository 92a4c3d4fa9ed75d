"""Signing in through the office's identity provider (OpenID Connect, authorization code with PKCE S256).

A flow is begun by a browser that keeps a random key to itself and shows its SHA-256; who brings the answer must bring
the key. So an answer that somebody else began signs nobody in, in either direction. A flow works once and for ten
minutes: its row is gone, for good, when an answer names it.

Whoever signs in here has no local password and no authenticator: the second factor is the provider's matter, as its
password is, unless ``XINYI_OIDC_ACR`` asks for a context that the ID token must then name.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.kit import clock, seal
from backend.kit.errors import FieldError
from backend.staff import invitations, links, oidc_links, rules
from backend.staff.errors import OidcNotConfigured, OidcRefused, OidcSubjectUnknown
from backend.staff.models import OidcFlowRow
from backend.staff.provider import Provider, ProviderSettings

_provider: Provider | None = None


def bind(settings: ProviderSettings | None) -> None:
    """Which provider this installation trusts; the composition root says. Safe to repeat."""
    global _provider
    if _provider is not None:
        _provider.close()
    _provider = Provider(settings) if settings else None


def provider() -> Provider:
    """The provider. Raises OidcNotConfigured."""
    if _provider is None:
        raise OidcNotConfigured()
    return _provider


def label() -> str | None:
    """What the provider is called on a button; None when there is none."""
    return _provider.settings.label if _provider else None


@dataclass(frozen=True)
class Started:
    """Where the browser goes now, and the state that it will bring back."""

    authorization_url: str = field(repr=False)
    state: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class Flow:
    """What was kept of a flow, taken from the table by the answer that named it."""

    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    invitation_id: UUID | None


@dataclass(frozen=True)
class Secrets:
    """What a flow is begun with."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def fresh(cls) -> Secrets:
        return cls(*(secrets.token_urlsafe(32) for _ in range(3)))


def start(session: Session, drawn: Secrets, browser_key_hash: str, invitation_token: str | None, url: str) -> Started:
    """Keep a flow. ``url``: what the provider was asked for beforehand, outside the transaction.

    ``browser_key_hash``: base64url of the SHA-256 of the browser's key. Raises FieldError and InvitationNotValid.
    """
    invitation_id = links.find(session, invitation_token).id if invitation_token else None
    digest, ends_at = _digest(drawn.state), clock.now() + timedelta(minutes=rules.OIDC_FLOW_MINUTES)
    session.execute(
        insert(OidcFlowRow).values(
            state_digest=digest, issuer=provider().settings.issuer, nonce=drawn.nonce,
            verifier_sealed=seal.seal_system(
                drawn.verifier, table="staff_oidc_flows", column="verifier_sealed", row=flow_row(digest)
            ),
            browser_key_hash=_hash_of_key(browser_key_hash), invitation_id=invitation_id, expires_at=ends_at,
        )
    )  # fmt: skip
    return Started(url, drawn.state, ends_at)


def flow_row(state_digest: bytes) -> UUID:
    """By which UUID a flow's verifier is bound to its row."""
    return UUID(bytes=state_digest[:16])


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _hash_of_key(text: str) -> bytes:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    if len(raw) != 32:
        raise FieldError.at("/browser_key_hash", "应为 SHA-256 的 base64url（43 个字符）。", "base64url of a SHA-256.")
    return raw


def take(session: Session, state: str, browser_key: str) -> Flow | OidcRefused:
    """The flow that an answer names. It is gone afterwards, whatever comes of it; a refusal is therefore returned."""
    gone = delete(OidcFlowRow).where(OidcFlowRow.state_digest == _digest(state)).returning(*OidcFlowRow.__table__.c)
    row = session.execute(gone).first()
    if row is None or row.expires_at <= clock.now() or row.issuer != provider().settings.issuer:
        return OidcRefused()
    if not hmac.compare_digest(row.browser_key_hash, _digest(browser_key)):
        return OidcRefused()
    place = {"table": "staff_oidc_flows", "column": "verifier_sealed"}
    verifier = seal.open_system(row.verifier_sealed, **place, row=flow_row(row.state_digest))
    return Flow(row.nonce, verifier, row.invitation_id)


def sign_in(session: Session, flow: Flow, subject: str, user_agent: str = "") -> accounts.Grant:
    """Open a session for an identity that the provider has just vouched for; by an invitation, link it first.

    Raises OidcSubjectUnknown, and what accepting an invitation raises.
    """
    issuer = provider().settings.issuer
    if flow.invitation_id is not None:
        staff_id: UUID | None = invitations.accept_by_provider(session, flow.invitation_id, issuer, subject)
    else:
        staff_id = oidc_links.staff_of(session, issuer, subject)
    if staff_id is None or not accounts.lock_active(session, staff_id):
        raise OidcSubjectUnknown()
    return accounts.open_session(session, "staff", staff_id, user_agent)
