"""Codes shown on a screen: a CWT, signed with EdDSA, in base45 behind ``XY1:``."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID, uuid4

import base45
import cbor2
from cryptography.exceptions import InvalidTag
from cwt import COSE

from backend.codes import rules
from backend.codes.errors import CodeExpired, CodeNotVerified
from backend.codes.keys import Key, known_key, signing_key
from backend.codes.rules import Body, Claims, Malformed, Purpose, VerifiedClaims
from backend.kit import clock
from backend.kit.db import Reader

_cose = COSE.new()


class SignedCode(NamedTuple):
    """A code as text, for a QR or a text field, and when it ends."""

    text: str
    expires_at: datetime


def sign_code(reader: Reader, purpose: Purpose | str, claims: Claims, ends: int | datetime) -> SignedCode:
    """A code that says ``claims`` until ``ends``: seconds from now, or an instant (cut to its whole second).

    It lives no longer than ``rules.LONGEST[purpose]``. Costs no query while the process holds the keys. Raises
    ValueError for claims or a life that the purpose does not allow, SigningKeyMissing (503) where no key can sign.
    """
    purpose = Purpose(purpose)
    rules.check(purpose, claims)
    key, now = signing_key(reader, purpose), int(clock.now().timestamp())
    expires = int(ends.timestamp()) if isinstance(ends, datetime) else now + ends
    if not 0 <= expires - now <= rules.LONGEST[purpose].total_seconds():
        raise ValueError(f"a {purpose} code cannot live {expires - now} s")
    body = rules.body_of(key.issuer, claims, claims.subject_id or uuid4(), now, expires)
    if claims.resident_id is not None:
        body = body._replace(pointer=_close(key, body, claims.resident_id))
    message = _cose.encode_and_sign(
        cbor2.dumps(body.to_map()), key.signer, protected={1: -8, 4: key.kid.encode()}, unprotected={}
    )
    text = rules.PREFIX + base45.b45encode(message).decode()
    if len(text) > rules.LONGEST_TEXT:
        raise ValueError("the code would not fit its QR")
    return SignedCode(text, datetime.fromtimestamp(body.expires, UTC))


def read_code(reader: Reader, purpose: Purpose | str, text: str, *, at: datetime | None = None) -> VerifiedClaims:
    """What a code says, if we signed it for ``purpose`` and it is still good.

    ``at`` is the moment by which its times are judged: now, or when an offline venue says that it read the code.
    Raises CodeNotVerified (422, ``why``) and CodeExpired (410) and nothing else, whatever ``text`` is. It does not
    look into the revocation list: online, the coupon's own row is the truth.
    """
    purpose, moment = Purpose(purpose), at or clock.now()
    try:
        message = base45.b45decode(rules.stripped(text))
        frame = rules.framed(message)
    except ValueError:
        raise CodeNotVerified.because("malformed") from None
    key = known_key(reader, frame.kid)
    if key is None:
        raise CodeNotVerified.because("unknown-key")
    if not _genuine(message, key):
        raise CodeNotVerified.because("bad-signature")
    if key.withdrawn_at is not None:
        raise CodeNotVerified.because("key-withdrawn")
    if key.purpose != purpose:
        raise CodeNotVerified.because("wrong-purpose")
    claims = _opened(frame.payload, key)
    _judge_times(claims, key, moment)
    return claims


def _genuine(message: bytes, key: Key) -> bool:
    try:
        _cose.decode_with_headers(message, key.verifier)
    except Exception:  # the library answers a wrong signature with several kinds, and each of them means no
        return False
    return True


def _opened(payload: bytes, key: Key) -> VerifiedClaims:
    try:
        body = Body.of_map(cbor2.loads(payload))
        if body.issuer != key.issuer:
            raise Malformed("issuer")
        resident_id = None if body.pointer is None else _open(key, body)
        return rules.claims_of(body, key.purpose, key.kid, resident_id)
    except (ValueError, InvalidTag, cbor2.CBORDecodeError):
        raise CodeNotVerified.because("malformed") from None


def _judge_times(claims: VerifiedClaims, key: Key, moment: datetime) -> None:
    if claims.issued_at > moment + rules.ISSUED_AHEAD:
        raise CodeNotVerified.because("not-yet-valid")
    if moment >= claims.expires_at:
        raise CodeExpired(
            "请对方刷新后重新出示。",
            "Have it refreshed and shown again.",
            expired_at=(claims.expires_at.isoformat().replace("+00:00", "Z")),
        )
    if not rules.verifies(key, moment):
        raise CodeNotVerified.because("unknown-key")


def _nonce(body: Body) -> bytes:
    """Thirteen bytes, never the same for two residents under one key, and not carried in the code.

    A subject belongs to one resident (a coupon to its holder, a presentation's is random), so the same subject in
    the same second closes the same resident again, which tells nothing. Different seconds look unrelated.
    """
    return hashlib.sha256(b"xinyi-pointer-nonce" + body.bound()).digest()[:13]


def _close(key: Key, body: Body, resident_id: UUID) -> bytes:
    """The pointer: who holds the code, for us alone. Bound to everything else that the code says."""
    return key.pointers.encrypt(_nonce(body), resident_id.bytes, body.bound())


def _open(key: Key, body: Body) -> UUID:
    assert body.pointer is not None
    return UUID(bytes=key.pointers.decrypt(_nonce(body), body.pointer, body.bound()))
