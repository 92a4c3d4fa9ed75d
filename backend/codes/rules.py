"""What a code may say, how it is spelt, how long it lasts. Pure: no database, no clock, no cryptography.

Sources: CWT claims RFC 8392; COSE_Sign1 framing RFC 9052; base45 RFC 9285; status bits and their compression IETF
OAuth "Token Status List" (JWT form, one bit a code).
"""

from __future__ import annotations

import base64
import re
import secrets
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, Protocol
from uuid import UUID


class Malformed(ValueError):
    """The text cannot be a code of ours, whoever signed it."""


# purposes and lifetimes


class Purpose(StrEnum):
    """What a key signs. Each purpose has keys of its own, and a key id begins with its purpose's letter."""

    COUPON = "coupon"
    PRESENTATION = "presentation"
    CHECK_IN = "check-in"
    STATUS = "status"
    SEAL = "seal"


LETTERS = {Purpose.COUPON: "c", Purpose.PRESENTATION: "p", Purpose.CHECK_IN: "k", Purpose.STATUS: "s",
           Purpose.SEAL: "t"}  # fmt: skip

LONGEST = {
    Purpose.COUPON: timedelta(days=31),
    Purpose.PRESENTATION: timedelta(minutes=10),
    Purpose.CHECK_IN: timedelta(hours=24),
    Purpose.STATUS: timedelta(hours=24),
    Purpose.SEAL: timedelta(days=366 * 30),
}
"""The longest life of a code per purpose: so long a retired key stays published. A seal is held against its key for
as long as what it seals is kept, and by whoever kept a published one."""

ISSUED_AHEAD = timedelta(seconds=60)
"""How far the clock that issued a code may run before ours. An expiry is given no grace."""

KID_SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def new_kid(purpose: Purpose) -> str:
    """A key id of three characters: the purpose's letter and two at random. Short, because every code carries it."""
    return LETTERS[purpose] + secrets.choice(KID_SIGNS) + secrets.choice(KID_SIGNS)


class Scheduled(Protocol):
    """The times of a key; see ``models.CodeKey``."""

    @property
    def kid(self) -> str: ...
    @property
    def active_from(self) -> datetime: ...
    @property
    def retires_at(self) -> datetime | None: ...
    @property
    def verifies_until(self) -> datetime | None: ...
    @property
    def withdrawn_at(self) -> datetime | None: ...


def signs(key: Scheduled, at: datetime) -> bool:
    """Whether a key may sign at an instant."""
    return key.withdrawn_at is None and key.active_from <= at and (key.retires_at is None or at < key.retires_at)


def verifies(key: Scheduled, at: datetime) -> bool:
    """Whether a code that was used at an instant may rest on this key."""
    return key.withdrawn_at is None and (key.verifies_until is None or at < key.verifies_until)


def seniority(key: Scheduled) -> tuple[datetime, str]:
    """Of several keys that may sign, the greatest is used: the newest, in every process the same."""
    return key.active_from, key.kid


# what a code says


class StatusRef(NamedTuple):
    """A place in the revocation lists: which list, which bit of it."""

    list_id: int
    bit: int

    @property
    def number(self) -> int:
        """Both in one integer below 2³², as a code carries it."""
        return self.list_id << STATUS_BITS | self.bit

    @classmethod
    def of(cls, number: int) -> StatusRef:
        return cls(number >> STATUS_BITS, number & (STATUS_LIST_BITS - 1))


STATUS_BITS = 20
STATUS_LIST_BITS = 1 << STATUS_BITS
MOST_LISTS = 1 << (32 - STATUS_BITS)

USE = re.compile(r"[a-z][a-z0-9-]{0,15}")


@dataclass(frozen=True)
class Claims:
    """What the caller wants a code to say.

    coupon: ``subject_id`` is the coupon, ``resident_id`` its holder, ``offer_id`` the offer, ``status`` its place in
    the revocation lists (or None where it is only ever verified online).
    presentation: ``resident_id``, and ``use`` says in one word for what; ``subject_id`` is made at random.
    check-in: ``subject_id`` is the activity; nobody's ``resident_id``.
    """

    subject_id: UUID | None = None
    resident_id: UUID | None = None
    offer_id: UUID | None = None
    status: StatusRef | None = None
    use: str = ""


@dataclass(frozen=True)
class VerifiedClaims:
    """What a verified code says. ``resident_id`` comes out of the pointer that only we can read."""

    purpose: Purpose
    subject_id: UUID
    resident_id: UUID | None
    offer_id: UUID | None
    status: StatusRef | None
    use: str
    issuer: str
    kid: str
    issued_at: datetime
    expires_at: datetime


