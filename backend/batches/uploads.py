"""Where uploads lie until they are worked off, and for thirty days more: sealed pieces, each kept at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from backend.batches.errors import UploadForgotten
from backend.batches.models import batches, frames, returns
from backend.intake.scanning import PIECE_BYTES
from backend.kit import clock, db
from backend.kit.db import Reader
from backend.kit.vault import Vault

FRAME, RETURN, QUARANTINE = "frame", "return", "quarantine"
VERDICTS = -1
ORPHAN = timedelta(days=1)
"""No upload takes so long."""
_KEY = {"table": "batches", "column": "data_key_sealed"}


def sealed_key(vault: Vault) -> str:
    return vault.sealed(**_KEY)


def vault_of(batch_id: UUID, sealed: str | None) -> Vault:
    """The key of a batch's contents. Raises UploadForgotten once it is destroyed."""
    if sealed is None:
        raise UploadForgotten()
    return Vault.opened(sealed, row=batch_id, **_KEY)


def keep_frame(session: Session, vault: Vault, number: int, piece: bytes) -> None:
    """Keep a piece of an upload; all but the last are of PIECE_BYTES."""
    content = vault.put(piece, FRAME, number)
    session.execute(insert(frames).values(batch_id=vault.row, number=number, content=content, created_at=clock.now()))


def read(vault: Vault, offset: int, size: int) -> bytes:
    """Some of an upload's bytes, fewer at its end. Opens a reading of its own."""
    first, last = offset // PIECE_BYTES, (offset + size - 1) // PIECE_BYTES
    found = b"".join(_pieces(vault, first, last))
    start = offset - first * PIECE_BYTES
    return found[start : start + size]


def _pieces(vault: Vault, first: int, last: int) -> Iterator[bytes]:
    query = select(frames.c.number, frames.c.content).where(
        frames.c.batch_id == vault.row, frames.c.number.between(first, last)
    )
    with db.reading() as reader:
        rows = reader.execute(query.order_by(frames.c.number)).all()
    for row in rows:
        yield vault.get(row.content, FRAME, row.number)


def keep_return(session: Session, vault: Vault, number: int, rows: int, content: bytes) -> None:
    """Keep what goes back of a piece."""
    kept = vault.put(content, RETURN, number)
    session.execute(insert(returns).values(batch_id=vault.row, number=number, rows=rows, content=kept))


def returned(reader: Reader, vault: Vault) -> Iterator[bytes]:
    """What goes back, piece by piece."""
    mine = (returns.c.batch_id == vault.row, returns.c.number > VERDICTS)
    numbers = reader.execute(select(returns.c.number).where(*mine).order_by(returns.c.number)).scalars().all()
    for number in numbers:
        yield one_return(reader, vault, number) or b""


def one_return(reader: Reader, vault: Vault, number: int) -> bytes | None:
    one = (returns.c.batch_id == vault.row, returns.c.number == number)
    content = reader.execute(select(returns.c.content).where(*one)).scalar()
    return None if content is None else vault.get(content, RETURN, number)


def forget(session: Session, batch_id: UUID) -> None:
    """Delete what an upload left."""
    for table in (frames, returns):
        session.execute(delete(table).where(table.c.batch_id == batch_id))


def sweep_orphans(session: Session) -> int:
    """Delete pieces of uploads that never became a batch; how many."""
    known = select(batches.c.id).where(batches.c.id == frames.c.batch_id).exists()
    old = frames.c.created_at < clock.now() - ORPHAN
    return len(session.execute(delete(frames).where(old, ~known).returning(frames.c.number)).all())
