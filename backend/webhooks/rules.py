"""What is told, how it is signed, and when it is tried again: pure functions.

Signatures and headers: Standard Webhooks 1.0 (https://www.standardwebhooks.com).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

PING = "webhook.ping"
EVENTS: dict[str, str] = {
    "admission.created": "一张券被核销",
    "admission.undone": "一次核销被撤销",
    "coupon.cancelled": "一张券被取消",
    "obligation.changed": "一笔先享后付的状态变了",
    "statement.closed": "一个月的结算单关账",
    "statement.dispute_decided": "一条结算异议有了结论",
    "booking.promoted": "一个候补转为预约",
    "booking.no_show": "一次预约未到",
    "parking.decided": "一次停车权益询问有了结论",
}
"""What a partner may subscribe to, and what it means."""


class Said(NamedTuple):
    """What of a piece of news is told: as which event, and which of its fields. What is not named here is not told."""

    event: str
    fields: tuple[str, ...]


NEWS: dict[str, Said] = {
    "perks.admitted": Said("admission.created", ("admission_id", "offer_id", "venue_id", "happened_at", "source")),
    "perks.undone": Said("admission.undone", ("admission_id", "offer_id", "venue_id", "undone_at")),
    "perks.cancelled": Said("coupon.cancelled", ("offer_id",)),
    "obligations.changed": Said("obligation.changed", ("obligation_id", "admission_id", "state", "kind")),
    "settlement.closed": Said("statement.closed", ("statement_id", "month", "total_fen", "lines")),
    "settlement.dispute-decided": Said("statement.dispute_decided", ("statement_id", "dispute_id", "outcome")),
    "bookings.promoted": Said("booking.promoted", ("booking_id", "offer_id", "slot_at")),
    "bookings.no-show": Said("booking.no_show", ("booking_id", "offer_id", "slot_at")),
    "parking.decided": Said("parking.decided", ("decision_id", "venue_id", "verdict", "decided_at")),
}
"""News of other rooms → what a partner hears of it. No coupon: its id is the resident's, and one coupon's uses would
be a person's visits on a string. An admission is the partner's own and names one visit."""

FORBIDDEN = frozenset(
    {"resident_id", "person_id", "account_id", "actor_id", "openid", "unionid", "phone", "name", "id_number", "plate",
     "coupon_id", "subject_id"}
)  # fmt: skip
MOST_BODY_BYTES = 20 * 1024
MOST_TRIES = 12
FIRST_PAUSE_SECONDS, GROWTH, LONGEST_PAUSE_SECONDS = 10, 3, 21 * 3600
"""10 s, 30 s, 90 s … 18 h, 21 h, 21 h: twelve tries within some three days."""
JITTER = 0.1
FAILING = timedelta(days=5)
"""A webhook without a success for so long is disabled at its next failure."""

SECRET_BYTES = 32
SECRET_PREFIX = "whsec_"  # noqa: S105
MOST_SECRETS = 5
OVERLAP_HOURS = 24
TOLERANCE_SECONDS = 300


def forbidden_in(data: Any) -> set[str]:
    """Names of fields, however deep, that no partner may be told."""
    if isinstance(data, Mapping):
        return {str(key) for key in data if key in FORBIDDEN}.union(*(forbidden_in(value) for value in data.values()))
    if isinstance(data, list | tuple):
        return set[str]().union(*(forbidden_in(value) for value in data))
    return set()


def body(event: str, instant: datetime, data: Mapping[str, Any]) -> str:
    """What is sent: compact JSON of ``type``, ``timestamp`` (ISO 8601, UTC) and ``data``.

    Raises ValueError for more than 20 KiB, and for what no partner may be told: a mistake in our own code.
    """
    if found := forbidden_in(data):
        raise ValueError(f"{event} would tell {', '.join(sorted(found))}")
    said = {"type": event, "timestamp": instant.astimezone(UTC).isoformat().replace("+00:00", "Z"), "data": dict(data)}
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    if len(text.encode()) > MOST_BODY_BYTES:
        raise ValueError(f"{event} is larger than {MOST_BODY_BYTES} bytes")
    return text


def secret_text(raw: bytes) -> str:
    """A secret as partners keep it: ``whsec_`` and base64."""
    return SECRET_PREFIX + base64.b64encode(raw).decode()


def signature(secret: str, webhook_id: str, timestamp: int, payload: bytes) -> str:
    """``v1,`` and base64 of HMAC-SHA256 over ``id.timestamp.body``. ``secret``: as ``secret_text`` writes it."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    signed = hmac.digest(key, f"{webhook_id}.{timestamp}.".encode() + payload, hashlib.sha256)
    return "v1," + base64.b64encode(signed).decode()


def headers(secrets: Sequence[str], webhook_id: str, instant: datetime, payload: bytes) -> dict[str, str]:
    """The three headers of a try made at ``instant``. Every secret that lives signs, the newest first."""
    timestamp = int(instant.timestamp())
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(secret, webhook_id, timestamp, payload) for secret in secrets),
    }


def pause(tries: int, chance: float, asked_seconds: int = 0) -> timedelta | None:
    """How long to wait after the ``tries``-th failure in a row (1, 2, …); None when it was the last.

    ``chance``: 0 to 1, the jitter: a tenth less to a tenth more, so that what failed together does not return
    together. ``asked_seconds``: what a Retry-After asked for, heeded up to the longest pause.
    """
    if tries >= MOST_TRIES:
        return None
    seconds = min(FIRST_PAUSE_SECONDS * GROWTH ** (tries - 1), LONGEST_PAUSE_SECONDS)
    seconds = max(seconds, min(asked_seconds, LONGEST_PAUSE_SECONDS))
    return timedelta(seconds=seconds * (1 - JITTER + 2 * JITTER * chance))
