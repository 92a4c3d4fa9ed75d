"""The reference offline verifier: a venue's pack, a code, a time, and what this device has admitted since — a verdict.

It imports nothing of this project, so that whoever builds a device can copy it: standard library, ``cryptography``
and ``cbor2``. The scanner page does the same in JavaScript; both are held to the same vectors.

**Time.** ``now`` is never the device's own clock. A device notes its monotonic clock when a pack arrives and passes
``pack.server_time`` plus what the monotonic clock has counted since. Unknown, expired or unreachable is *refused*,
never *valid*.

Reasons: ``pack-stale``, ``code-not-verified``, ``online-only``, ``code-expired``, ``not-your-offer``,
``offline-not-allowed``, ``status-unknown``, ``already-used``, ``revoked``, ``offline-limit``.
"""

from __future__ import annotations

import base64
import json
import re
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PREFIX = "XY1:"
MOST_CHARACTERS = 262
ISSUED_AHEAD_SECONDS = 60
FRAME = re.compile(
    rb"\xd2\x84\x48(\xa2\x01\x27\x04\x43([ckp][0-9A-Za-z]{2}))\xa0([\x40-\x57]|\x58[\x18-\xff])(.*)\x58\x40(.{64})",
    re.DOTALL,
)
"""COSE_Sign1 (RFC 9052) exactly as the platform writes it: tag 18, protected {1: -8 (EdDSA), 4: h'…key id…'}, nothing
unprotected, 64 bytes of signature."""
SIGNED = b"\x84\x6aSignature1\x48%b\x40%b%b"
"""What is signed: ["Signature1", protected, nothing outside, payload]. The frame lets only the shortest heads pass, so
that each stands here as it came."""
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
NO_DIGIT = 255
DIGITS = bytes(ALPHABET.index(each) if (each := chr(at)) in ALPHABET else NO_DIGIT for at in range(256))

ISS, EXP, IAT, CTI, SCOPE, OURS = 1, 4, 6, 7, 9, -65537
STATUS_BITS = 20


@dataclass(frozen=True)
class Verdict:
    """``verdict``: valid or refused. ``status`` names the coupon in the device's own count of uses."""

    verdict: str
    reason: str = ""
    offer_id: str | None = None
    title: str | None = None
    uses_left: int | None = None
    status: int | None = None
    used_at: str | None = None


@dataclass
class Since:
    """What this device has admitted offline since the pack was made and has not yet seen in a newer one."""

    by_status: dict[int, int] = field(default_factory=dict)
    by_offer: dict[str, int] = field(default_factory=dict)

    def count(self, verdict: Verdict) -> None:
        """Note that a valid verdict led to an admission."""
        assert verdict.status is not None and verdict.offer_id is not None
        self.by_status[verdict.status] = self.by_status.get(verdict.status, 0) + 1
        self.by_offer[verdict.offer_id] = self.by_offer.get(verdict.offer_id, 0) + 1


class Refused(Exception):
    def __init__(self, reason: str, **said: Any) -> None:
        super().__init__(reason)
        self.verdict = Verdict("refused", reason, **said)


