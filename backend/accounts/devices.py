"""Venue devices: an Ed25519 key that never leaves the device, and a nonce that works once."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from backend.accounts import sessions, tokens
from backend.accounts.errors import AccountRefused, SignInRefused
from backend.accounts.models import DeviceNonceRow, DeviceRow, OrganisationRow
from backend.kit import clock
from backend.kit.db import insert_if_absent
from backend.kit.errors import NotFound
from backend.kit.ids import new_id

CONTEXT = "xinyi-device-v1"


def create_device(
    session: Session, organisation_id: UUID, venue_id: UUID | None, label: str, public_key_jwk: Mapping[str, Any]
) -> UUID:
    """Enrol a device of a partner. ``public_key_jwk``: OKP/Ed25519 (RFC 8037), without its private part.

    Raises AccountRefused when the key, the label or the organisation is not acceptable.
    """
    problems = []
    try:
        public_key = _public_key(public_key_jwk)
    except ValueError as error:
        problems.append(f"public_key: {error}")
    if not 1 <= len(label.strip()) <= 80:
        problems.append("label: 1 至 80 个字符")
    if session.execute(select(OrganisationRow.id).where(OrganisationRow.id == organisation_id)).first() is None:
        problems.append(f"organisation_id: 没有这个单位 {organisation_id}")
    if problems:
        raise AccountRefused("；".join(problems), problems=problems)
    device_id = new_id()
    session.execute(
        insert(DeviceRow).values(
            id=device_id, organisation_id=organisation_id, venue_id=venue_id, label=label.strip(),
            public_key=public_key, status="active", created_at=clock.now(),
        )
    )  # fmt: skip
    return device_id


def _public_key(jwk: Mapping[str, Any]) -> bytes:
    if jwk.get("kty") != "OKP" or jwk.get("crv") != "Ed25519":
        raise ValueError("应为 OKP / Ed25519 公钥（RFC 8037）")
    if "d" in jwk:
        raise ValueError("含有私钥；私钥不应离开设备，请重新生成后只提交公钥")
    raw = _base64url(str(jwk.get("x", "")))
    if raw is None or len(raw) != 32:
        raise ValueError("x 应为 32 字节的 base64url")
    Ed25519PublicKey.from_public_bytes(raw)
    return raw


def _base64url(text: str) -> bytes | None:
    body = text.rstrip("=")
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None


def give_nonce(device_id: UUID) -> tuple[str, datetime]:
    """A nonce and its end. Unknown devices get one as well: the answer says nothing about who is enrolled."""
    return tokens.new_device_nonce(device_id)


def signed_text(base_url: str, device_id: UUID, nonce: str) -> bytes:
    """What a device signs. The base URL binds the signature to one installation."""
    return f"{CONTEXT}|{base_url}|{device_id}|{nonce}".encode("ascii")


def sign_in_device(session: Session, device_id: UUID, nonce: str, signature: str) -> sessions.Grant:
    """Open a session for whoever signed our nonce with the device's key. Raises SignInRefused.

    The nonce is used up by the insertion of its row, which only one of several at once can do.
    """
    ends_at, raw = tokens.read_device_nonce(device_id, nonce), _base64url(signature)
    known = select(DeviceRow.public_key).where(DeviceRow.id == device_id, DeviceRow.status == "active")
    public_key = session.execute(known).scalar()
    if ends_at is None or raw is None or public_key is None:
        raise SignInRefused()
    try:
        text = signed_text(tokens.current().issuer, device_id, nonce)
        Ed25519PublicKey.from_public_bytes(public_key).verify(raw, text)
    except InvalidSignature:
        raise SignInRefused() from None
    used = dict(device_id=device_id, nonce=nonce, expires_at=ends_at)
    if not insert_if_absent(session, DeviceNonceRow, used, ("device_id", "nonce")):
        raise SignInRefused()
    return sessions.open_session(session, "device", device_id)


def set_device_status(session: Session, device_id: UUID, status: str) -> None:
    """``suspended`` ends every session of the device at once; ``active`` lets it sign in again. Raises NotFound."""
    changed = update(DeviceRow).where(DeviceRow.id == device_id).values(status=status).returning(DeviceRow.id)
    if session.execute(changed).first() is None:
        raise NotFound()
    if status == "suspended":
        sessions.end_sessions(session, device_id, "suspended")
