"""Builders of people, organisations and those who sign in. Everything is synthetic.

Id numbers carry the division code 329999, which is nobody's.
"""

from __future__ import annotations

import base64
import itertools
import secrets
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pyotp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.accounts.models import PersonRow, WechatAccountRow
from backend.accounts.rules import check_character
from backend.kit import clock
from backend.staff import service as employed
from backend.wechat.service import WechatUser
from tests.support import net

PASSWORD = "correct horse battery staple"
ADULT_BORN_ON = date(1990, 1, 2)
_order = itertools.count(secrets.randbelow(10**6))
_of_day: defaultdict[date, Iterator[int]] = defaultdict(lambda: itertools.count(secrets.randbelow(1000)))


def id_number(born_on: date | None = None) -> str:
    """A valid id number that no other call of this process gave: an adult's, born from 1990 on, unless told.

    Of a day that is told there are only 1,000, given in turn.
    """
    number = next(_order if born_on is None else _of_day[born_on])
    day = born_on or date.fromordinal(ADULT_BORN_ON.toordinal() + number // 1000 % 5_000)
    seventeen = f"329999{day:%Y%m%d}{number % 1000:03d}"
    return net.made("id number", seventeen + check_character(seventeen))


def name() -> str:
    """A name that is plainly none: 测试 and two characters."""
    return net.made("name", "测试" + "".join(chr(0x4E00 + secrets.randbelow(2000)) for _ in range(2)))


def phone() -> str:
    return net.made("phone", f"1990000{secrets.randbelow(10_000):04d}")


def openid() -> str:
    return net.made("openid", f"o-{secrets.token_hex(12)}")


@dataclass(frozen=True)
class Resident:
    """A person, bound to a WeChat account unless ``account_id`` is None."""

    resident_id: UUID
    name: str
    id_number: str
    account_id: UUID | None = None
    openid: str = ""


def resident(session: Session, born_on: date | None = None, *, bound: bool = True) -> Resident:
    """An adult who is bound, unless told otherwise."""
    made = Resident(UUID(int=0), name(), id_number(born_on))
    resident_id = accounts.ensure_person(session, made.name, made.id_number)
    if not bound:
        return Resident(resident_id, made.name, made.id_number)
    user = WechatUser(openid(), None)
    account_id = accounts.sign_in_wechat(session, user).who.account_id
    mine = update(PersonRow).where(PersonRow.resident_id == resident_id)
    session.execute(mine.values(wechat_account_id=account_id, bound_at=clock.now()))
    this = update(WechatAccountRow).where(WechatAccountRow.id == account_id)
    session.execute(this.values(resident_id=resident_id))
    return Resident(resident_id, made.name, made.id_number, account_id, user.openid)


def paused_resident(session: Session) -> Resident:
    """A resident whose account was recovered a moment ago."""
    who = resident(session)
    paused = update(PersonRow).where(PersonRow.resident_id == who.resident_id)
    session.execute(paused.values(spending_paused_until=clock.now() + timedelta(hours=72)))
    return who


def resident_token(session: Session, who: Resident) -> str:
    """An access token of a bound resident."""
    return _told(accounts.sign_in_wechat(session, WechatUser(who.openid, None)))


def unbound_token(session: Session) -> str:
    """An access token of a WeChat account that is nobody's yet."""
    return _told(accounts.sign_in_wechat(session, WechatUser(openid(), None)))


def _told(grant: accounts.Grant) -> str:
    """The access token of a grant, of which the net has been told."""
    net.made("token", grant.refresh_token)
    return net.made("token", grant.access_token)


def organisation(session: Session, kind: str = "office", label: str = "测试单位") -> UUID:
    return accounts.ensure_organisation(session, f"test-{secrets.token_hex(6)}", kind, label)


@dataclass(frozen=True)
class Staff:
    staff_id: UUID
    username: str
    organisation_id: UUID
    totp_secret: str = field(repr=False)

    def otp(self) -> str:
        return str(pyotp.TOTP(self.totp_secret).at(clock.now()))


def staff(session: Session, role: str = "office", organisation_id: UUID | None = None, kind: str = "office") -> Staff:
    """A staff member with one role, in an organisation of their own unless told."""
    where = organisation_id or organisation(session, kind)
    username, secret = f"t{secrets.token_hex(6)}", net.made("one-time secret", employed.new_totp_secret())
    net.made("password", PASSWORD)
    staff_id = employed.create_staff(session, username, PASSWORD, secret, "测试工作人员", [(role, where)])
    return Staff(staff_id, username, where, secret)


def staff_token(session: Session, who: Staff) -> str:
    """An access token of a staff member, without the steps of a sign-in."""
    return _told(accounts.open_session(session, "staff", who.staff_id))


@dataclass(frozen=True)
class Device:
    device_id: UUID
    organisation_id: UUID
    private_key: Ed25519PrivateKey = field(repr=False)

    def sign(self, base_url: str, nonce: str) -> str:
        signature = self.private_key.sign(accounts.signed_text(base_url, self.device_id, nonce))
        return base64.urlsafe_b64encode(signature).decode().rstrip("=")


def public_jwk(key: Ed25519PrivateKey) -> dict[str, Any]:
    x = base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).decode().rstrip("=")
    return {"kty": "OKP", "crv": "Ed25519", "x": x}


def device(session: Session, organisation_id: UUID | None = None, venue_id: UUID | None = None) -> Device:
    """A device of a partner's."""
    where = organisation_id or organisation(session, "partner", "测试场馆")
    key = Ed25519PrivateKey.generate()
    return Device(accounts.create_device(session, where, venue_id, "测试设备", public_jwk(key)), where, key)


def enrolment(base_url: str, code: str, key: Ed25519PrivateKey | None = None) -> dict[str, Any]:
    """The request by which a device enrols a key of its own, signed as it should be."""
    key = key or Ed25519PrivateKey.generate()
    jwk = public_jwk(key)
    text = f"xinyi-device-enrolment-v1|{base_url}|{code.replace('-', '')}|{jwk['x']}"
    signature = base64.urlsafe_b64encode(key.sign(text.encode())).decode().rstrip("=")
    return {"code": code, "public_key_jwk": jwk, "signature": signature}


def device_token(session: Session, who: Device) -> str:
    """An access token of a device, without the steps of a sign-in."""
    return _told(accounts.open_session(session, "device", who.device_id))