def check(purpose: Purpose, claims: Claims) -> None:
    """Raise ValueError where a caller asks for a code that its purpose does not allow."""
    allowed = {
        Purpose.COUPON: claims.subject_id and claims.resident_id and claims.offer_id and not claims.use,
        Purpose.PRESENTATION: claims.resident_id
        and not (claims.subject_id or claims.offer_id or claims.status)
        and USE.fullmatch(claims.use),
        Purpose.CHECK_IN: claims.subject_id
        and not (claims.resident_id or claims.offer_id or claims.status or claims.use),
        Purpose.STATUS: False,
    }
    if not allowed[purpose]:
        raise ValueError(f"a {purpose} code cannot carry these claims")
    if claims.status and not (0 <= claims.status.bit < STATUS_LIST_BITS and 0 <= claims.status.list_id < MOST_LISTS):
        raise ValueError("no such status")


# claim numbers: RFC 8392, `scope` from RFC 9200, and one private number (below -65536)
ISS, EXP, IAT, CTI, SCOPE, OURS = 1, 4, 6, 7, 9, -65537


class Body(NamedTuple):
    """A code's claims between dataclass and CBOR: ``pointer`` still closed, times as seconds since 1970."""

    issuer: str
    subject_id: UUID
    issued: int
    expires: int
    scope: bytes | str | None
    pointer: bytes | None
    status_number: int | None

    def bound(self) -> bytes:
        """What the pointer is bound to: without it, and everything else fixed."""
        scope = self.scope.encode() if isinstance(self.scope, str) else self.scope or b""
        times = self.issued.to_bytes(8, "big") + self.expires.to_bytes(8, "big")
        return self.issuer.encode() + b"|" + self.subject_id.bytes + times + scope

    def to_map(self) -> dict[int, Any]:
        claims: dict[int, Any] = {ISS: self.issuer, EXP: self.expires, IAT: self.issued, CTI: self.subject_id.bytes}
        if self.scope is not None:
            claims[SCOPE] = self.scope
        if self.pointer is not None:
            claims[OURS] = [self.pointer] if self.status_number is None else [self.pointer, self.status_number]
        return claims

    @classmethod
    def of_map(cls, claims: Any) -> Body:
        """Read what we signed. Raises Malformed for anything we would not have written."""
        if not isinstance(claims, dict) or not {ISS, EXP, IAT, CTI} <= claims.keys() <= ALL_CLAIMS:
            raise Malformed("claims")
        scope, ours = claims.get(SCOPE), claims.get(OURS, [None])
        if not (isinstance(ours, list) and 1 <= len(ours) <= 2):
            raise Malformed("pointer")
        body = cls(claims[ISS], _uuid(claims[CTI]), claims[IAT], claims[EXP], scope, ours[0], (*ours, None)[1])
        return body._checked()

    def _checked(self) -> Body:
        numbers = (self.issued, self.expires, self.status_number or 0)
        if any(type(number) is not int or not 0 <= number < 1 << 32 for number in numbers):
            raise Malformed("numbers")
        if not isinstance(self.issuer, str) or not isinstance(self.scope, bytes | str | None):
            raise Malformed("texts")
        if not isinstance(self.pointer, bytes | None):
            raise Malformed("pointer")
        return self


ALL_CLAIMS = {ISS, EXP, IAT, CTI, SCOPE, OURS}


def _uuid(raw: Any) -> UUID:
    if not isinstance(raw, bytes) or len(raw) != 16:
        raise Malformed("id")
    return UUID(bytes=raw)


def body_of(issuer: str, claims: Claims, subject_id: UUID, issued: int, expires: int) -> Body:
    """A caller's claims on their way into a code; the pointer is put in later."""
    scope: bytes | str | None = claims.offer_id.bytes if claims.offer_id else claims.use or None
    return Body(issuer, subject_id, issued, expires, scope, None, claims.status.number if claims.status else None)


def claims_of(body: Body, purpose: Purpose, kid: str, resident_id: UUID | None) -> VerifiedClaims:
    """A code's claims on their way out, once signature and pointer are known to be good."""
    return VerifiedClaims(
        purpose=purpose,
        subject_id=body.subject_id,
        resident_id=resident_id,
        offer_id=_uuid(body.scope) if isinstance(body.scope, bytes) else None,
        status=None if body.status_number is None else StatusRef.of(body.status_number),
        use=body.scope if isinstance(body.scope, str) else "",
        issuer=body.issuer,
        kid=kid,
        issued_at=datetime.fromtimestamp(body.issued, UTC),
        expires_at=datetime.fromtimestamp(body.expires, UTC),
    )


# how it is spelt

