"""Enrolment codes and what a device signs: pure functions."""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""No 0, O, 1, I, L: a code is read out and typed."""

SELECTOR, SECRET = 4, 8
"""The first characters only say which code is meant, and guesses are counted by them; the others are the secret."""

LIFETIME = timedelta(minutes=30)
CONTEXT = "xinyi-device-enrolment-v1"
_CODE = re.compile(f"[{ALPHABET}]{{{SELECTOR + SECRET}}}")


def normal_code(text: str) -> str | None:
    """A code as it is compared: upper case, without spaces and hyphens. None when it cannot be one."""
    code = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text)).upper()
    return code if _CODE.fullmatch(code) else None


def readable(code: str) -> str:
    """In groups of four, to be read out."""
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))


def selector(text: str) -> str:
    """What guesses are counted by: the code's first characters, whatever else was typed."""
    return re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text)).upper()[:SELECTOR]


def signed_text(base_url: str, code: str, x: str) -> bytes:
    """What a device signs with its new key: this installation, this code and this key, bound to one another.

    ``x``: the public key as base64url without padding (RFC 8037).
    """
    return f"{CONTEXT}|{base_url}|{code}|{x}".encode("ascii")
