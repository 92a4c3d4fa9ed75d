"""Give out an enrolment code, enrol by it, and look after the devices of an organisation.

``Scope`` is the organisations whose devices somebody may manage; None means all of them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from backend.accounts import attempts
from backend.accounts import devices as enrolled
from backend.accounts import service as accounts
from backend.accounts.errors import DeviceKeyKnown
from backend.accounts.rules import Limit
from backend.devices import rules
from backend.devices.errors import EnrolmentRefused
from backend.devices.models import EnrolmentCodeRow
from backend.kit import clock, db, seal, trail
from backend.kit.db import Reader
from backend.kit.errors import FieldError, NotFound

Scope = Collection[UUID] | None

BY_CODE, BY_ADDRESS = "device-enrolment", "device-enrolment-address"
GUESSES_PER_CODE = Limit(5, timedelta(minutes=60))
GUESSES_PER_ADDRESS = Limit(30, timedelta(minutes=15))
"""A venue's new devices may all come from behind one address."""

KEPT_DAYS = 30


class Venue(NamedTuple):
    """A venue and whose it is."""

    id: UUID
    organisation_id: UUID
    name: str


class Shown(NamedTuple):
    """A device as its managers see it. ``thumbprint``: of its key (RFC 7638), to compare with what the device shows."""

    id: UUID
    organisation_id: UUID
    organisation_name: str
    venue_id: UUID | None
    venue_name: str | None
    label: str
    status: str
    thumbprint: str
    created_at: datetime


class Code(NamedTuple):
    """A fresh code, said this once, and the address that a camera opens on the device."""

    code: str
    url: str
    expires_at: datetime


Venues = Callable[[Reader, Scope], Sequence[Venue]]
_venues: Venues | None = None
_base_url = ""
_draw: Callable[[str], str] | None = None


def bind(base_url: str, venues: Venues, draw: Callable[[str], str]) -> None:
    """Say under which address this installation is reached, how venues are found, and what draws a QR code."""
    global _base_url, _venues, _draw
    _base_url, _venues, _draw = base_url, venues, draw


def draw(text: str) -> str:
    """The QR code of a text, as SVG."""
    assert _draw is not None, "the composition root binds it"
    return _draw(text)


def venues(reader: Reader, scope: Scope) -> list[Venue]:
    """The venues for which somebody may enrol devices, by name."""
    assert _venues is not None, "the composition root binds it"
    return list(_venues(reader, scope))


# --- enrolling -----------------------------------------------------------------------------------------------------


def create_code(session: Session, scope: Scope, venue_id: UUID, label: str, by: UUID, role: str) -> Code:
    """A code for one device of a venue: 12 characters, 30 minutes, used once. Raises NotFound for others' venues."""
    venue = next((one for one in venues(session, scope) if one.id == venue_id), None)
    if venue is None:
        raise NotFound()
    code = "".join(secrets.choice(rules.ALPHABET) for _ in range(rules.SELECTOR + rules.SECRET))
    now = clock.now()
    session.execute(
        insert(EnrolmentCodeRow).values(
            digest=seal.digest(BY_CODE, code)[1], organisation_id=venue.organisation_id, venue_id=venue_id,
            label=label, created_by=by, created_at=now, expires_at=now + rules.LIFETIME, used_at=None, device_id=None,
        )
    )  # fmt: skip
    trail.note(session, by, role, "device.code", "venue", venue_id)
    shown = rules.readable(code)
    return Code(shown, f"{_base_url}/app/venue#enrol={shown}", now + rules.LIFETIME)


def count_enrolment(session: Session, code: str, address: str) -> None:
    """Count an attempt by the code that is meant and by where it comes from. Raises TooManyAttempts."""
    attempts.count(session, BY_CODE, rules.selector(code), GUESSES_PER_CODE)
    attempts.count(session, BY_ADDRESS, address, GUESSES_PER_ADDRESS)


