"""Deleting what is past its day, and proving it.

``counts_until_on`` is the last day on which a record is kept (an adverse one of a person: five years after the
conduct ended, 《征信业管理条例》 art. 16). It is a clock of its own: publicity ends earlier and leaves the record on
file. With a record go all its versions; one that was to be kept for less time than the record is goes on its day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Table, delete, func, select
from sqlalchemy.orm import Session

from backend.kit import clock, db
from backend.kit.db import Reader
from backend.records.archives import ENTITIES, PEOPLE, Archive
from backend.records.models import RetentionRunRow, retention_runs

ARCHIVES = (PEOPLE, ENTITIES)


@dataclass(frozen=True)
class Overdue:
    """What should be gone. ``oldest_on``: the last day of the oldest."""

    table: str
    item_code: str
    count: int
    oldest_on: date


@dataclass(frozen=True)
class Run:
    """What one day's run did about one item."""

    day: date
    item_code: str
    deleted: int
    oldest_left_on: date | None


def codes_on_file(reader: Reader) -> list[str]:
    """Every item of which anything is on file, whatever the catalogue says now: a few steps along an index."""
    found: set[str] = set()
    for archive in ARCHIVES:
        for table in (archive.records, archive.versions):
            found.update(_codes(reader, table))
    return sorted(found)


def _codes(reader: Reader, table: Table) -> Iterator[str]:
    code = reader.execute(select(func.min(table.c.item_code))).scalar()
    while code is not None:
        yield code
        code = reader.execute(select(func.min(table.c.item_code)).where(table.c.item_code > code)).scalar()


def delete_due(session: Session, item_code: str, day: date, limit: int) -> int:
    """Delete at most ``limit`` records of an item, or else so many versions, whose last day is before ``day``.

    Returns how many; 0 when none is left. It is noted in the day's proof in the same transaction.
    """
    deleted = 0
    for archive in ARCHIVES:
        deleted = deleted or _delete_records(session, archive, item_code, day, limit)
    for archive in ARCHIVES:
        deleted = deleted or _delete_versions(session, archive, item_code, day, limit)
    if deleted:
        _note(session, item_code, day, deleted)
    return deleted


def _delete_records(session: Session, archive: Archive, item_code: str, day: date, limit: int) -> int:
    """Records with all their versions; locked in the order of keys, as whoever changes many of them does."""
    table, due = archive.records, _due(archive.records, item_code, day)
    keyed = (table.c[archive.key], table.c.id)
    found = session.execute(select(*keyed).where(*due).order_by(table.c.counts_until_on).limit(limit)).all()
    these = archive.these({row[0] for row in found}, [row.id for row in found])
    held = session.execute(db.for_update(select(*keyed).where(these, *due).order_by(*keyed))).all()
    if held:
        keys, ids = {row[0] for row in held}, [row.id for row in held]
        old = archive.versions
        session.execute(delete(old).where(old.c[archive.key].in_(keys), old.c.id.in_(ids)))
        session.execute(delete(table).where(archive.these(keys, ids)))
    return len(held)


def _delete_versions(session: Session, archive: Archive, item_code: str, day: date, limit: int) -> int:
    table = archive.versions
    keyed = (table.c[archive.key], table.c.id, table.c.version)
    due = _due(table, item_code, day)
    found = session.execute(select(*keyed).where(*due).order_by(table.c.counts_until_on).limit(limit)).all()
    if not found:
        return 0
    these = (table.c[archive.key].in_({row[0] for row in found}), table.c.id.in_({row.id for row in found}))
    return len(session.execute(delete(table).where(*these, *due).returning(table.c.id)).all())


def _due(table: Table, item_code: str, day: date) -> tuple[Any, ...]:
    return table.c.item_code == item_code, table.c.counts_until_on < day


def _note(session: Session, item_code: str, day: date, deleted: int, **told: Any) -> None:
    values = dict(day=day, item_code=item_code, deleted=deleted, oldest_left_on=None, at=clock.now()) | told
    statement = db.insert(session, RetentionRunRow).values(**values)
    added = {"deleted": retention_runs.c.deleted + deleted, "at": values["at"], **told}
    session.execute(statement.on_conflict_do_update(index_elements=["day", "item_code"], set_=added))


def close_day(session: Session, item_code: str, day: date) -> date | None:
    """Note what is the oldest that is left of an item; a day's proof has a line for every item on file."""
    oldest = min(
        (
            found
            for archive in ARCHIVES
            for table in (archive.records, archive.versions)
            if (found := _oldest(session, table, item_code)) is not None
        ),
        default=None,
    )
    _note(session, item_code, day, 0, oldest_left_on=oldest)
    return oldest


def _oldest(reader: Reader, table: Table, item_code: str) -> date | None:
    found: date | None = reader.execute(
        select(func.min(table.c.counts_until_on)).where(table.c.item_code == item_code)
    ).scalar()
    return found


def overdue(reader: Reader, day: date) -> list[Overdue]:
    """All that is on file past its last day; empty when the promise is kept."""
    found = []
    for archive in ARCHIVES:
        for table in (archive.records, archive.versions):
            for code in _codes(reader, table):
                figures = select(func.count(), func.min(table.c.counts_until_on)).where(*_due(table, code, day))
                count, oldest_on = reader.execute(figures).one()
                if count:
                    found.append(Overdue(table.name, code, count, oldest_on))
    return found


def runs_of(reader: Reader, day: date) -> list[Run]:
    """The proof of a day, by item."""
    columns = (retention_runs.c.day, retention_runs.c.item_code, retention_runs.c.deleted,
               retention_runs.c.oldest_left_on)  # fmt: skip
    rows = reader.execute(select(*columns).where(retention_runs.c.day == day).order_by(retention_runs.c.item_code))
    return [Run(*row) for row in rows]


def last_day(reader: Reader) -> date | None:
    """The last day of which there is a proof."""
    found: date | None = reader.execute(select(func.max(retention_runs.c.day))).scalar()
    return found


def provable_on(last: date | None, today: date) -> date:
    """As of which day the promise can be held against what is on file: yesterday until today's job has run after
    yesterday's did, else today."""
    yesterday = today - timedelta(days=1)
    return yesterday if last == yesterday else today
