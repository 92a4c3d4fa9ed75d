"""Pure arithmetic of what is on offer."""

from __future__ import annotations

WINDOWS = {"day": "每天", "month": "每月", "year": "每年", "ever": "总共"}
"""Within which a person's limit counts, in words."""


def spread(total: int, buckets: int) -> list[int]:
    """``total`` over ``buckets`` as evenly as integers allow, fuller ones first."""
    share, more = divmod(total, buckets)
    return [share + (1 if index < more else 0) for index in range(buckets)]


def bucket_count(total: int, most: int = 8) -> int:
    """How many rows hold a stock: one for few, ``most`` for many, so that a hot offer does not queue on one row."""
    return max(1, min(most, total // 4))
