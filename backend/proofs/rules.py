"""What a leaf and a day's statement say, and how both are hashed. Pure: no database, no clock, no keys of the house.

**The tree** of a day holds every transfer whose ``created_at`` falls on that Shanghai day, ordered by ``created_at``
and then by id, and is hashed as RFC 9162 (2.1) says with SHA-256.

**A leaf** is a JSON object with sorted names, without spaces, in UTF-8 (:func:`leaf_text`):

- open: ``id`` of the transfer, ``kind``, ``from`` and ``to`` (the id of a system account, or ``wallet``),
  ``amount_points``, ``code``, ``title``, ``counterparty``, ``reason``, ``event_at``, ``created_at``, ``entry_number``,
  ``balance_after_points``;
- ``hidden``: HMAC-SHA-256 with the day's salt over the transfer's id (so that no two are alike), the resident's id and
  the ids that tie transfers to one another. The
  house proves that they did not change; nobody else can try out whose they are;
- ``blinding``: HMAC-SHA-256 with the day's salt over the transfer's id. Nobody can guess a leaf from its hash, so
  neither a root nor the hashes beside a path tell anything of the other leaves.

The salt is drawn at random for each day and never published. A leaf itself is shown to the resident whose line it is,
and to nobody else; whom she shows it to learns that line, and not which other lines are hers.

**The statement** of a day (:func:`statement_text`) names the day, the number of leaves, the root, and the statement
before it. Its ``seal`` is SHA-256 over ``DOMAIN`` and the text; the Ed25519 signature stands over the same bytes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

DOMAIN = b"xinyi-ledger-root-v1\n"
"""Set before what is hashed and signed, so that a statement can be taken for nothing else."""

BEGINNING = "0" * 64
"""What the first statement names as the one before it."""

PART = 1024
"""Leaves that are kept together: a power of two, so that their root is a node of the day's tree."""

WALLET = "wallet"
_HIDDEN = ("id", "resident_id", "subject_id", "hold_id", "reverses_id", "ordered_by", "budget_month")


class Line(Protocol):
    """A transfer, as the ledger gives it."""

    @property
    def resident_id(self) -> UUID: ...
    @property
    def id(self) -> UUID: ...
    @property
    def debit_account_id(self) -> UUID: ...
    @property
    def credit_account_id(self) -> UUID: ...
    @property
    def event_at(self) -> datetime: ...
    @property
    def created_at(self) -> datetime: ...


def leaf_text(line: Line, salt: bytes) -> str:
    """The leaf of a transfer."""
    said: Any = line
    hidden = canonical({name: _plain(getattr(said, name)) for name in _HIDDEN})
    return canonical(
        {
            "amount_points": said.amount_points,
            "balance_after_points": said.wallet_balance_after_points,
            "blinding": _mac(salt, b"blinding", line.id.bytes),
            "code": said.code,
            "counterparty": said.counterparty,
            "created_at": told(line.created_at),
            "entry_number": said.entry_number,
            "event_at": told(line.event_at),
            "from": _account(line, line.debit_account_id),
            "hidden": _mac(salt, b"hidden", hidden.encode()),
            "id": str(line.id),
            "kind": said.kind,
            "reason": said.reason,
            "title": said.title,
            "to": _account(line, line.credit_account_id),
            "version": 1,
        }
    )


def _account(line: Line, account_id: UUID) -> str:
    return WALLET if account_id == line.resident_id else str(account_id)


def _plain(value: Any) -> str | None:
    return None if value is None else str(value)


def _mac(salt: bytes, use: bytes, content: bytes) -> str:
    return hmac.new(salt, use + b"\n" + content, hashlib.sha256).hexdigest()


def canonical(content: Mapping[str, Any]) -> str:
    """JSON with sorted names and no spaces."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def told(instant: datetime) -> str:
    """An instant as leaves and statements write it: UTC, to the microsecond."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def statement_text(content: Mapping[str, Any]) -> str:
    """A day's statement, exactly as it is signed."""
    return canonical({**content, "version": 1})
