"""News of the archives, told inside the transaction that makes it: whoever computes from an archive follows at once.

``records.changed`` {resident_id, record_id, change} and ``records.entity-changed`` {entity_code, record_id, change} of
one record; ``records.loaded`` {resident_ids} and ``records.entities-loaded`` {entity_codes} once for many.
``change``: added, corrected, or the status that the record has now.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.orm import Session

from backend.kit import outbox


def tell(session: Session, resident_id: UUID, record_id: UUID, change: str) -> None:
    payload = {"resident_id": str(resident_id), "record_id": str(record_id), "change": change}
    outbox.tell(session, "records.changed", payload, shard=resident_id)


def tell_loaded(session: Session, resident_ids: Collection[UUID]) -> None:
    """Nothing is told of nobody."""
    if resident_ids:
        outbox.tell(session, "records.loaded", {"resident_ids": [str(key) for key in resident_ids]})


def tell_entity(session: Session, entity_code: str, record_id: UUID | None, change: str) -> None:
    payload = {"entity_code": entity_code, "record_id": str(record_id) if record_id else None, "change": change}
    outbox.tell(session, "records.entity-changed", payload)


def tell_entities_loaded(session: Session, entity_codes: Collection[str]) -> None:
    if entity_codes:
        outbox.tell(session, "records.entities-loaded", {"entity_codes": list(entity_codes)})
