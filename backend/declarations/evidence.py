"""The end of what was handed in: some time after the decision its material goes, as the pledge says."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import Row, delete, select, update
from sqlalchemy.orm import Session

from backend.declarations import models, rules, shelves
from backend.kit import city, clock, files

PURGE_AT_ONCE = 500
EVIDENCE_DAYS = 365
"""Where the catalogue in force says nothing any more."""


def purge(session: Session, day: date) -> int:
    """Empty up to 500 declarations decided longer ago than the period on ``day``; how many were.

    A confirmed one stays to be revoked if it proves false: its record says what it was.
    """
    known = rules.terms(city.get(session, "catalogue").content)
    before = clock.start_of_day(day) - timedelta(days=known.evidence_days if known else EVIDENCE_DAYS)
    entry = models.queue.c
    old = select(models.queue).where(entry.closed_at < before, entry.emptied_at.is_(None)).limit(PURGE_AT_ONCE)
    rows = session.execute(old).all()
    for row in rows:
        _empty(session, row)
    return len(rows)


def _empty(session: Session, entry: Row[Any]) -> None:
    shelf, key = shelves.shelf_of(entry)
    columns = shelf.pictures.c
    its = (columns[shelf.key] == key) & (columns.declaration_id == entry.declaration_id)
    for picture in session.execute(select(columns.file_id, shelf.owner).where(its)).all():
        files.delete_image(session, picture[1], picture[0])
    session.execute(delete(shelf.pictures).where(its))
    shelves.change(session, shelf, key, entry.declaration_id, content=None)
    this = (models.queue.c.item_code == entry.item_code) & (models.queue.c.declaration_id == entry.declaration_id)
    status = select(shelf.table.c.status).where(shelves.which(shelf, key, entry.declaration_id))
    if session.execute(status).scalar() == rules.CONFIRMED:
        session.execute(update(models.queue).where(this).values(emptied_at=clock.now()))
    else:
        session.execute(delete(models.queue).where(this))
