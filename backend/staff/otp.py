"""Authenticators: TOTP secrets (RFC 6238), their pictures, and which code belongs to which step."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import escape
from typing import Any
from uuid import UUID

import pyotp
import zxingcpp
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from backend.kit import clock, db, seal
from backend.kit.db import Reader
from backend.staff import rules
from backend.staff.models import PendingSecretRow

ISSUER = "信易+"
OTP_SECONDS = 30
OTP_STEPS = (-1, 0, 1)
QUIET = 4


@dataclass(frozen=True)
class ShownSecret:
    """A new authenticator's secret, shown this once."""

    totp_secret: str = field(repr=False)
    otpauth_uri: str = field(repr=False)
    qr_svg: str = field(repr=False)
    expires_at: datetime


def new_totp_secret() -> str:
    """A fresh TOTP secret: 160 random bits in base32."""
    return pyotp.random_base32()


def is_sound(secret: str) -> bool:
    """Whether a secret is base32 of 160 bits or more."""
    try:
        return len(pyotp.TOTP(secret).byte_secret()) >= 20
    except ValueError:
        return False


def provisioning_uri(username: str, totp_secret: str, issuer: str = ISSUER) -> str:
    """The ``otpauth://`` address that an authenticator app reads."""
    return pyotp.TOTP(totp_secret).provisioning_uri(name=username, issuer_name=issuer)


def matching_step(secret: str, otp: str) -> int | None:
    """The 30-second step whose code this is, one step before or after now at most (RFC 6238, 5.2). None otherwise."""
    totp, now_step = pyotp.TOTP(secret), int(clock.now().timestamp()) // OTP_SECONDS
    matching = [
        now_step + offset
        for offset in OTP_STEPS
        if hmac.compare_digest(totp.generate_otp(now_step + offset).encode(), otp.encode())
    ]
    return matching[0] if matching else None


def show_new_secret(session: Session, owner_id: UUID, username: str) -> ShownSecret:
    """A fresh secret for an invitation or an account, sealed until its first code comes. It replaces one shown before,
    so that whoever saw that has seen nothing."""
    secret, ends_at = new_totp_secret(), clock.now() + timedelta(minutes=rules.PENDING_SECRET_MINUTES)
    sealed = seal.seal_system(secret, table="staff_pending_secrets", column="secret_sealed", row=owner_id)
    statement = db.insert(session, PendingSecretRow).values(owner_id=owner_id, secret_sealed=sealed, expires_at=ends_at)
    renewed = {name: statement.excluded[name] for name in ("secret_sealed", "expires_at")}
    session.execute(statement.on_conflict_do_update(index_elements=["owner_id"], set_=renewed))
    uri = provisioning_uri(username, secret)
    return ShownSecret(secret, uri, qr_svg(uri, "验证器二维码"), ends_at)


def pending_secret(reader: Reader, owner_id: UUID) -> str | None:
    """The secret that was shown last and still waits for its first code."""
    this = (PendingSecretRow.owner_id == owner_id, PendingSecretRow.expires_at > clock.now())
    sealed = reader.execute(select(PendingSecretRow.secret_sealed).where(*this)).scalar()
    if sealed is None:
        return None
    return seal.open_system(sealed, table="staff_pending_secrets", column="secret_sealed", row=owner_id)


def drop_pending(session: Session, owner_id: UUID) -> None:
    """Forget a secret that was shown."""
    session.execute(delete(PendingSecretRow).where(PendingSecretRow.owner_id == owner_id))


def qr_svg(text: str, title: str) -> str:
    """A QR (level M) as one SVG path, with nothing in it that a strict policy would refuse."""
    symbol = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    pixels: Any = memoryview(symbol.to_image(scale=1, add_quiet_zones=False))  # type: ignore[arg-type]
    rows = pixels.tolist()
    side, name = len(rows) + 2 * QUIET, escape(title)
    path = "".join(
        f"M{x + QUIET} {y + QUIET}h1v1h-1z" for y, row in enumerate(rows) for x, shade in enumerate(row) if shade == 0
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" role="img" aria-label="{name}"'
        f' shape-rendering="crispEdges"><title>{name}</title>'
        f'<rect width="{side}" height="{side}" fill="#fff"/><path fill="#000" d="{path}"/></svg>'
    )
