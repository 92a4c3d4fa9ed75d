"""Ciphers and keyed hashes that belong together, chosen by a key's id.

A key whose id begins with ``sm`` is used with the commercial ciphers of the PRC (商用密码): SM4-GCM and HMAC-SM3
(GB/T 32907, GB/T 32905); every other key with AES-256-GCM and HMAC-SHA-256. Keys are 32 bytes for both, so that moving
a city from one to the other is a rotation like any other.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Hashable
from typing import Protocol

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12
TAG_BYTES = 16
SHANGMI_PREFIX = "sm"


class SealBroken(Exception):
    """A sealed value does not open: another key, another place, or somebody changed it. Never shown to callers."""


class Suite(Hashable, Protocol):
    """A cipher and a keyed hash that belong together.

    ``name`` stands in every sealed value. Keys given are always 32 bytes; a suite with shorter keys derives its own.
    ``decrypt`` raises :class:`SealBroken`.
    """

    name: str

    def encrypt(self, key: bytes, plaintext: bytes, aad: bytes) -> bytes: ...

    def decrypt(self, key: bytes, sealed: bytes, aad: bytes) -> bytes: ...

    def mac(self, key: bytes, message: bytes) -> bytes: ...

    def derive(self, key: bytes, info: bytes) -> bytes:
        """Another 32-byte key out of ``key`` (HKDF, RFC 5869)."""
        ...


class AesSuite:
    """AES-256-GCM with a random 96-bit nonce in front (NIST SP 800-38D), and HMAC-SHA-256."""

    name = "a1"

    def encrypt(self, key: bytes, plaintext: bytes, aad: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + AESGCM(key).encrypt(nonce, plaintext, aad)

    def decrypt(self, key: bytes, sealed: bytes, aad: bytes) -> bytes:
        _long_enough(sealed)
        try:
            return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad)
        except InvalidTag as error:
            raise SealBroken("does not authenticate") from error

    def mac(self, key: bytes, message: bytes) -> bytes:
        return hmac.digest(key, message, "sha256")

    def derive(self, key: bytes, info: bytes) -> bytes:
        return HKDF(hashes.SHA256(), 32, salt=None, info=info).derive(key)


class ShangMiSuite:
    """SM4-GCM with a random 96-bit nonce in front (RFC 8998, GB/T 32907), and HMAC-SM3 (GB/T 32905).

    SM4 has 128-bit keys: its key is derived from the 32 bytes given, by HKDF over SM3.
    """

    name = "s1"

    def encrypt(self, key: bytes, plaintext: bytes, aad: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        encryptor = Cipher(algorithms.SM4(self._cipher_key(key)), modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(aad)
        return nonce + encryptor.update(plaintext) + encryptor.finalize() + encryptor.tag

    def decrypt(self, key: bytes, sealed: bytes, aad: bytes) -> bytes:
        _long_enough(sealed)
        mode = modes.GCM(sealed[:NONCE_BYTES], sealed[-TAG_BYTES:])
        decryptor = Cipher(algorithms.SM4(self._cipher_key(key)), mode).decryptor()
        decryptor.authenticate_additional_data(aad)
        try:
            return decryptor.update(sealed[NONCE_BYTES:-TAG_BYTES]) + decryptor.finalize()
        except InvalidTag as error:
            raise SealBroken("does not authenticate") from error

    def mac(self, key: bytes, message: bytes) -> bytes:
        keyed = HMAC(key, hashes.SM3())
        keyed.update(message)
        return keyed.finalize()

    def derive(self, key: bytes, info: bytes) -> bytes:
        return HKDF(hashes.SM3(), 32, salt=None, info=info).derive(key)

    @staticmethod
    def _cipher_key(key: bytes) -> bytes:
        return HKDF(hashes.SM3(), 16, salt=None, info=b"xinyi-sm4-key").derive(key)


def _long_enough(sealed: bytes) -> None:
    if len(sealed) < NONCE_BYTES + TAG_BYTES:
        raise SealBroken("too short")


_AES, _SHANGMI = AesSuite(), ShangMiSuite()
_BY_NAME: dict[str, Suite] = {suite.name: suite for suite in (_AES, _SHANGMI)}


def suite_for(key_id: str) -> Suite:
    """The suite a key belongs to, by the beginning of its id."""
    return _SHANGMI if key_id.startswith(SHANGMI_PREFIX) else _AES


def suite_named(name: str) -> Suite:
    """The suite that a sealed value names. Raises SealBroken."""
    if (suite := _BY_NAME.get(name)) is None:
        raise SealBroken("unknown suite")
    return suite


def missing(key_ids: list[str]) -> str:
    """Why keys of these ids cannot be used with the OpenSSL at hand; empty when they can."""
    if not any(key_id.startswith(SHANGMI_PREFIX) for key_id in key_ids):
        return ""
    try:
        probe = _SHANGMI.encrypt(bytes(32), b"probe", b"")
        opened = _SHANGMI.decrypt(bytes(32), probe, b"") == b"probe" and len(_SHANGMI.mac(bytes(32), b"")) == 32
    except UnsupportedAlgorithm:
        opened = False
    return "" if opened else "this OpenSSL has no SM4-GCM or SM3, which keys named sm… need"
