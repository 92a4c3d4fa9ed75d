"""What a stranger does with a proof: an example that needs nothing of this house but this file.

``proof`` is the answer of ``GET /api/v1/me/wallet/entries/{id}/proof``, ``jwks`` that of
``GET /.well-known/jwks.json``. To trust a root, compare it with one that somebody kept when it was published
(``GET /api/v1/ledger/roots/{day}``).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

DOMAIN = b"xinyi-ledger-root-v1\n"


def problems(proof: dict[str, Any], jwks: dict[str, Any]) -> list[str]:
    """Why a proof does not stand; empty when its line is among those over which the root was signed."""
    try:
        return [*_path(proof), *_record(proof["root"], jwks)]
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        return [f"not a proof: {type(error).__name__}"]


def _path(proof: dict[str, Any]) -> list[str]:
    """RFC 9162, 2.1.3.2."""
    value = hashlib.sha256(b"\x00" + proof["leaf"].encode()).digest()
    place, size, record = proof["leaf_index"], proof["tree_size"], proof["root"]
    if size != record["count"] or not 0 <= place < size:
        return ["the leaf's place is not in the tree"]
    last = size - 1
    for each in map(bytes.fromhex, proof["path"]):
        if last == 0:
            return ["the path is too long"]
        if place & 1 or place == last:
            value = hashlib.sha256(b"\x01" + each + value).digest()
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            value = hashlib.sha256(b"\x01" + value + each).digest()
        place, last = place >> 1, last >> 1
    if last or value.hex() != record["root"]:
        return ["the path does not lead to the root"]
    return []


def _record(record: dict[str, Any], jwks: dict[str, Any]) -> list[str]:
    said = {name: value for name, value in record.items() if name not in ("seal", "signature")}
    signed = DOMAIN + json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    if hashlib.sha256(signed).hexdigest() != record["seal"]:
        return ["the seal is not that of the statement"]
    keys = [key for key in jwks["keys"] if key["kid"] == record["kid"] and key.get("purpose") == "seal"]
    if not keys:
        return ["the key is not published"]
    try:
        Ed25519PublicKey.from_public_bytes(_unbase64(keys[0]["x"])).verify(_unbase64(record["signature"]), signed)
    except InvalidSignature:
        return ["the signature is wrong"]
    return []


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
