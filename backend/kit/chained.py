"""Signed statements of which each names the one before it: what they are made of, whoever keeps them. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import Any, ClassVar


def signed_bytes(domain: bytes, text: str) -> bytes:
    """What a signature stands over. ``domain`` names the chain, so that no signature serves in another."""
    return domain + text.encode()


def seal_of(domain: bytes, text: str) -> str:
    """The seal of a statement (SHA-256, hex): what the next one names as ``previous``, and what is published."""
    return hashlib.sha256(signed_bytes(domain, text)).hexdigest()


class Chained:
    """A statement of the chain ``domain``. ``text``: exactly as it was signed."""

    domain: ClassVar[bytes]
    text: str
    signature: str

    @property
    def told(self) -> dict[str, Any]:
        """The statement's members."""
        said: dict[str, Any] = json.loads(self.text)
        return said

    @property
    def signed(self) -> bytes:
        """What the signature stands over."""
        return signed_bytes(self.domain, self.text)

    @property
    def value(self) -> str:
        """The statement's seal."""
        return seal_of(self.domain, self.text)

    def published(self) -> dict[str, Any]:
        """As anybody may have it: the members, the seal and the signature."""
        return {**self.told, "seal": self.value, "signature": self.signature}
