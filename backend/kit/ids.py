"""Identifiers."""

from __future__ import annotations

import os
import time
from uuid import UUID

NIL = UUID(int=0)
"""The shard of what belongs to no resident."""


def new_id() -> UUID:
    """A UUID version 7 (RFC 9562): milliseconds first, so that an index grows at its end; the rest is random.

    Ids are opaque to callers: the time inside is a courtesy to the database and promises no order.
    """
    value = int.from_bytes((time.time_ns() // 1_000_000).to_bytes(6, "big") + os.urandom(10), "big")
    value = value & ~(0xF << 76) | (0x7 << 76)
    return UUID(int=value & ~(0x3 << 62) | (0x2 << 62))
