"""Venue devices: an Ed25519 key that never leaves the device, and a nonce that works once."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import and_, literal, or_, select, update
from sqlalchemy.orm import Session

from backend.accounts import sessions, tokens
from backend.accounts.errors import AccountRefused, DeviceKeyKnown, DeviceRetired, SignInRefused
from backend.accounts.models import DeviceNonceRow, DeviceRow, MembershipRow, OrganisationRow, StaffRow
from backend.kit import clock
from backend.kit.db import Reader, insert_if_absent
from backend.kit.errors import NotFound
from backend.kit.ids import new_id

CONTEXT = "xinyi-device-v1"
_FIELD = 2**255 - 19
_EIGHTH = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER = frozenset({0, 1, _FIELD - 1, _EIGHTH, _FIELD - _EIGHTH})
"""The second coordinates of the points of small order: a signature under such a key proves nothing (RFC 8032, 5.1)."""


def create_device(
    session: Session, organisation_id: UUID, venue_id: UUID | None, label: str, public_key_jwk: Mapping[str, Any]
) -> UUID:
    """Enrol a device of a partner. ``public_key_jwk``: OKP/Ed25519 (RFC 8037), without its private part.

    Raises AccountRefused when the key, the label or the organisation is not acceptable, DeviceKeyKnown when the key
    is a device's already.
    """
    problems = []
    try:
        public_key = public_key_of(public_key_jwk)
    except ValueError as error:
        problems.append(f"public_key: {error}")
    if not 1 <= len(label.strip()) <= 80:
        problems.append("label: 1 至 80 个字符")
    if session.execute(select(OrganisationRow.id).where(OrganisationRow.id == organisation_id)).first() is None:
        problems.append(f"organisation_id: 没有这个单位 {organisation_id}")
    if problems:
        raise AccountRefused("；".join(problems), problems=problems)
    device_id = new_id()
    values = dict(
        id=device_id, organisation_id=organisation_id, venue_id=venue_id, label=label.strip(),
        public_key=public_key, status="active", created_at=clock.now(),
    )  # fmt: skip
    if not insert_if_absent(session, DeviceRow, values, ("public_key",)):
        raise DeviceKeyKnown("这把公钥已经登记过。", problems=["public_key: 已经登记过"])
    return device_id


def public_key_of(jwk: Mapping[str, Any]) -> bytes:
    """The 32 bytes of an Ed25519 public key. Raises ValueError, in Chinese, for anything else, and for a weak one."""
    if jwk.get("kty") != "OKP" or jwk.get("crv") != "Ed25519":
        raise ValueError("应为 OKP / Ed25519 公钥（RFC 8037）")
    if "d" in jwk:
        raise ValueError("含有私钥；私钥不应离开设备，请重新生成后只提交公钥")
    raw = _base64url(str(jwk.get("x", "")))
    if raw is None or len(raw) != 32:
        raise ValueError("x 应为 32 字节的 base64url")
    if (int.from_bytes(raw, "little") & (2**255 - 1)) % _FIELD in _SMALL_ORDER:
        raise ValueError("是弱公钥，任何人都能替它签名")
    Ed25519PublicKey.from_public_bytes(raw)
    return raw


def has_signed(public_key: bytes, signature: str, text: bytes) -> bool:
    """Whether ``signature`` (base64url) is this key's over ``text``."""
    raw = _base64url(signature)
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(raw or b"", text)
    except InvalidSignature:
        return False
    return True


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
    ends_at = tokens.read_device_nonce(device_id, nonce)
    known = select(DeviceRow.public_key).where(DeviceRow.id == device_id, DeviceRow.status == "active")
    public_key = session.execute(known).scalar()
    if ends_at is None or public_key is None:
        raise SignInRefused()
    if not has_signed(public_key, signature, signed_text(tokens.current().issuer, device_id, nonce)):
        raise SignInRefused()
    used = dict(device_id=device_id, nonce=nonce, expires_at=ends_at)
    if not insert_if_absent(session, DeviceNonceRow, used, ("device_id", "nonce")):
        raise SignInRefused()
    return sessions.open_session(session, "device", device_id)


def set_device_status(session: Session, device_id: UUID, status: str) -> None:
    """``suspended`` and ``retired`` end every session of the device at once; ``active`` lets it sign in again.

    Raises NotFound; DeviceRetired for a device that is retired, which nothing brings back.
    """
    this = (DeviceRow.id == device_id, (DeviceRow.status != "retired") | (literal(status) == "retired"))
    if session.execute(update(DeviceRow).where(*this).values(status=status).returning(DeviceRow.id)).first() is None:
        device(session, device_id)
        raise DeviceRetired()
    if status != "active":
        sessions.end_sessions(session, device_id, status)


# --- what those who administer devices see -------------------------------------------------------------------------


class Device(NamedTuple):
    """An enrolled device."""

    id: UUID
    organisation_id: UUID
    venue_id: UUID | None
    label: str
    public_key: bytes
    status: str
    created_at: datetime


_COLUMNS = tuple(DeviceRow.__table__.c[name] for name in Device._fields)


def device(reader: Reader, device_id: UUID) -> Device:
    """One device. Raises NotFound."""
    row = reader.execute(select(*_COLUMNS).where(DeviceRow.id == device_id)).first()
    if row is None:
        raise NotFound()
    return Device(*row)


def device_with_key(reader: Reader, public_key: bytes) -> Device | None:
    """The device that this key was enrolled for."""
    row = reader.execute(select(*_COLUMNS).where(DeviceRow.public_key == public_key)).first()
    return Device(*row) if row else None


def devices(
    reader: Reader, organisation_ids: Collection[UUID] | None, limit: int, before: tuple[datetime, UUID] | None = None
) -> list[Device]:
    """Up to ``limit`` devices of these organisations (None: of all), the newest first, those before a position."""
    query = select(*_COLUMNS)
    if organisation_ids is not None:
        query = query.where(DeviceRow.organisation_id.in_(organisation_ids))
    if before is not None:
        at, last = before
        same = and_(DeviceRow.created_at == at, DeviceRow.id < last)
        query = query.where(or_(DeviceRow.created_at < at, same))
    ordered = query.order_by(DeviceRow.created_at.desc(), DeviceRow.id.desc()).limit(limit)
    return [Device(*row) for row in reader.execute(ordered)]


def labels(reader: Reader, device_ids: Collection[UUID]) -> dict[UUID, str]:
    """What devices are called, by id."""
    rows = reader.execute(select(DeviceRow.id, DeviceRow.label).where(DeviceRow.id.in_(device_ids)))
    return {row.id: row.label for row in rows}


def rename_device(session: Session, device_id: UUID, label: str) -> None:
    """Give a device another label."""
    session.execute(update(DeviceRow).where(DeviceRow.id == device_id).values(label=label))


def still_holds(reader: Reader, staff_id: UUID, everywhere: str, there: str, organisation_id: UUID) -> bool:
    """Whether a staff account is active and holds the role ``everywhere``, or ``there`` in the organisation.

    What it gave out counts only so long.
    """
    held = select(StaffRow.id).join(MembershipRow, MembershipRow.staff_id == StaffRow.id)
    at_home = (MembershipRow.role == there) & (MembershipRow.organisation_id == organisation_id)
    standing = (StaffRow.id == staff_id, StaffRow.status == "active", (MembershipRow.role == everywhere) | at_home)
    return reader.execute(held.where(*standing)).first() is not None
