"""When what an offline device reports is believed. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

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
