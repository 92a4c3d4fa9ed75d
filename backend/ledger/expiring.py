"""Booking out points that have ended, many residents at a time.

A chunk is a range of resident ids with due lots. Its wallets are locked in the order of the ids, as everybody locks
them; only then are the lots read, so that what a redemption booked out meanwhile is not there any more. What one
resident gets is what ``service.expire_due`` would give her: the same entries, by the same rules.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from backend.kit import db
from backend.kit.db import Reader, for_update
from backend.kit.ids import NIL
from backend.ledger.book import Book, many_books, post_due, write_all
from backend.ledger.models import lots, wallets
from backend.ledger.rules import Lot

CHUNK = 500
"""Residents booked out in one transaction: some tenths of a second for whoever waits for one of these wallets."""


class Expired(NamedTuple):
    """What a run has booked out so far; ``after``: the last resident of it."""

    residents: int
    lots: int
    points: int
    after: UUID = NIL


Progress = Callable[[Expired], None]
_DUE = (
    lots.c.remaining_points > 0, lots.c.expires_on < bindparam("day"), lots.c.resident_id > bindparam("after"),
)  # fmt: skip
_NEXT = (
    select(lots.c.resident_id).where(*_DUE).distinct().order_by(lots.c.resident_id).limit(bindparam("count"))
)  # fmt: skip
_IN_RANGE = (*_DUE, lots.c.resident_id <= bindparam("upto"))
_LOCK = for_update(
    select(wallets.c.resident_id, wallets.c.balance_points, wallets.c.entries, wallets.c.counted)
    .where(wallets.c.resident_id.in_(select(lots.c.resident_id).where(*_IN_RANGE)))
    .order_by(wallets.c.resident_id)
)
_LOTS = select(
    lots.c.resident_id, lots.c.id, lots.c.issuer_id, lots.c.expires_on, lots.c.remaining_points
).where(*_IN_RANGE)  # fmt: skip


def expire_all(day: date, *, chunk: int | None = None, progress: Progress | None = None) -> Expired:
    """Book out every lot whose last good day is before ``day``, chunk by chunk in the order of keys.

    Each chunk commits by itself, so an interrupted run is taken up by the next; whoever's lots a redemption has booked
    out meanwhile has none left. Nothing depends on when this runs: reads leave due lots out anyway. For jobs and
    commands: it opens its own transactions.
    """
    done, size = Expired(0, 0, 0), chunk or CHUNK
    while True:
        with db.reading() as reader:
            upto = _end_of_chunk(reader, done.after, day, size)
        if upto is None:
            return done
        with db.transaction() as session:
            part = expire_between(session, done.after, upto, day)
        done = Expired(done.residents + part.residents, done.lots + part.lots, done.points + part.points, upto)
        if progress:
            progress(done)


def _end_of_chunk(reader: Reader, after: UUID, day: date, size: int) -> UUID | None:
    keys = reader.execute(_NEXT, {"day": day, "after": after, "count": size}).scalars().all()
    return keys[-1] if keys else None


def expire_between(session: Session, after: UUID, upto: UUID, day: date) -> Expired:
    """Book out what is due of the residents behind ``after`` up to ``upto``."""
    within = {"day": day, "after": after, "upto": upto}
    books = many_books(session, session.execute(_LOCK, within))
    for resident_id, *lot in session.execute(_LOTS, within):
        if book := books.get(resident_id):  # else it was awarded, and has ended, since the wallets were locked
            book.know(Lot(*lot))
    posted = [transfer for book in books.values() for transfer in post_due(session, book, day)]
    write_all(session, [book for book in books.values() if book.transfers])
    return Expired(_residents(books), len(posted), sum(transfer.amount_points for transfer in posted), upto)


def _residents(books: dict[UUID, Book]) -> int:
    return sum(bool(book.transfers) for book in books.values())
