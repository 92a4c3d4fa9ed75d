"""Counter codes and how often one may try: pure functions and figures."""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta

from backend.accounts.rules import Limit

COUNTER_CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""No 0, O, 1, I, L: a code is read out and typed."""

BINDING_PER_ACCOUNT = Limit(5, timedelta(hours=24))
BINDING_PER_ID_NUMBER = Limit(10, timedelta(hours=24))


def normal_counter_code(text: str) -> str:
    """A counter code as it is compared: upper case, without the spaces and hyphens that make it readable."""
    return re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text)).upper()
