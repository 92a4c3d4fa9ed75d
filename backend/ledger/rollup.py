"""Days are closed one after another: their transfers are then complete, and summed up for each system account.

**When a day is closed.** A transfer says ``created_at`` by the clock of the server that writes it, and is seen by
others only when its transaction commits. So a day is closed an hour after it ended, and on PostgreSQL only when no
transaction that has written anything is still open from before that hour: whatever begins later dates what it writes
later, unless a clock is wrong by more than an hour. SQLite has one writer, so that none is open while a day is closed.
From then on nothing is dated into a closed day: a transfer is dated the end of the newest one when a clock says less
(``book.Book.post``), so a clock that was set back makes nothing late and refuses nobody. What has not been closed yet
is counted from the transfers themselves, each time somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, bindparam, case, func, literal, or_, select, text, union_all
from sqlalchemy.orm import Session

from backend.kit import clock, db
from backend.kit.db import Reader, UtcDateTime, insert_if_absent
from backend.ledger.book import COLUMNS, Transfer, transfer_of
from backend.ledger.models import day_totals, days, transfers

SETTLED_AFTER = timedelta(hours=1)
"""How long after its end a day is closed: more than the clocks of servers differ, and than an act takes."""

PAGE = 4096


class ClosedDay(NamedTuple):
    """``day`` in Asia/Shanghai, of ``created_at``; ``points``: the sum of its transfers."""

    day: date
    transfers: int
    points: int


@dataclass
class Total:
    """What a day moved out of (debit) and into (credit) one account, and in how many transfers."""

    debit_points: int = 0
    credit_points: int = 0
    transfers: int = 0


_NEWEST_END = select(func.max(days.c.ends_at)).scalar_subquery()
_LAST_TOTAL = (
    select(day_totals.c.balance_points)
    .where(day_totals.c.account_id == bindparam("account"))
    .order_by(day_totals.c.day.desc())
    .limit(1)
)
_EFFECT = case((transfers.c.credit_account_id == bindparam("account"), 1), else_=-1) * transfers.c.amount_points
_MINE = or_(transfers.c.debit_account_id == bindparam("account"), transfers.c.credit_account_id == bindparam("account"))
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_SINCE = select(func.coalesce(func.sum(_EFFECT), 0)).where(
    _MINE, transfers.c.created_at >= func.coalesce(_NEWEST_END, bindparam("beginning", type_=UtcDateTime()))
)
_BALANCE = select(func.coalesce(_LAST_TOTAL.scalar_subquery(), 0) + _SINCE.scalar_subquery())


def account_balance(reader: Reader, account_id: UUID) -> int:
    """What a system account holds now (negative for the mint): the newest closed day's balance and what came since.

    One statement, hence one moment; it reads a day or two of transfers, however old the ledger is.
    """
    return int(reader.execute(_BALANCE, {"account": account_id, "beginning": _BEGINNING}).scalar() or 0)


def closed_days(reader: Reader, after: date | None = None) -> list[ClosedDay]:
    """The closed days that had transfers, oldest first; those after a day."""
    statement = select(days.c.day, days.c.transfers, days.c.points).order_by(days.c.day)
    if after is not None:
        statement = statement.where(days.c.day > after)
    return [ClosedDay(*row) for row in reader.execute(statement)]


def is_closed(reader: Reader, instant: datetime) -> bool:
    """Whether what was written at an instant lies in a closed day."""
    newest = reader.execute(select(func.max(days.c.ends_at))).scalar()
    return newest is not None and instant < newest


def transfers_of_day(
    reader: Reader, day: date, after: tuple[datetime, UUID] | None = None, limit: int = PAGE
) -> list[Transfer]:
    """Up to ``limit`` transfers of a Shanghai day of ``created_at``, by that and then by id; those after one."""
    statement = select(*COLUMNS).where(*_of(day)).order_by(transfers.c.created_at, transfers.c.id).limit(limit)
    if after is not None:
        at, key = after
        later = or_(transfers.c.created_at > at, (transfers.c.created_at == at) & (transfers.c.id > key))
        statement = statement.where(transfers.c.created_at >= at, later)
    return [transfer_of(row) for row in reader.execute(statement)]


# --- closing -----------------------------------------------------------------------------------------------------


def close_next(session: Session) -> ClosedDay | None:
    """Close the oldest day that is complete and not closed; None when there is none, or when it has to wait.

    Safe to repeat, and in several processes at once: only one of them closes a day.
    """
    now = clock.now()
    through = clock.shanghai_date(now - SETTLED_AFTER) - timedelta(days=1)
    if still_open(session, clock.end_of_day(through) + SETTLED_AFTER):
        return None
    day = _next_day(session)
    if day is None or day > through:
        return None
    count, points = session.execute(
        select(func.count(), func.coalesce(func.sum(transfers.c.amount_points), 0)).where(*_of(day))
    ).one()
    row = {"day": day, "ends_at": clock.end_of_day(day), "transfers": count, "points": int(points), "closed_at": now}
    if not insert_if_absent(session, days, row, ("day",)):
        return None
    for account_id, total in totals_of_day(session, day).items():
        before = session.execute(_LAST_TOTAL, {"account": account_id}).scalar() or 0
        session.execute(
            day_totals.insert(),
            {"account_id": account_id, "day": day, **vars(total),
             "balance_points": before + total.credit_points - total.debit_points},
        )  # fmt: skip
    return ClosedDay(day, count, int(points))


def close_all() -> list[ClosedDay]:
    """Close every day that can be closed, each in a transaction of its own."""
    closed: list[ClosedDay] = []
    while True:
        with db.transaction() as session:
            found = close_next(session)
        if found is None:
            return closed
        closed.append(found)


def still_open(reader: Reader, before: datetime) -> bool:
    """Whether a transaction that began before an instant has written something and has not ended.

    It is asked of PostgreSQL's own list of connections, where the installation's role sees its own. SQLite has no
    other writer while this one has the lock.
    """
    if db.dialect_of(reader) != "postgresql":
        return False
    found = reader.execute(
        text(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL"
            " AND pid <> pg_backend_pid() AND xact_start < :before)"
        ),
        {"before": before},
    )
    return bool(found.scalar())


def _next_day(reader: Reader) -> date | None:
    """The day of the oldest transfer after the newest closed day."""
    oldest = select(func.min(transfers.c.created_at))
    newest = reader.execute(select(func.max(days.c.ends_at))).scalar()
    if newest is not None:
        oldest = oldest.where(transfers.c.created_at >= newest)
    first = reader.execute(oldest).scalar()
    return None if first is None else clock.shanghai_date(first)


def _of(day: date) -> tuple[Any, Any]:
    return transfers.c.created_at >= clock.start_of_day(day), transfers.c.created_at < clock.end_of_day(day)


def totals_of_day(reader: Reader, day: date) -> dict[UUID, Total]:
    """What each system account moved on a day, summed from the transfers. Wallets are left out: they have a balance."""
    found: dict[UUID, Total] = {}
    for account_id, debit, credit, count in reader.execute(_totals(day)):
        found[account_id] = Total(int(debit), int(credit), count)
    return found


def _totals(day: date) -> Select[Any]:
    def side(account: Any, debit: Any, credit: Any) -> Select[Any]:
        columns = (account.label("account_id"), debit.label("debit"), credit.label("credit"))
        return select(*columns).where(*_of(day), account != transfers.c.resident_id)

    amount, none = transfers.c.amount_points, literal(0)
    both = union_all(
        side(transfers.c.debit_account_id, amount, none), side(transfers.c.credit_account_id, none, amount)
    ).subquery()
    return select(both.c.account_id, func.sum(both.c.debit), func.sum(both.c.credit), func.count()).group_by(
        both.c.account_id
    )


# --- proving -----------------------------------------------------------------------------------------------------


class Gap(NamedTuple):
    """A closed day (or what lies before it) that does not agree with the transfers, and how."""

    day: date
    what: str


def disagreements(reader: Reader) -> Iterator[tuple[ClosedDay, list[Gap]]]:
    """Every closed day, oldest first, with whatever of it does not agree: one day is in memory, and one figure for
    each account."""
    balances: dict[UUID, int] = {}
    known_until: datetime | None = None
    for day in closed_days(reader):
        found = [Gap(day.day, what) for what in _day(reader, day, balances)]
        between = [transfers.c.created_at < clock.start_of_day(day.day)]
        if known_until is not None:
            between.append(transfers.c.created_at >= known_until)
        if reader.execute(select(transfers.c.id).where(*between).limit(1)).first():
            found.append(Gap(day.day, "transfers before it, in a day that was not closed"))
        known_until = clock.end_of_day(day.day)
        yield day, found


def _day(reader: Reader, day: ClosedDay, balances: dict[UUID, int]) -> Iterator[str]:
    moved = select(func.count(), func.coalesce(func.sum(transfers.c.amount_points), 0)).where(*_of(day.day))
    count, points = reader.execute(moved).one()
    if (count, int(points)) != (day.transfers, day.points):
        yield f"closed with {day.transfers} transfers of {day.points}, but there are {count} of {int(points)}"
    true = totals_of_day(reader, day.day)
    rows = reader.execute(select(day_totals).where(day_totals.c.day == day.day))
    for row in rows:
        total = true.pop(row.account_id, Total())
        said = Total(row.debit_points, row.credit_points, row.transfers)
        if said != total:
            yield f"account {row.account_id} has {said}, but its transfers give {total}"
        balances[row.account_id] = balances.get(row.account_id, 0) + total.credit_points - total.debit_points
        if row.balance_points != balances[row.account_id]:
            yield f"account {row.account_id} is left at {row.balance_points}, not {balances[row.account_id]}"
    for account_id, total in true.items():
        balances[account_id] = balances.get(account_id, 0) + total.credit_points - total.debit_points
        yield f"account {account_id} has no total, but its transfers give {total}"
