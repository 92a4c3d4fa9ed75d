"""Digests of plates under every hash key."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select, tuple_
from sqlalchemy.orm import Session

from backend.kit import db, rotation, seal
from backend.kit.rotation import Progress
from backend.parking import plates, rules
from backend.parking.models import lookups
from backend.parking.models import plates as table


def rehash(session: Session, after: Any, limit: int) -> Progress:
    """Write each plate's digest under every hash key beside those that stand. The row is held meanwhile, so
    that a plate that ends is not found again."""
    query = select(table).where(table.c.state != rules.ENDED).order_by(table.c.resident_id, table.c.id)
    if after is not None:
        query = query.where(tuple_(table.c.resident_id, table.c.id) > tuple_(*after))
    rows = session.execute(query.limit(limit).with_for_update()).all()
    changed = 0
    for row in rows:
        whose = {"resident_id": row.resident_id, "plate_id": row.id, "confirmed": row.state == rules.CONFIRMED}
        for key_id, digest in seal.digests(plates.DIGEST, plates.opened(session, row)):
            values = {"key_id": key_id, "digest": digest, **whose}
            changed += db.insert_if_absent(session, lookups, values, ("key_id", "digest", "resident_id"))
    position = (rows[-1].resident_id, rows[-1].id) if len(rows) == limit else None
    return Progress(position, len(rows), changed)


def forget_digests(session: Session, key_id: str, limit: int) -> int:
    """Delete look-up rows of a hash key that is no longer used."""
    some = list(session.execute(select(lookups.c.digest).where(lookups.c.key_id == key_id).limit(limit)).scalars())
    gone = delete(lookups).where(lookups.c.key_id == key_id, lookups.c.digest.in_(some))
    return len(session.execute(gone.returning(lookups.c.digest)).all()) if some else 0


def register() -> None:
    """Tell the kit what this room keeps under keys."""
    rotation.rehashes("parking.plates", rotation.Pass("车牌检索摘要", ("parking_plate_lookups.digest",), rehash))
    rotation.forgets("parking.plates", forget_digests)
    rotation.needless("parking_plates.plate_sealed", "under the person's data key")