class OfflineVerifier:
    """One pack, opened once: its keys read and its status lists verified."""

    def __init__(self, pack: Mapping[str, Any]) -> None:
        self.server_time = _instant(pack["server_time"])
        self.valid_until = _instant(pack["valid_until"])
        self.keys = {key["kid"]: _public(key) for key in pack["keys"] if key.get("crv") == "Ed25519"}
        self.offers = {str(UUID(offer["id"])): offer for offer in pack["offers"]}
        self.used = {row["status"]: row for row in pack["used"]}
        self.lists = [self._open_list(token) for token in pack["status_lists"]]

    def _open_list(self, token: str) -> tuple[int, bytes] | None:
        """When the list ends and its bits; None when it is not signed by a status key of the pack."""
        try:
            signed, _, signature = token.rpartition(".")
            header, claims = (json.loads(_b64(part)) for part in signed.split("."))
            if header["typ"] != "statuslist+jwt" or header["alg"] != "EdDSA" or header["kid"][0] != "s":
                return None
            self.keys[header["kid"]].verify(_b64(signature), signed.encode())
            if claims["status_list"]["bits"] != 1:
                return None
            return int(claims["exp"]), zlib.decompress(_b64(claims["status_list"]["lst"]))
        except (ValueError, KeyError, TypeError, IndexError, zlib.error, InvalidSignature):
            return None

    def judge(self, code: str, now: datetime, since: Since | None = None) -> Verdict:
        """Whether to admit the holder of ``code`` at ``now``, and why not. It counts nothing; see ``Since.count``."""
        try:
            return self._judge(code, now.astimezone(UTC), since or Since())
        except Refused as refused:
            return refused.verdict

    def _judge(self, code: str, now: datetime, since: Since) -> Verdict:
        if not self.server_time <= now < self.valid_until:
            raise Refused("pack-stale")
        claims = self._read(code, int(now.timestamp()))
        offer_id = str(UUID(bytes=claims[SCOPE]))
        offer = self.offers.get(offer_id)
        if offer is None:
            raise Refused("not-your-offer")
        about = {"offer_id": offer_id, "title": offer["title"]}
        if not _may_be_offline(offer):
            raise Refused("offline-not-allowed", **about)
        status = claims[OURS][1] if len(claims[OURS]) > 1 else None
        left = self._uses_left(status, offer, since, now, about)
        if not _within_limit(offer, since.by_offer.get(offer_id, 0) + 1):
            raise Refused("offline-limit", **about)
        return Verdict("valid", "", offer_id, offer["title"], left, status)

    def _read(self, code: str, now: int) -> dict[int, Any]:
        """The claims of a coupon's code, signature and times verified."""
        found = FRAME.fullmatch(_message(code))
        if found is None:
            raise Refused("code-not-verified")
        protected, kid, head, payload, signature = found.groups()
        if len(payload) != (head[1] if head[0] == 0x58 else head[0] - 0x40):
            raise Refused("code-not-verified")
        kid = kid.decode()
        if kid[0] != "c":
            raise Refused("online-only")
        key = self.keys.get(kid)
        if key is None:
            raise Refused("code-not-verified")
        try:
            key.verify(signature, SIGNED % (protected, head, payload))
            claims = _claims(cbor2.loads(payload))
        except (InvalidSignature, ValueError, cbor2.CBORDecodeError):
            raise Refused("code-not-verified") from None
        if claims[IAT] > now + ISSUED_AHEAD_SECONDS:
            raise Refused("code-not-verified")
        if now >= claims[EXP]:
            raise Refused("code-expired")
        return claims

    def _uses_left(
        self, status: int | None, offer: Mapping[str, Any], since: Since, now: datetime, about: dict[str, Any]
    ) -> int:
        if status is None:
            raise Refused("status-unknown", **about)
        row = self.used.get(status)
        gone = (row["used"] if row else 0) + since.by_status.get(status, 0)
        if gone >= offer["uses"]:
            raise Refused("already-used", **about, used_at=row["last_used_at"] if row else None)
        if self._revoked(status, now, about):
            raise Refused("revoked", **about)
        return int(offer["uses"]) - gone

    def _revoked(self, status: int, now: datetime, about: dict[str, Any]) -> bool:
        number, index = status >> STATUS_BITS, status & ((1 << STATUS_BITS) - 1)
        opened = self.lists[number] if number < len(self.lists) else None
        if opened is None or now.timestamp() >= opened[0] or index >= len(opened[1]) * 8:
            raise Refused("status-unknown", **about)
        return bool(opened[1][index >> 3] >> (index & 7) & 1)


def _may_be_offline(offer: Mapping[str, Any]) -> bool:
    """Up to a value means up to a value that is known: a use that is worth 0 fen to nobody's knowledge stays online."""
    mode = offer["offline"]["mode"]
    return bool(mode == "uses" or (mode == "value" and offer["value_fen"] > 0))


def _within_limit(offer: Mapping[str, Any], admitted: int) -> bool:
    """Whether so many admissions of the offer since the pack, this one included, are what one device may make."""
    policy = offer["offline"]
    if policy["mode"] == "value":
        return bool(admitted * offer["value_fen"] <= policy["max_value_fen"])
    return bool(admitted <= policy["max_uses"])


def _instant(value: str | datetime) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _b64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _public(jwk: Mapping[str, Any]) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(_b64(jwk["x"]))


def _message(code: str) -> bytes:
    text = code.strip().upper()
    if len(text) > MOST_CHARACTERS or not text.isascii() or not text.startswith(PREFIX):
        raise Refused("code-not-verified")
    try:
        return _base45(text[len(PREFIX) :].encode("ascii"))
    except (ValueError, struct.error):
        raise Refused("code-not-verified") from None


def _base45(text: bytes) -> bytes:
    """Base45 (RFC 9285): three characters are two bytes, two at the end are one. Raises ValueError and struct.error.

    By whole columns: one character after another costs a third of what the signature does.
    """
    digits = text.translate(DIGITS)
    whole, rest = divmod(len(digits), 3)
    if rest == 1 or NO_DIGIT in digits:
        raise ValueError("no base45")
    columns = (digits[place : 3 * whole : 3] for place in range(3))
    words = struct.pack(f">{whole}H", *[a + 45 * b + 2025 * c for a, b, c in zip(*columns, strict=True)])
    return words + bytes([digits[-2] + 45 * digits[-1]]) if rest else words


def _claims(claims: Any) -> dict[int, Any]:
    """What a coupon's code must hold. Raises ValueError."""
    if not isinstance(claims, dict) or set(claims) != {ISS, EXP, IAT, CTI, SCOPE, OURS}:
        raise ValueError("claims")
    times = (claims[EXP], claims[IAT])
    if any(type(value) is not int or not 0 <= value < 1 << 32 for value in times):
        raise ValueError("times")
    ours, scope = claims[OURS], claims[SCOPE]
    if not isinstance(scope, bytes) or len(scope) != 16 or not isinstance(ours, list) or not 1 <= len(ours) <= 2:
        raise ValueError("offer or pointer")
    if len(ours) == 2 and (type(ours[1]) is not int or not 0 <= ours[1] < 1 << 32):
        raise ValueError("status")
    return claims
