"""Who decides, until when, and what exactly was seen: pure functions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

LIFETIME = timedelta(days=7)
EXACT, LARGEST = 2**53, 10**300
STATES = ("proposed", "approved", "rejected", "withdrawn", "expired")
DECISIONS = {"approve": "approved", "reject": "rejected"}


class Actor(NamedTuple):
    """Whoever proposes or decides. ``person_id``: the natural person behind the account, where that is known."""

    account_id: UUID
    role: str
    person_id: UUID | None = None


def same_person(one: Actor, other: Actor) -> bool:
    """Whether two actors are one human being: the same account, or two accounts of the same person.

    Roles and organisations do not matter. What else may tell (a certificate, a phone) is added here.
    """
    if one.account_id == other.account_id:
        return True
    return one.person_id is not None and one.person_id == other.person_id


def concerns(actor: Actor, subject_kind: str, subject_id: str) -> bool:
    """Whether the actor is the very resident whom the act is about."""
    return subject_kind == "resident" and actor.person_id is not None and str(actor.person_id) == subject_id


def state_at(state: str, expires_at: datetime, now: datetime) -> str:
    """A proposal that nobody decided in time has expired; no job needs to say so."""
    return "expired" if state == "proposed" and expires_at <= now else state


def digest(told: Mapping[str, Any]) -> bytes:
    """SHA-256 over the canonical JSON of everything that an approver is shown and an executor is given."""
    text = json.dumps(_canonical(told), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest()


def _canonical(value: Any) -> Any:
    """The same for 32 and 32.0, which one database keeps apart and another does not."""
    if isinstance(value, Mapping):
        return {key: _canonical(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_canonical(inner) for inner in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if abs(value) <= EXACT and value == int(value):
        return int(value)
    return repr(float(value)) if abs(value) < LARGEST else str(value)


def shown_payload(payload: Any, hidden: frozenset[str]) -> Any:
    """The payload without the names that its kind hides, wherever they stand."""
    if isinstance(payload, dict):
        return {key: shown_payload(value, hidden) for key, value in payload.items() if key not in hidden}
    return [shown_payload(item, hidden) for item in payload] if isinstance(payload, list) else payload
