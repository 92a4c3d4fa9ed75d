"""Read-only for a while: what an operator has announced, known to every process within a second.

One row stands in the database while maintenance is on. A process asks for it at most once a second and answers from
memory in between, so that no request pays a statement for it. Where the question fails, the last answer holds.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import CheckConstraint, String, delete, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, Session, mapped_column

from backend.kit import clock, db
from backend.kit.db import Base, Reader, insert, local

FRESH_SECONDS = 1.0
MOST_MESSAGE = 200
log = structlog.get_logger("maintenance")


class MaintenanceRow(Base):
    """At most one row: the programme takes no writes over HTTP while it stands."""

    __tablename__ = "maintenance"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"), local())

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    since_at: Mapped[datetime]
    until_at: Mapped[datetime | None]
    message: Mapped[str] = mapped_column(String(MOST_MESSAGE))


@dataclass(frozen=True)
class Notice:
    """Maintenance is on. ``until_at`` is what callers were told; it ends when it is switched off, not then."""

    since_at: datetime
    until_at: datetime | None
    message: str

    def retry_seconds(self, now: datetime) -> int:
        """How long a caller should wait before the next try: until the announced end, 15 s to an hour."""
        left = 60.0 if self.until_at is None else (self.until_at - now).total_seconds()
        return int(min(3600, max(15, left)))


def switch_on(session: Session, until_at: datetime | None = None, message: str = "") -> Notice:
    """Begin, or say something new while it is on. ``message``: at most 200 characters, shown to callers."""
    values = dict(since_at=clock.now(), until_at=until_at, message=message[:MOST_MESSAGE])
    statement = insert(session, MaintenanceRow).values(id=1, **values)
    renewed = {name: statement.excluded[name] for name in ("until_at", "message")}
    session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=renewed))
    notice = standing(session)
    if notice is None:
        raise RuntimeError("the row that was just written is not there")
    return notice


def switch_off(session: Session) -> bool:
    """End it. False when it was not on."""
    return session.execute(delete(MaintenanceRow).returning(MaintenanceRow.id)).first() is not None


def standing(reader: Reader) -> Notice | None:
    """What stands in the database at this moment."""
    columns = select(MaintenanceRow.since_at, MaintenanceRow.until_at, MaintenanceRow.message)
    row = reader.execute(columns).first()
    return None if row is None else Notice(*row)


_asking = threading.Lock()
_asked_at = float("-inf")
_known: Notice | None = None


def noticed() -> Notice | None:
    """The same as this process last heard it, at most a second ago."""
    if time.monotonic() - _asked_at >= FRESH_SECONDS and _asking.acquire(blocking=False):
        try:
            _ask()
        finally:
            _asking.release()
    return _known


def forget() -> None:
    """Ask anew at the next question; for another database and for whoever has just switched."""
    global _asked_at, _known
    _asked_at, _known = float("-inf"), None


def _ask() -> None:
    global _asked_at, _known
    try:
        with db.reading() as reader:
            _known = standing(reader)
    except DBAPIError as error:  # the table may still be missing, the database away for a moment
        log.warning("maintenance.not_known", error=type(error).__name__)
    _asked_at = time.monotonic()
