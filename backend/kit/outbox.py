"""News from one room for another.

Two wires. **within**: handlers run at once, in the teller's transaction, and share its fate. **after**: one row
per subscriber is written in that transaction and delivered when it has committed, at least once, with growing
pauses; subscribers are safe to repeat. Both are wired in the composition root alone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import Index, String, func, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from backend.kit import clock, db
from backend.kit.db import Base, Reader, distributed
from backend.kit.ids import NIL, new_id
from backend.kit.prepared import Batch, Prepared

Within = Callable[[Session, dict[str, Any]], None]
Joins = Callable[[Session, dict[str, Any], Batch | None], None]
After = Callable[[dict[str, Any]], None]

MOST_TRIES = 12
LEASE_SECONDS = 120

_within: dict[str, list[Within]] = {}
_joins: dict[str, list[Joins]] = {}
_after: dict[str, dict[str, After]] = {}
log = structlog.get_logger("outbox")


class OutboxRow(Base):
    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_state_due_at", "state", "due_at"), distributed("shard_id"))

    shard_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(String(60))
    subscriber: Mapped[str] = mapped_column(String(60))
    payload: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(10))
    tries: Mapped[int]
    due_at: Mapped[datetime]
    created_at: Mapped[datetime]
    last_error: Mapped[str] = mapped_column(String(200))


_WRITE = Prepared(insert(OutboxRow))


def within(topic: str, handler: Within) -> None:
    """Let ``handler`` run in the teller's transaction."""
    handlers = _within.setdefault(topic, [])
    if handler not in handlers:
        handlers.append(handler)


def joins(topic: str, handler: Joins) -> None:
    """The same for a handler that only writes rows of its own: it may leave them to the teller's batch."""
    handlers = _joins.setdefault(topic, [])
    if handler not in handlers:
        handlers.append(handler)


def after(topic: str, name: str, handler: After) -> None:
    """Let ``handler`` hear of it once the teller's transaction has committed. ``name`` is kept in the rows."""
    _after.setdefault(topic, {})[name] = handler


def tell(session: Session, topic: str, payload: dict[str, Any], shard: UUID = NIL, batch: Batch | None = None) -> None:
    """Tell ``topic``'s subscribers. ``payload`` must be JSON: ids as text; never names, id numbers or phones.

    With ``batch`` the rows of those who hear of it after the commit are left to it, and what others join to it.
    """
    for handler in _within.get(topic, ()):
        handler(session, payload)
    for joining in _joins.get(topic, ()):
        joining(session, payload, batch)
    instant = clock.now()
    rows = [
        dict(shard_id=shard, id=new_id(), topic=topic, subscriber=name, payload=payload, state="waiting",
             tries=0, due_at=instant, created_at=instant, last_error="")
        for name in _after.get(topic, {})
    ]  # fmt: skip
    for row in rows:
        if batch is None:
            _WRITE.run(session, row)
        else:
            batch.add(_WRITE, row)


def _claim(limit: int) -> list[OutboxRow]:
    """Take waiting rows whose time has come, and push their next try a lease ahead, in a transaction of its own."""
    instant = clock.now()
    with db.transaction() as session:
        due = (
            select(OutboxRow)
            .where(OutboxRow.state == "waiting", OutboxRow.due_at <= instant)
            .order_by(OutboxRow.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        rows = list(session.scalars(due))
        for row in rows:
            row.tries += 1
            row.due_at = instant + timedelta(seconds=LEASE_SECONDS)
        session.flush()
        session.expunge_all()
    return rows


def _settle(row: OutboxRow, **values: Any) -> None:
    with db.transaction() as session:
        session.execute(
            update(OutboxRow).where(OutboxRow.shard_id == row.shard_id, OutboxRow.id == row.id).values(**values)
        )


def _deliver_one(row: OutboxRow) -> bool:
    handler = _after.get(row.topic, {}).get(row.subscriber)
    try:
        if handler is None:
            raise LookupError(f"nobody is wired as {row.subscriber}")
        handler(row.payload)
    except Exception as error:  # a subscriber's failure is its row's, never its neighbours'
        dead = row.tries >= MOST_TRIES
        pause = timedelta(seconds=min(2**row.tries, 3600))
        log.warning("outbox.failed", topic=row.topic, subscriber=row.subscriber, tries=row.tries, dead=dead,
                    error=type(error).__name__)  # fmt: skip
        _settle(row, state="dead" if dead else "waiting", due_at=clock.now() + pause, last_error=type(error).__name__)
        return False
    _settle(row, state="done", last_error="")
    return True


def deliver(limit: int = 100, stopped: Callable[[], bool] = lambda: False) -> int:
    """Deliver what is due and return how many arrived. Safe to run in several workers at once.

    When ``stopped`` says so, the row at hand is finished and those not begun are given back for others to take.
    """
    arrived = 0
    for row in _claim(limit):
        if stopped():
            _settle(row, tries=row.tries - 1, due_at=clock.now())
        else:
            arrived += _deliver_one(row)
    return arrived


class Backlog(NamedTuple):
    """How many rows stand in a state, counted to a limit, and when the oldest of those counted was written."""

    rows: int
    oldest_at: datetime | None


COUNTED = 10_000


def backlog(reader: Reader, state: str) -> Backlog:
    """What is ``waiting`` or ``dead``, counted to 10,000: the cost has an end however much has piled up."""
    some = select(OutboxRow.created_at).where(OutboxRow.state == state).order_by(OutboxRow.due_at).limit(COUNTED)
    counted = some.subquery()
    row = reader.execute(select(func.count(), func.min(counted.c.created_at))).one()
    return Backlog(row[0], row[1])


def waiting(reader: Reader) -> dict[str, int]:
    """How many rows stand in each state but ``done``; for metrics and for ``/readyz``."""
    rows = reader.execute(
        select(OutboxRow.state, func.count()).where(OutboxRow.state != "done").group_by(OutboxRow.state)
    )
    return {row[0]: row[1] for row in rows}


def waiting_longer_than(reader: Reader, age: timedelta) -> int:
    """How many rows have waited longer than ``age`` without ever having been tried: nobody delivers."""
    old = (OutboxRow.state == "waiting", OutboxRow.tries == 0, OutboxRow.created_at < clock.now() - age)
    return int(reader.execute(select(func.count()).where(*old)).scalar_one())
