"""Sealed fields: what the database holds of a person it cannot read.

Three keys of three kinds. A **master key** (from settings, never stored) wraps one random **data key** per person
and, through HKDF, seals the system's own secrets. A **hash key** turns a phone or an id number into a digest that
can be looked up but not reversed. Destroying a person's wrapped data key makes every field of that person
unreadable at once, in backups too.

Sealed text is ``<suite>$<key id>$<base64url>``. The suite and key id are authenticated together with the table, the
column and the person or row, so that a value copied into another place does not open there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,15}")
NONCE_BYTES = 12
DATA_KEY_BYTES = 32


class SealBroken(Exception):
    """A sealed value does not open: another key, another place, or somebody changed it. Never shown to callers."""


class Suite(Protocol):
    """A cipher and a keyed hash that belong together.

    ``name`` stands in every sealed value. Keys given are always 32 bytes; a suite with shorter keys derives its own.
    ``decrypt`` raises :class:`SealBroken`.
    """

    name: str

    def encrypt(self, key: bytes, plaintext: bytes, aad: bytes) -> bytes: ...

    def decrypt(self, key: bytes, sealed: bytes, aad: bytes) -> bytes: ...

    def mac(self, key: bytes, message: bytes) -> bytes: ...


class AesSuite:
    """AES-256-GCM with a random 96-bit nonce in front (NIST SP 800-38D), and HMAC-SHA-256."""

    name = "a1"

    def encrypt(self, key: bytes, plaintext: bytes, aad: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + AESGCM(key).encrypt(nonce, plaintext, aad)

    def decrypt(self, key: bytes, sealed: bytes, aad: bytes) -> bytes:
        if len(sealed) < NONCE_BYTES + 16:
            raise SealBroken("too short")
        try:
            return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad)
        except InvalidTag as error:
            raise SealBroken("does not authenticate") from error

    def mac(self, key: bytes, message: bytes) -> bytes:
        return hmac.digest(key, message, "sha256")


_suites: dict[str, Suite] = {"": AesSuite()}


def register_suite(prefix: str, suite: Suite) -> None:
    """Let key ids that begin with ``prefix`` (say ``"sm"``) be used with ``suite`` instead of AES and SHA-256."""
    if any(known.name == suite.name and at != prefix for at, known in _suites.items()):
        raise ValueError(f"another suite is called {suite.name!r}")
    _suites[prefix] = suite


def suite_for(key_id: str) -> Suite:
    """The suite a key belongs to: the registered prefix that matches longest."""
    return _suites[max((prefix for prefix in _suites if key_id.startswith(prefix)), key=len)]


def _suite_named(name: str) -> Suite:
    for suite in _suites.values():
        if suite.name == name:
            return suite
    raise SealBroken("unknown suite")


def _bind(*parts: str | bytes | UUID) -> bytes:
    """Join what is bound, each part with its length, so that no two lists of parts read the same."""
    joined = b"xinyi-seal-1"
    for part in parts:
        raw = part.bytes if isinstance(part, UUID) else part.encode() if isinstance(part, str) else part
        joined += len(raw).to_bytes(4, "big") + raw
    return joined


@lru_cache(maxsize=64)
def _derive(key: bytes, *info: str) -> bytes:
    """A key out of a master key, kept beside it in this process; never one that belongs to a person."""
    return HKDF(SHA256(), 32, salt=None, info=_bind(*info)).derive(key)


def _write(suite: str, key_id: str, sealed: bytes) -> str:
    return f"{suite}${key_id}${base64.urlsafe_b64encode(sealed).rstrip(b'=').decode()}"


def _parse(text: str) -> tuple[str, str, bytes]:
    suite, _, rest = text.partition("$")
    key_id, _, body = rest.partition("$")
    try:
        raw = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise SealBroken("not a sealed value") from error
    if _write(suite, key_id, raw) != text:
        raise SealBroken("not a sealed value")  # base64 has several spellings of one value; only ours is taken
    return suite, key_id, raw


@dataclass(frozen=True)
class Sealer:
    """The keys of this installation: ``{key id: 32 bytes}`` and which of each kind is used for new values.

    Older master keys stay as long as a value or a data key wrapped by them exists. While one hash key replaces
    another both are given here, and look-ups hold a row for each.
    """

    master_keys: Mapping[str, bytes] = field(repr=False)
    current: str
    hash_keys: Mapping[str, bytes] = field(repr=False)
    current_hash: str

    def __post_init__(self) -> None:
        for name, keys, current in (
            ("master", self.master_keys, self.current),
            ("hash", self.hash_keys, self.current_hash),
        ):
            if current not in keys:
                raise ValueError(f"the current {name} key {current!r} is not among the keys")
            for key_id, key in keys.items():
                if not KEY_ID.fullmatch(key_id):
                    raise ValueError(f"{key_id!r} cannot be a key id")
                if len(key) != 32:
                    raise ValueError(f"{name} key {key_id!r} must have 32 bytes")

    def _master(self, key_id: str) -> bytes:
        if key_id not in self.master_keys:
            raise SealBroken("the master key is not at hand")
        return self.master_keys[key_id]

    # one key per person

    def new_data_key(self, person: UUID) -> bytes:
        """A fresh random data key for ``person``, wrapped by the current master key."""
        return self._wrap(os.urandom(DATA_KEY_BYTES), person)

    def rewrap(self, wrapped_key: bytes, person: UUID) -> bytes:
        """The same data key under the current master key. Fields sealed with it need no change."""
        return self._wrap(self._unwrap(wrapped_key, person), person)

    def _wrap(self, data_key: bytes, person: UUID) -> bytes:
        suite, key_id = suite_for(self.current), self.current
        wrapping_key = _derive(self._master(key_id), "data-key")
        body = suite.encrypt(wrapping_key, data_key, _bind("data-key", suite.name, key_id, person))
        return _write(suite.name, key_id, body).encode()

    def _unwrap(self, wrapped_key: bytes, person: UUID) -> bytes:
        try:
            name, key_id, body = _parse(wrapped_key.decode("ascii"))
        except UnicodeDecodeError as error:
            raise SealBroken("not a data key") from error
        wrapping_key = _derive(self._master(key_id), "data-key")
        return _suite_named(name).decrypt(wrapping_key, body, _bind("data-key", name, key_id, person))

    def seal(self, wrapped_key: bytes, text: str, *, table: str, column: str, person: UUID) -> str:
        """Seal a person's field. The key id in the value is the data key's fingerprint."""
        data_key, suite = self._unwrap(wrapped_key, person), suite_for(self.current)
        key_id = _fingerprint(data_key)
        aad = _bind("field", suite.name, key_id, table, column, person)
        return _write(suite.name, key_id, suite.encrypt(data_key, text.encode(), aad))

    def open(self, wrapped_key: bytes, sealed: str, *, table: str, column: str, person: UUID) -> str:
        """The text again. Raises SealBroken unless key, table, column and person are those it was sealed with."""
        data_key = self._unwrap(wrapped_key, person)
        name, key_id, body = _parse(sealed)
        if key_id != _fingerprint(data_key):
            raise SealBroken("sealed with another data key")
        aad = _bind("field", name, key_id, table, column, person)
        return _suite_named(name).decrypt(data_key, body, aad).decode()

    # secrets of the system

    def seal_system(self, text: str, *, table: str, column: str, row: UUID) -> str:
        """Seal a secret that belongs to no person, under a key derived from the master key for this column."""
        suite, key_id = suite_for(self.current), self.current
        key = _derive(self._master(key_id), "system", table, column)
        aad = _bind("system", suite.name, key_id, table, column, row)
        return _write(suite.name, key_id, suite.encrypt(key, text.encode(), aad))

    def open_system(self, sealed: str, *, table: str, column: str, row: UUID) -> str:
        """The secret again. Raises SealBroken unless table, column and row are those it was sealed with."""
        name, key_id, body = _parse(sealed)
        key = _derive(self._master(key_id), "system", table, column)
        aad = _bind("system", name, key_id, table, column, row)
        return _suite_named(name).decrypt(key, body, aad).decode()

    # look-ups

    def digest(self, purpose: str, value: str) -> tuple[str, bytes]:
        """``(key id, 32 bytes)`` of ``value`` under the current hash key. Give the value in its normal form.

        Digests for two purposes are unrelated, so that joining two look-up tables tells nothing.
        """
        return self.current_hash, self._digest(self.current_hash, purpose, value)

    def digests(self, purpose: str, value: str) -> list[tuple[str, bytes]]:
        """The digest under every hash key, the current one first: to search by, and to write while keys change."""
        ids = [self.current_hash, *(key_id for key_id in sorted(self.hash_keys) if key_id != self.current_hash)]
        return [(key_id, self._digest(key_id, purpose, value)) for key_id in ids]

    def _digest(self, key_id: str, purpose: str, value: str) -> bytes:
        return suite_for(key_id).mac(self.hash_keys[key_id], _bind("digest", purpose, value))


def _fingerprint(data_key: bytes) -> str:
    return "d" + hashlib.sha256(b"xinyi-data-key-id" + data_key).hexdigest()[:10]


_bound: Sealer | None = None


def bind(sealer: Sealer | None) -> None:
    """Give this process its keys; the composition root does, once."""
    global _bound
    _bound = sealer


def current() -> Sealer:
    if _bound is None:
        raise RuntimeError("no keys are bound; the composition root does that")
    return _bound


def new_data_key(person: UUID) -> bytes:
    return current().new_data_key(person)


def rewrap(wrapped_key: bytes, person: UUID) -> bytes:
    return current().rewrap(wrapped_key, person)


def seal(wrapped_key: bytes, text: str, *, table: str, column: str, person: UUID) -> str:
    return current().seal(wrapped_key, text, table=table, column=column, person=person)


def open(wrapped_key: bytes, sealed: str, *, table: str, column: str, person: UUID) -> str:
    return current().open(wrapped_key, sealed, table=table, column=column, person=person)


def seal_system(text: str, *, table: str, column: str, row: UUID) -> str:
    return current().seal_system(text, table=table, column=column, row=row)


def open_system(sealed: str, *, table: str, column: str, row: UUID) -> str:
    return current().open_system(sealed, table=table, column=column, row=row)


def digest(purpose: str, value: str) -> tuple[str, bytes]:
    return current().digest(purpose, value)


def digests(purpose: str, value: str) -> list[tuple[str, bytes]]:
    return current().digests(purpose, value)


def _masked(text: str, head: int, tail: int) -> str:
    """Keep ``head`` and ``tail`` characters; a text too short to hide at least half of itself is hidden whole."""
    hidden = len(text) - head - tail
    if hidden < (len(text) + 1) // 2:
        return "*" * len(text)
    return text[:head] + "*" * hidden + text[len(text) - tail :]


def mask_name(name: str) -> str:
    """``张小明`` → ``张**``; one character stands for itself as ``*``."""
    return _masked(name, 1, 0)


def mask_id_number(id_number: str) -> str:
    """``11010519491231002X`` → ``110***********002X``."""
    return _masked(id_number, 3, 4)


def mask_phone(phone: str) -> str:
    """``13812345678`` → ``138****5678``."""
    if len(phone) == 11:
        return phone[:3] + "****" + phone[-4:]
    return _masked(phone, 0, 4)
