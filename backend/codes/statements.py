"""Signed statements that are no codes: a text, and a signature by a key of one purpose."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from backend.codes.keys import keys, known_key, signing_key
from backend.codes.rules import ISSUED_AHEAD, Purpose
from backend.kit.db import Reader


def statement_key(reader: Reader, purpose: Purpose) -> str:
    """The id of the key that signs now; it belongs into the statement. Raises SigningKeyMissing."""
    keys(reader, not_older_seconds=0.0)  # one that was just withdrawn must not sign
    return signing_key(reader, purpose).kid


def sign_statement(reader: Reader, kid: str, content: bytes) -> str:
    """The Ed25519 signature of a key over ``content``, base64url without padding."""
    key = known_key(reader, kid)
    if key is None:
        raise LookupError(f"no key {kid}")
    return base64.urlsafe_b64encode(key.private.sign(content)).rstrip(b"=").decode()


def check_statement(
    reader: Reader, purpose: Purpose, kid: str, content: bytes, signature: str, signed_at: datetime
) -> str:
    """Why a signature does not stand: ``unknown-key``, ``not-yet`` or ``ended`` (the key did not sign at that time),
    ``wrong``. Empty when it stands."""
    key = known_key(reader, kid)
    if key is None or key.purpose != purpose:
        return "unknown-key"
    if signed_at < key.active_from - ISSUED_AHEAD:
        return "not-yet"
    if key.retires_at is not None and signed_at >= key.retires_at + ISSUED_AHEAD:
        return "ended"
    try:
        _public(key.public_jwk["x"]).verify(_unbase64(signature), content)
    except (InvalidSignature, ValueError, binascii.Error):
        return "wrong"
    return ""


def _public(x: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(_unbase64(x))


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