def enrol(session: Session, code: str, x: str, signature: str, address: str) -> enrolled.Device:
    """Enrol the key that signed, by a code. The same key with the same code again is the same device.

    Raises FieldError for a key that cannot be one, DeviceKeyKnown for one that is a device's already, and
    EnrolmentRefused whatever else is wrong.
    """
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": x}
    public_key, normal = _key(jwk), rules.normal_code(code)
    if normal is None or not enrolled.has_signed(public_key, signature, rules.signed_text(_base_url, normal, x)):
        raise EnrolmentRefused()
    row = _good_code(session, normal)
    known = enrolled.device_with_key(session, public_key)
    if row.device_id is not None:
        if known is None or known.id != row.device_id or known.status != "active":
            raise EnrolmentRefused()
        return known
    if known is not None:
        raise DeviceKeyKnown()
    device_id = accounts.create_device(session, row.organisation_id, row.venue_id, row.label, jwk)
    this = update(EnrolmentCodeRow).where(EnrolmentCodeRow.digest == row.digest)
    session.execute(this.values(used_at=clock.now(), device_id=device_id))
    attempts.clear(session, BY_CODE, rules.selector(code))
    attempts.give_back(session, BY_ADDRESS, address)
    detail = {"venue_id": str(row.venue_id)}
    trail.note(session, row.created_by, "enrolment-code", "device.enrol", "device", device_id, detail)
    return enrolled.device(session, device_id)


def _key(jwk: dict[str, Any]) -> bytes:
    try:
        return enrolled.public_key_of(jwk)
    except ValueError as error:
        raise FieldError.at("/public_key_jwk/x", str(error), "Not an acceptable Ed25519 key.") from None


def _good_code(session: Session, normal: str) -> Any:
    """The row of a code in time, given by somebody who may still give it, for a venue that is still theirs. Locked."""
    digests = [digest for _, digest in seal.digests(BY_CODE, normal)]
    query = select(*EnrolmentCodeRow.__table__.c).where(EnrolmentCodeRow.digest.in_(digests))
    row = session.execute(db.for_update(query)).first()
    if row is None or row.expires_at <= clock.now():
        raise EnrolmentRefused()
    if not enrolled.still_holds(session, row.created_by, "account-admin", "partner-manager", row.organisation_id):
        raise EnrolmentRefused()
    if all(one.id != row.venue_id for one in venues(session, [row.organisation_id])):
        raise EnrolmentRefused()
    return row


def forget_codes(session: Session) -> int:
    """Delete the codes that have been over for 30 days; how many."""
    old = EnrolmentCodeRow.expires_at < clock.now() - timedelta(days=KEPT_DAYS)
    return len(session.execute(delete(EnrolmentCodeRow).where(old).returning(EnrolmentCodeRow.digest)).all())


# --- looking after them --------------------------------------------------------------------------------------------


def devices(reader: Reader, scope: Scope, limit: int, before: tuple[datetime, UUID] | None = None) -> list[Shown]:
    """Up to ``limit`` devices, retired ones included, the newest first."""
    return _shown(reader, enrolled.devices(reader, scope, limit, before))


def _shown(reader: Reader, found: Sequence[enrolled.Device]) -> list[Shown]:
    offices = {one.id: one.name for one in accounts.organisations(reader, {one.organisation_id for one in found})}
    places = {one.id: one.name for one in venues(reader, list(offices))}
    return [
        Shown(
            one.id, one.organisation_id, offices.get(one.organisation_id, ""), one.venue_id,
            places.get(one.venue_id) if one.venue_id else None, one.label, one.status, _thumbprint(one.public_key),
            one.created_at,
        )
        for one in found
    ]  # fmt: skip


def _thumbprint(public_key: bytes) -> str:
    x = base64.urlsafe_b64encode(public_key).decode().rstrip("=")
    told = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": x}, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(told.encode()).digest()).decode().rstrip("=")


def _own(reader: Reader, scope: Scope, device_id: UUID) -> enrolled.Device:
    """Raises NotFound for others' devices as for none."""
    found = enrolled.device(reader, device_id)
    if scope is not None and found.organisation_id not in scope:
        raise NotFound()
    return found


def change_status(session: Session, scope: Scope, device_id: UUID, status: str, by: UUID, role: str) -> Shown:
    """``suspended``: every session ends at once; ``active``: it may sign in again; ``retired``: never again.

    Repeating it changes nothing. Raises NotFound, DeviceRetired.
    """
    if _own(session, scope, device_id).status != status:
        accounts.set_device_status(session, device_id, status)
        act = {"suspended": "suspend", "active": "restore", "retired": "retire"}[status]
        trail.note(session, by, role, f"device.{act}", "device", device_id)
    return _shown(session, [enrolled.device(session, device_id)])[0]


def rename(session: Session, scope: Scope, device_id: UUID, label: str, by: UUID, role: str) -> Shown:
    """Give a device another label. Raises NotFound."""
    if _own(session, scope, device_id).label != label:
        enrolled.rename_device(session, device_id, label)
        trail.note(session, by, role, "device.rename", "device", device_id)
    return _shown(session, [enrolled.device(session, device_id)])[0]
