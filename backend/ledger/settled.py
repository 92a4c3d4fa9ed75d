"""What of settlements still stands, for whoever counts them. Reads only."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select, tuple_

from backend.kit.db import Reader
from backend.ledger.models import accounts, transfers

Key = tuple[UUID, UUID]
"""A resident and one of her transfers."""


def standing_points(reader: Reader, keys: Collection[Key]) -> dict[UUID, int]:
    """Of each settlement its points, 0 where it was reversed; those that are none are absent."""
    if not keys:
        return {}
    t = transfers.c
    made = select(t.id, t.amount_points).where(tuple_(t.resident_id, t.id).in_(keys), t.kind == "settlement")
    undone = select(t.reverses_id).where(tuple_(t.resident_id, t.reverses_id).in_(keys), t.kind == "reversal")
    gone = set(reader.execute(undone).scalars())
    return {key: 0 if key in gone else points for key, points in reader.execute(made)}


def owner_of(reader: Reader, account_id: UUID) -> UUID | None:
    """Whose system account it is; None for the mint, and for what is none."""
    found: UUID | None = reader.execute(select(accounts.c.owner_id).where(accounts.c.id == account_id)).scalar()
    return found