PREFIX = "XY1:"
LONGEST_TEXT = 262  # what a QR of version 9 holds at level M in its alphanumeric mode
PROTECTED = b"\xa2\x01\x27\x04\x43"  # {1: -8 (EdDSA), 4: h'…3 bytes…'}
FRAME = re.compile(
    rb"\xd2\x84\x48" + PROTECTED + rb"([ckp][0-9A-Za-z]{2})\xa0(?:([\x40-\x57])|\x58([\x18-\xff]))(.*)\x58\x40.{64}",
    re.DOTALL,
)


def stripped(text: object) -> str:
    """The base45 part of a code, as read by a scanner or typed: blanks around it and lower case do not matter.

    Blanks *inside* are letters of base45 and stay. A code never ends with one: the last of three characters is at
    most 32, of two at most 5, and the blank is 36.
    """
    if not isinstance(text, str) or len(text) > 2 * LONGEST_TEXT:
        raise Malformed("text")
    text = text.strip()
    if not text.isascii() or len(text) > LONGEST_TEXT or not text.upper().startswith(PREFIX):
        raise Malformed("prefix")
    return text.upper()[len(PREFIX) :]


class Frame(NamedTuple):
    """A COSE_Sign1 message taken apart, not yet verified."""

    kid: str
    payload: bytes


def framed(message: bytes) -> Frame:
    """Take apart exactly the message that we write: tag 18, EdDSA and key id protected, nothing unprotected.

    No general CBOR reader sees a byte before the signature holds: there is no algorithm to choose, no unsigned map to
    be taken for a token, no nesting to unfold.
    """
    match = FRAME.fullmatch(message)
    if match is None:
        raise Malformed("frame")
    kid, short, long, payload = match.groups()
    if len(payload) != (short[0] - 0x40 if short else long[0]):
        raise Malformed("length")
    return Frame(kid.decode(), payload)


# revocation bits


def status_bits(size_bits: int, revoked: Iterable[int]) -> bytes:
    """The list as bytes: bit ``i`` is bit ``i % 8`` (least first) of byte ``i // 8``; 1 is *revoked*."""
    bits = bytearray(size_bits // 8)
    for index in revoked:
        bits[index >> 3] |= 1 << (index & 7)
    return bytes(bits)


def encode_status_bits(bits: bytes) -> str:
    """``lst``: compressed with DEFLATE in the ZLIB format, base64url without padding."""
    return base64.urlsafe_b64encode(zlib.compress(bits, 9)).rstrip(b"=").decode()


def decode_status_bits(lst: str) -> bytes:
    """The bits again; for tests and for verifiers written in Python."""
    return zlib.decompress(base64.urlsafe_b64decode(lst + "=" * (-len(lst) % 4)))


def revoked_in(bits: bytes, index: int) -> bool:
    """Whether place ``index`` is revoked. An index beyond the list raises IndexError: unknown is not valid."""
    if not 0 <= index < len(bits) * 8:
        raise IndexError("the list has no such place")
    return bool(bits[index >> 3] >> (index & 7) & 1)


# codes on paper

PRINTED_SIGNS = "34679ACDEFGHJKMNPQRTWXY"
"""23 signs, none to be taken for another: without 0 O, 1 I L, 2 Z, 5 S, 8 B, U V. 23 is prime, so that the weighted
sum below finds every single wrong sign and every exchange of two signs."""

PRINTED_LENGTH = 10


def _printed_check(nine: str) -> str:
    weighted = sum((place + 2) * PRINTED_SIGNS.index(sign) for place, sign in enumerate(nine))
    return PRINTED_SIGNS[-weighted % len(PRINTED_SIGNS)]


def new_printed_code() -> str:
    """Nine random signs (40 bits) and the check sign."""
    nine = "".join(secrets.choice(PRINTED_SIGNS) for _ in range(PRINTED_LENGTH - 1))
    return nine + _printed_check(nine)


def normal_printed_code(text: str) -> str | None:
    """The code as printed, from what somebody typed (lower case, blanks, hyphens); None when it cannot be one."""
    code = re.sub(r"[\s\-]", "", text[:40]).upper()
    if len(code) != PRINTED_LENGTH or not set(code) <= set(PRINTED_SIGNS) or _printed_check(code[:-1]) != code[-1]:
        return None
    return code


def grouped_printed_code(code: str) -> str:
    """For reading aloud and typing: ``ACDE-FGH-JKM``."""
    return f"{code[:4]}-{code[4:7]}-{code[7:]}"


def printed_url(base_url: str, code: str) -> str:
    """What a printed QR opens, in any browser and in WeChat."""
    return f"{base_url.rstrip('/')}/m/{code}"
