"""Taking back what a batch brought, some at a time.

What the batch added is withdrawn, and may be reported anew: the same document in a later batch brings it back, which
a record withdrawn on its own merits never is. What the batch corrected says again what it said before. Whatever has
been decided or corrected since stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, or_, select, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.kit import clock, db
from backend.records.archives import ENTITIES, PEOPLE, SAID, Archive, keep_versions
from backend.records.changing import CORRECTABLE
from backend.records.telling import tell_entities_loaded, tell_loaded


def withdraw_batch_chunk(session: Session, batch_id: UUID, by: UUID | None, reason: str, limit: int) -> int:
    """Take back at most ``limit`` records of a batch; how many. 0: nothing of it is left to take back.

    Called until it answers 0, each time in a transaction of its own, it may be broken off and taken up at any point.
    """
    taken = _take_back(session, PEOPLE, batch_id, by, reason, limit)
    tell_loaded(session, sorted({row.resident_id for row in taken}, key=lambda key: key.int))
    count = len(taken)
    if count < limit:
        rest = _take_back(session, ENTITIES, batch_id, by, reason, limit - count)
        tell_entities_loaded(session, sorted({row.entity_code for row in rest}))
        count += len(rest)
    return count


def _take_back(
    session: Session, archive: Archive, batch_id: UUID, by: UUID | None, reason: str, limit: int
) -> Sequence[Any]:
    held = _held(session, archive, batch_id, limit)
    if not held:
        return held
    instant = clock.now()
    keep_versions(session, archive, archive.these({row[0] for row in held}, [row.id for row in held]), instant)
    told: dict[str, Any] = dict(
        version=archive.records.c.version + 1, changed_at=instant, changed_by=by, change_reason=reason[:200]
    )
    before = _before(session, archive, batch_id, held)
    if withdrawn := [row for row in held if row.id not in before]:
        these = archive.these({row[0] for row in withdrawn}, [row.id for row in withdrawn])
        session.execute(update(archive.records).where(these).values(**told, status="withdrawn", recalled=True))
    if before:
        _put_back(session, archive, list(before.values()), told)
    return held


def _held(session: Session, archive: Archive, batch_id: UUID, limit: int) -> Sequence[Any]:
    """The next records that the batch still speaks in, locked; of people, these are first kept from leaving.

    Who computes from an archive locks the person after the records, here as wherever one of them changes.
    """
    table = archive.records
    standing = (table.c.batch_id == batch_id, table.c.status.in_(CORRECTABLE))
    keyed = (table.c[archive.key], table.c.id)
    found = session.execute(select(*keyed).where(*standing).limit(limit)).all()
    if archive is PEOPLE:
        accounts.hold_people(session, {row.resident_id for row in found})
    these = archive.these({row[0] for row in found}, [row.id for row in found])
    columns = (*keyed, table.c.version, table.c.item_code, table.c.document_no)
    return session.execute(db.for_update(select(*columns).where(these, *standing).order_by(*keyed))).all()


def _before(session: Session, archive: Archive, batch_id: UUID, held: Sequence[Any]) -> dict[UUID, Row[Any]]:
    """What those among the records that stood already said before the batch, by id.

    One that had been withdrawn with an earlier batch did not stand, nor can one come back whose number another has.
    """
    table = archive.versions
    older = [row for row in held if row.version > 1]
    these = (table.c[archive.key].in_({row[0] for row in older}), table.c.id.in_([row.id for row in older]))
    others = or_(table.c.batch_id.is_(None), table.c.batch_id != batch_id)
    last: dict[UUID, Row[Any]] = {}
    for row in session.execute(select(table).where(*these, others).order_by(table.c.version)):
        last[row.id] = row
    now = {row.id: row.document_no for row in held}
    return {
        record_id: row
        for record_id, row in last.items()
        if row.status in CORRECTABLE and (row.document_no == now[record_id] or _free(session, archive, row))
    }


def _free(session: Session, archive: Archive, row: Row[Any]) -> bool:
    table = archive.records
    document = (table.c.item_code == row.item_code, table.c.document_no == row.document_no)
    taken = select(table.c.id).where(archive.whose(getattr(row, archive.key)), *document)
    return session.execute(taken).first() is None


def _put_back(session: Session, archive: Archive, rows: Sequence[Row[Any]], told: dict[str, Any]) -> None:
    table, names = archive.records, (*SAID, "batch_id")
    this = (table.c[archive.key] == bindparam("this_key"), table.c.id == bindparam("this_id"))
    statement = update(table).where(*this).values(**told, **{name: bindparam(f"old_{name}") for name in names})
    session.execute(
        statement,
        [
            {"this_key": getattr(row, archive.key), "this_id": row.id}
            | {f"old_{name}": getattr(row, name) for name in names}
            for row in rows
        ],
    )
