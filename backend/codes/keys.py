"""Signing keys: made, published before they sign, rotated, retired, withdrawn.

A process keeps the keys it has read for half a minute. A change of keys therefore reaches every process within that
time, which rotation allows for by publishing a key a day before it signs.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5
from weakref import WeakKeyDictionary

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cwt import COSEKey
from cwt.cose_key_interface import COSEKeyInterface
from sqlalchemy import Engine, delete, select, update
from sqlalchemy.orm import Session

from backend.codes import rules
from backend.codes.errors import SigningKeyMissing
from backend.codes.models import CodeKey
from backend.codes.rules import Purpose
from backend.kit import clock, seal
from backend.kit.db import Reader, insert_if_absent
from backend.kit.errors import NotFound

REFRESH_SECONDS = 30.0
RELOAD_SECONDS = 2.0  # an unknown key id makes us look again, but not more often than this
LEAD = timedelta(hours=25)
"""How long a new key is published before it signs: longer than any offline pack is valid."""
ROTATE_AFTER = timedelta(days=180)
KEPT_AFTER = timedelta(days=90)
"""How long a key that verifies nothing new is kept, for admissions that arrive late from offline venues."""
POINTER_TAG_BYTES = 6


@dataclass(frozen=True)
class Key:
    """A key as a process holds it. What is secret is opened when it is first used."""

    kid: str
    purpose: Purpose
    issuer: str
    public_jwk: Mapping[str, Any]
    secret_sealed: str | None = field(repr=False)
    pointer_sealed: str = field(repr=False)
    active_from: datetime
    retires_at: datetime | None
    verifies_until: datetime | None
    withdrawn_at: datetime | None

    @cached_property
    def private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self._secret)

    @cached_property
    def _secret(self) -> bytes:
        return _opened(self.secret_sealed or "", "secret_sealed", self.kid)

    @cached_property
    def signer(self) -> COSEKeyInterface:
        return COSEKey.new({**self._public_cose, -4: self._secret})

    @cached_property
    def verifier(self) -> COSEKeyInterface:
        return COSEKey.new(self._public_cose)

    @property
    def _public_cose(self) -> dict[int, Any]:
        """RFC 9053: OKP (1), EdDSA (-8), Ed25519 (6)."""
        return {1: 1, 2: self.kid.encode(), 3: -8, -1: 6, -2: _unbase64(self.public_jwk["x"])}

    @cached_property
    def pointers(self) -> AESCCM:
        """What closes and opens the pointers in this key's codes.

        The tag is short because a code has no room and needs no more: the signature authenticates the whole code.
        """
        return AESCCM(_opened(self.pointer_sealed, "pointer_sealed", self.kid), tag_length=POINTER_TAG_BYTES)


@dataclass(frozen=True)
class _Held:
    keys: Mapping[str, Key]
    read_at: float


_cache: WeakKeyDictionary[Engine, _Held] = WeakKeyDictionary()
_CHANGED = "codes.keys-changed"


def engine_of(reader: Reader) -> Engine:
    """The engine behind a reader: what a process keeps, it keeps per engine."""
    bound = reader.get_bind() if isinstance(reader, Session) else reader
    return bound if isinstance(bound, Engine) else bound.engine


def keys(reader: Reader, *, not_older_seconds: float = REFRESH_SECONDS) -> Mapping[str, Key]:
    """All keys on record by key id; at most one query.

    A session that has changed keys itself reads its own, and what it has not committed is kept from others.
    """
    if isinstance(reader, Session) and reader.info.get(_CHANGED):
        return _read(reader)
    engine = engine_of(reader)
    held = _cache.get(engine)
    if held is None or time.monotonic() - held.read_at > not_older_seconds:
        held = _cache[engine] = _Held(_read(reader), time.monotonic())
    return held.keys


def forget_keys() -> None:
    """Drop what this process holds, so that the next use reads the database."""
    _cache.clear()


def _read(reader: Reader) -> dict[str, Key]:
    names = list(Key.__dataclass_fields__)
    rows = reader.execute(select(*(getattr(CodeKey, name) for name in names)))
    return {row.kid: Key(**{**row._mapping, "purpose": Purpose(row.purpose)}) for row in rows}


def signing_key(reader: Reader, purpose: Purpose) -> Key:
    """The key that signs now. Raises SigningKeyMissing (503) when there is none."""
    now = clock.now()
    for not_older in (REFRESH_SECONDS, 0.0):
        fit = [k for k in keys(reader, not_older_seconds=not_older).values() if k.purpose == purpose]
        if able := [key for key in fit if key.secret_sealed and rules.signs(key, now)]:
            return max(able, key=rules.seniority)
    raise SigningKeyMissing(purpose=purpose.value)


def known_key(reader: Reader, kid: str) -> Key | None:
    """The key of this id, whether or not it may still be relied on."""
    return keys(reader).get(kid) or keys(reader, not_older_seconds=RELOAD_SECONDS).get(kid)


def jwks(reader: Reader) -> dict[str, Any]:
    """The public keys (RFC 7517) on which a code may rest now, those that will sign soon included."""
    return {"keys": _published(keys(reader).values())}


def offline_keys(reader: Reader) -> list[dict[str, Any]]:
    """The public keys that a venue needs to verify coupon codes without a network."""
    return _published(key for key in keys(reader).values() if key.purpose == Purpose.COUPON)


def _published(candidates: Iterable[Key]) -> list[dict[str, Any]]:
    now = clock.now()
    good = sorted((key for key in candidates if rules.verifies(key, now)), key=lambda key: (key.purpose, key.kid))
    return [dict(key.public_jwk) for key in good]


def signing_gaps(reader: Reader) -> list[str]:
    """Purposes that have no key to sign with; for the readiness check."""
    now, held = clock.now(), keys(reader).values()
    return [p.value for p in Purpose if not any(k.purpose == p and rules.signs(k, now) for k in held)]


# making and ending keys


def create_key(session: Session, purpose: Purpose, issuer: str, active_from: datetime) -> str:
    """A new key for ``purpose``, published at once, signing from ``active_from``; its key id.

    ``issuer`` is the city's division code (GB/T 2260), six digits, and stands in every code.
    """
    if not (issuer.isascii() and issuer.isdecimal() and len(issuer) == 6):
        raise ValueError("the issuer is a division code of six digits")
    private = Ed25519PrivateKey.generate()
    while True:
        kid = rules.new_kid(purpose)
        row = dict(
            kid=kid,
            purpose=purpose.value,
            issuer=issuer,
            public_jwk=_public_jwk(kid, purpose, private),
            secret_sealed=_sealed(private.private_bytes_raw(), "secret_sealed", kid),
            pointer_sealed=_sealed(os.urandom(32), "pointer_sealed", kid),
            created_at=clock.now(),
            active_from=active_from,
            retires_at=None,
            verifies_until=None,
            withdrawn_at=None,
        )
        if insert_if_absent(session, CodeKey, row, ("kid",)):
            _note_change(session)
            return kid


def ensure_keys(session: Session, issuer: str) -> list[str]:
    """Make what is missing so that every purpose can sign at once; the new key ids. Safe to repeat."""
    now, held = clock.now(), _read(session).values()
    able = {key.purpose for key in held if key.secret_sealed and rules.signs(key, now)}
    return [create_key(session, purpose, issuer, now) for purpose in Purpose if purpose not in able]


def rotate_key(session: Session, purpose: Purpose, lead: timedelta = LEAD) -> str:
    """Publish a successor that signs after ``lead``; the present key retires at that moment. The successor's id.

    Where a successor is waiting already, nothing changes. Raises SigningKeyMissing when nothing is there to rotate.
    """
    now = clock.now()
    current = [key for key in _read(session).values() if key.purpose == purpose and key.retires_at is None]
    if not current:
        raise SigningKeyMissing(purpose=purpose.value)
    newest = max(current, key=rules.seniority)
    if newest.active_from > now:
        return newest.kid
    moment = now + lead
    kid = create_key(session, purpose, newest.issuer, moment)
    ends = dict(retires_at=moment, verifies_until=moment + rules.LONGEST[purpose])
    session.execute(update(CodeKey).where(CodeKey.kid.in_([key.kid for key in current])).values(**ends))
    return kid


def withdraw_key(session: Session, kid: str) -> str | None:
    """End a key that has come into wrong hands: no code rests on it any more, whenever it was signed.

    Where it was the one that signed, a successor signs at once, and its id is returned. Venues that are offline do
    not know that one before they fetch a new pack.
    """
    now = clock.now()
    key = _read(session).get(kid)
    if key is None:
        raise NotFound("没有这个密钥。", "There is no such key.")
    ended = dict(withdrawn_at=now, retires_at=now, verifies_until=now, secret_sealed=None)
    session.execute(update(CodeKey).where(CodeKey.kid == kid).values(**ended))
    _note_change(session)
    others = [k for k in _read(session).values() if k.purpose == key.purpose and k.kid != kid]
    if any(k.secret_sealed and rules.signs(k, now) for k in others):
        return None
    return create_key(session, key.purpose, key.issuer, now)


def tend_keys(session: Session) -> dict[str, int]:
    """The daily care: rotate keys of half a year, erase the secrets of retired ones, delete the long ended."""
    now = clock.now()
    old = [k for k in _read(session).values() if k.retires_at is None and k.active_from <= now - ROTATE_AFTER]
    rotated = {rotate_key(session, purpose) for purpose in sorted({key.purpose for key in old})}
    erase = update(CodeKey).where(CodeKey.retires_at <= now, CodeKey.secret_sealed.is_not(None))
    erased = session.execute(erase.values(secret_sealed=None).returning(CodeKey.kid)).all()
    # A withdrawn key of seals stays: those that it signed before are still held against it.
    ended = delete(CodeKey).where(CodeKey.verifies_until <= now - KEPT_AFTER, CodeKey.purpose != Purpose.SEAL.value)
    deleted = session.execute(ended.returning(CodeKey.kid)).all()
    _note_change(session)
    return {"rotated": len(rotated), "erased": len(erased), "deleted": len(deleted)}


def key_states(reader: Reader) -> list[dict[str, Any]]:
    """Every key with its times and state, for an administrator's eyes; nothing secret."""
    now = clock.now()
    rows = sorted(_read(reader).values(), key=lambda key: (key.purpose, key.active_from))
    return [
        {
            "kid": key.kid,
            "purpose": key.purpose.value,
            "state": _state(key, now),
            "active_from": key.active_from,
            "retires_at": key.retires_at,
            "verifies_until": key.verifies_until,
        }
        for key in rows
    ]


