"""The keys of uploads under the master key of today."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.batches import uploads
from backend.batches.models import batches
from backend.kit import rotation, seal
from backend.kit.rotation import Progress


def rewrap_keys(session: Session, after: UUID | None, limit: int) -> Progress:
    """Seal the keys of the next batches under the current master key. What they open needs no change."""
    query = select(batches.c.id, batches.c.data_key_sealed).where(batches.c.data_key_sealed.is_not(None))
    if after is not None:
        query = query.where(batches.c.id > after)
    rows = session.execute(query.order_by(batches.c.id).limit(limit)).all()
    changed = 0
    for row in rows:
        if seal.current().is_current(row.data_key_sealed):
            continue
        new: Any = uploads.sealed_key(uploads.vault_of(row.id, row.data_key_sealed))
        this = (batches.c.id == row.id, batches.c.data_key_sealed == row.data_key_sealed)
        told = update(batches).where(*this).values(data_key_sealed=new).returning(batches.c.id)
        changed += session.execute(told).first() is not None
    return Progress(rows[-1].id if len(rows) == limit else None, len(rows), changed)


def register() -> None:
    """Tell the kit what this room keeps under the master key."""
    rotation.rewraps("batches.keys", rotation.Pass("上传文件的密钥", ("batches.data_key_sealed",), rewrap_keys))
