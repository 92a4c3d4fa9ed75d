"""What the door counts and believes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

FUTURE_TOLERANCE = timedelta(minutes=2)
"""How far a device's clock may run ahead of ours before what it reports is not believed."""


def judge_upload(at: datetime, issued_at: datetime, expires_at: datetime, now: datetime, oldest: timedelta) -> str:
    """Whether an offline scan's time can be believed; "" when it can, else the slug of what is wrong.

    The code must have been alive **when it was scanned**; that it has expired since is no fault of the visitor.
    """
    if at > now + FUTURE_TOLERANCE:
        return "time-in-future"
    if at < now - oldest:
        return "too-old"
    if at < issued_at - FUTURE_TOLERANCE:
        return "before-code"
    if at >= expires_at:
        return "code-expired"
    return ""


UNDO_SECONDS = 60
"""How long an admission may be undone where the city's ``limits.undo_seconds`` says nothing."""
LONGEST_UNDO_SECONDS = 600
LONGEST_UPLOAD_DAYS = 366


def undo_seconds(limits: Mapping[str, Any]) -> int:
    """The city's window for undoing, in seconds; 0: nothing is undone."""
    return int(limits.get("undo_seconds", UNDO_SECONDS))


def lint_limits(content: Mapping[str, Any]) -> list[str]:
    """The problems of what ``city.toml`` says to the door under ``[limits]``, in Chinese."""
    limits = content.get("limits")
    known = limits if isinstance(limits, Mapping) else {}
    problems = []
    for key, least, most in (
        ("undo_seconds", 0, LONGEST_UNDO_SECONDS),
        ("offline_upload_days", 1, LONGEST_UPLOAD_DAYS),
    ):
        value = known.get(key, least)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            problems.append(f"limits.{key} 应为 {least} 至 {most} 的整数")
    return problems


def may_undo(happened_at: datetime, recorded_at: datetime, now: datetime, seconds: int) -> bool:
    """Whether an admission may still be undone: ``seconds`` from when it happened, both ends included.

    A device's clock may run ahead; then it counts from when we heard of it.
    """
    return now - min(happened_at, recorded_at) <= timedelta(seconds=seconds)


def value_of_use_fen(terms: Mapping[str, Any]) -> int:
    """What one use of an offer is worth, in fen (≥ 0): what the partner is owed, else what the benefit is worth.

    0 where nobody has said it: such an offer cannot be let in *up to a value*.
    """
    benefit = terms["benefit"]
    said = terms.get("settlement_price_fen") or benefit.get("amount_fen") or benefit.get("up_to_fen")
    return int(said or 0)