def _state(key: Key, now: datetime) -> str:
    if key.withdrawn_at is not None:
        return "withdrawn"
    if rules.signs(key, now):
        return "signing"
    if key.active_from > now:
        return "waiting"
    return "retired" if rules.verifies(key, now) else "ended"


def _note_change(session: Session) -> None:
    session.info[_CHANGED] = True
    forget_keys()


def _public_jwk(kid: str, purpose: Purpose, private: Ed25519PrivateKey) -> dict[str, Any]:
    """RFC 8037. ``purpose`` is ours: verifiers take a key only for what it is meant for."""
    x = base64.urlsafe_b64encode(private.public_key().public_bytes_raw()).rstrip(b"=").decode()
    return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "use": "sig", "alg": "EdDSA", "purpose": purpose.value}


def _row(kid: str) -> UUID:
    return uuid5(NAMESPACE_OID, f"code-key:{kid}")


def seal_row(kid: str) -> UUID:
    """By which UUID the secrets of a key are bound to its row."""
    return _row(kid)


def _sealed(raw: bytes, column: str, kid: str) -> str:
    text = json.dumps({"k": base64.b64encode(raw).decode()})
    return seal.seal_system(text, table="code_keys", column=column, row=_row(kid))


def _opened(sealed: str, column: str, kid: str) -> bytes:
    text = seal.open_system(sealed, table="code_keys", column=column, row=_row(kid))
    return base64.b64decode(json.loads(text)["k"])


def resealed(sealed: str, column: str, kid: str) -> str:
    """A key's secret under the current master key."""
    return _sealed(_opened(sealed, column, kid), column, kid)


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
