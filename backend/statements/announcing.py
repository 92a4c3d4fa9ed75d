"""Telling residents of points that end soon: once by each of the city's rules, with the true number of days left."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.kit import city, clock, db, outbox
from backend.kit.db import Reader
from backend.ledger import service as ledger
from backend.statements import rules
from backend.statements.models import NoticeRow

ENDING = "points.ending"
"""Told within: ``resident_id``, ``points``, ``expires_on``, ``days_left``."""


class Notice(NamedTuple):
    """Points of a resident that end on a day, and by which rule she is told."""

    resident_id: UUID
    expires_on: date
    days_before: int
    points: int


def days_before(reader: Reader, day: date) -> Sequence[int]:
    """The city's rules on a day: so many days before the last good one."""
    found: Sequence[int] = (
        city.get(reader, "city", day).content.get("points", {}).get("announce_days_before", rules.DAYS_BEFORE)
    )
    return found


def due(
    reader: Reader, days: Collection[int], day: date, limit: int, after: tuple[UUID, date] | None
) -> tuple[list[Notice], tuple[UUID, date] | None]:
    """What nobody was told yet among the next ``limit`` residents and days; the position behind them, if any."""
    found = ledger.ending(reader, day, day + timedelta(days=max(days)), limit, after)
    wanted = [
        Notice(one.resident_id, one.expires_on, by, one.points)
        for one in found
        if (by := rules.notice_due(days, day, one.expires_on)) is not None
    ]
    told = _told(reader, {one.resident_id for one in wanted}, day)
    missing = [one for one in wanted if one[:3] not in told]
    return missing, (found[-1].resident_id, found[-1].expires_on) if len(found) == limit else None


def _told(reader: Reader, resident_ids: Collection[UUID], day: date) -> set[tuple[UUID, date, int]]:
    columns = (NoticeRow.resident_id, NoticeRow.expires_on, NoticeRow.days_before)
    these = select(*columns).where(NoticeRow.resident_id.in_(resident_ids), NoticeRow.expires_on >= day)
    return {(row[0], row[1], row[2]) for row in reader.execute(these)}


def announce(session: Session, notices: Sequence[Notice], day: date) -> int:
    """Tell them, but for those who have left or were told meanwhile; how many were told."""
    people = sorted({one.resident_id for one in notices})
    accounts.hold_people(session, people)
    living = accounts.living(session, people)
    return sum(_announce_one(session, one, day) for one in notices if one.resident_id in living)


def _announce_one(session: Session, notice: Notice, day: date) -> bool:
    values = {**notice._asdict(), "told_at": clock.now()}
    if not db.insert_if_absent(session, NoticeRow, values, ("resident_id", "expires_on", "days_before")):
        return False
    told = {
        "resident_id": str(notice.resident_id), "points": notice.points, "expires_on": notice.expires_on.isoformat(),
        "days_left": (notice.expires_on - day).days,
    }  # fmt: skip
    outbox.tell(session, ENDING, told, shard=notice.resident_id)
    return True
