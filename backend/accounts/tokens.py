"""What callers hold: access tokens (JWT), refresh tokens and device nonces. Nothing in here reads the database.

Access tokens are signed with keys of their own that are never published. The algorithm is fixed, every claim is
required, and the clock is the house's. Device nonces carry a keyed proof, so that giving one out stores nothing and
says nothing about whether the device exists.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt

from backend.kit import clock

ALGORITHM = "HS256"
TYPE = "xinyi-access+jwt"
AUDIENCE = "xinyi-api"
LIFETIME_SECONDS = 15 * 60
LEEWAY_SECONDS = 5
NONCE_SECONDS = 60
KINDS = ("resident", "staff", "device")
_REQUIRED = ["iss", "aud", "sub", "sid", "knd", "iat", "exp"]
_REFRESH = re.compile(r"xr1\.([0-9a-f]{32})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True)
class Keys:
    """The session keys of this installation, which of them signs, and the issuer (``PUBLIC_BASE_URL``)."""

    keys: Mapping[str, bytes] = field(repr=False)
    current: str
    issuer: str

    def __post_init__(self) -> None:
        if self.current not in self.keys or any(len(key) < 32 for key in self.keys.values()):
            raise ValueError("session keys are 32 bytes or more, and the current one is among them")


@dataclass(frozen=True)
class Claims:
    """What a genuine, current access token says. Whether its session still stands is the database's to say."""

    kind: str
    account_id: UUID
    session_id: UUID


_bound: Keys | None = None


def bind(keys: Keys | None) -> None:
    """Give this process its session keys; the composition root does, once."""
    global _bound
    _bound = keys


def current() -> Keys:
    if _bound is None:
        raise RuntimeError("no session keys are bound; the composition root does that")
    return _bound


def new_access_token(kind: str, account_id: UUID, session_id: UUID) -> str:
    """An access token of 15 minutes."""
    keys, issued_at = current(), int(clock.now().timestamp())
    claims = {
        "iss": keys.issuer, "aud": AUDIENCE, "sub": str(account_id), "sid": str(session_id), "knd": kind,
        "iat": issued_at, "exp": issued_at + LIFETIME_SECONDS,
    }  # fmt: skip
    return jwt.encode(claims, keys.keys[keys.current], ALGORITHM, headers={"kid": keys.current, "typ": TYPE})


def read_access_token(token: str) -> Claims | None:
    """The claims of a genuine token that has not ended; None for everything else."""
    try:
        header = jwt.get_unverified_header(token)
        key = current().keys.get(str(header.get("kid")))
        if key is None or header.get("typ") != TYPE:
            return None
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=current().issuer,
            options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False, "strict_aud": True},
        )
        return _current_claims(claims)
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def _current_claims(claims: dict[str, Any]) -> Claims | None:
    """Judge times by the house's clock, which tests can move, with the leeway said above."""
    now, issued_at, ends_at = clock.now().timestamp(), claims["iat"], claims["exp"]
    if type(issued_at) is not int or type(ends_at) is not int:
        return None
    if issued_at > now + LEEWAY_SECONDS or ends_at <= now - LEEWAY_SECONDS or claims["knd"] not in KINDS:
        return None
    return Claims(claims["knd"], UUID(claims["sub"]), UUID(claims["sid"]))


def new_refresh_token(account_id: UUID) -> tuple[str, bytes]:
    """A refresh token and the digest to keep. It names its account, so that its row is found on one shard."""
    token = f"xr1.{account_id.hex}.{secrets.token_urlsafe(32)}"
    return token, _digest(token)


def read_refresh_token(token: str) -> tuple[UUID, bytes] | None:
    """Account and digest of something that has a refresh token's form."""
    match = _REFRESH.fullmatch(token)
    return (UUID(match[1]), _digest(token)) if match else None


def _digest(token: str) -> bytes:
    """A plain digest is enough: the token is 256 random bits, which nobody can search through."""
    return hashlib.sha256(token.encode()).digest()


def new_device_nonce(device_id: UUID) -> tuple[str, datetime]:
    """A nonce for one device and when it ends (60 seconds)."""
    ends_at = (clock.now() + timedelta(seconds=NONCE_SECONDS)).replace(microsecond=0)
    body = int(ends_at.timestamp()).to_bytes(8, "big") + secrets.token_bytes(16)
    proof = _nonce_proof(current().keys[current().current], device_id, body)
    return base64.urlsafe_b64encode(body + proof).decode(), ends_at


def read_device_nonce(device_id: UUID, nonce: str) -> datetime | None:
    """When a nonce that we gave to this device ends; None when it is not ours, another's, or over."""
    try:
        raw = base64.b64decode(nonce, altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    if len(raw) != 48 or base64.urlsafe_b64encode(raw).decode() != nonce:
        return None
    body, proof = raw[:24], raw[24:]
    if not any(hmac.compare_digest(_nonce_proof(key, device_id, body), proof) for key in current().keys.values()):
        return None
    ends_at = datetime.fromtimestamp(int.from_bytes(body[:8], "big"), UTC)
    return ends_at if clock.now() < ends_at else None


def _nonce_proof(key: bytes, device_id: UUID, body: bytes) -> bytes:
    return hmac.digest(key, b"xinyi-device-nonce-v1" + device_id.bytes + body, "sha256")[:24]
