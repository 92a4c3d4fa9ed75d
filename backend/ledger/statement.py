"""What a resident has and how it came; what an organisation may still give. Reads only, one statement each."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, case, func, select

from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.kit.prepared import Part, Prepared
from backend.ledger import rules
from backend.ledger.book import COLUMNS, Transfer, transfer_of
from backend.ledger.models import budgets, lots, transfers
from backend.ledger.rules import FOREVER


class Expiring(NamedTuple):
    """Points whose last good day is `expires_on`."""

    points: int
    expires_on: date


class Wallet(NamedTuple):
    """What can be spent today, and which part of it ends when, soonest first (points without end are not listed)."""

    balance_points: int
    expiring: list[Expiring]


class Entry(NamedTuple):
    """A line of the statement. `amount_points` is positive when the resident received."""

    number: int
    id: UUID
    amount_points: int
    code: str
    title: str
    at: datetime
    counterparty: str
    balance_after_points: int
    reason: str


class Budget(NamedTuple):
    """An organisation's month."""

    organisation_id: UUID
    month: date
    granted_points: int
    spent_points: int


_GOOD = (
    lots.c.resident_id == bindparam("resident"), lots.c.remaining_points > 0, lots.c.expires_on >= bindparam("today"),
)  # fmt: skip
_SUM = select(func.coalesce(func.sum(lots.c.remaining_points), 0).label("balance_points")).where(*_GOOD)
_SPENDABLE = Prepared(_SUM)
SPENDABLE = Part((_SUM.scalar_subquery().label("balance_points"),))
"""The balance on ``:today``, for a statement that asks several rooms at once."""
_BY_END = Prepared(
    select(lots.c.expires_on, func.sum(lots.c.remaining_points).label("points"))
    .where(*_GOOD)
    .group_by(lots.c.expires_on)
    .order_by(lots.c.expires_on)
)
_ENTRIES = (
    select(
        transfers.c.entry_number,
        transfers.c.id,
        case(
            (transfers.c.credit_account_id == transfers.c.resident_id, transfers.c.amount_points),
            else_=-transfers.c.amount_points,
        ),
        transfers.c.code,
        transfers.c.title,
        transfers.c.created_at,
        transfers.c.counterparty,
        transfers.c.wallet_balance_after_points,
        transfers.c.reason,
    )
    .where(transfers.c.resident_id == bindparam("key"), transfers.c.entry_number < bindparam("before"))
    .order_by(transfers.c.entry_number.desc())
    .limit(bindparam("count"))
)
_ONE_TRANSFER = select(*COLUMNS).where(transfers.c.resident_id == bindparam("key"), transfers.c.id == bindparam("id"))


def balance(reader: Reader, resident_id: UUID, today: date) -> int:
    """Points that can be spent on the day: lots that are due do not count, whether or not they were booked out."""
    return int(_SPENDABLE.first(reader, {"resident": resident_id, "today": today}).balance_points)


def wallet(reader: Reader, resident_id: UUID, today: date) -> Wallet:
    """The balance and what of it ends when, in one statement. Who has no wallet has none of either."""
    rows = [(ends, int(points)) for ends, points in _BY_END.rows(reader, {"resident": resident_id, "today": today})]
    ending = [Expiring(points, ends) for ends, points in rows if ends != FOREVER]
    return Wallet(sum(points for _, points in rows), ending)


def entries(reader: Reader, resident_id: UUID, limit: int, before: int | None = None) -> list[Entry]:
    """The statement, newest first: at most `limit` entries older than the entry numbered `before`.

    Entries are numbered under the wallet's lock, so a page boundary neither repeats nor skips one.
    """
    rows = reader.execute(_ENTRIES, {"key": resident_id, "before": before or 2**31 - 1, "count": limit})
    return [Entry(*row) for row in rows]


def budget(reader: Reader, organisation_id: UUID, month: date) -> Budget:
    """What an organisation was granted for the month of that day, and what of it is awarded; zeros when nothing."""
    month = rules.month_of(month)
    row = reader.execute(
        select(budgets.c.granted_points, budgets.c.spent_points).where(
            budgets.c.organisation_id == organisation_id, budgets.c.month == month
        )
    ).first()
    return Budget(organisation_id, month, *(row or (0, 0)))


def tightest_budgets(reader: Reader, month: date, most: int) -> list[Budget]:
    """The ``most`` budgets of the month of which the least is left."""
    left = budgets.c.granted_points - budgets.c.spent_points
    rows = reader.execute(
        select(budgets.c.organisation_id, budgets.c.month, budgets.c.granted_points, budgets.c.spent_points)
        .where(budgets.c.month == rules.month_of(month))
        .order_by(left, budgets.c.organisation_id)
        .limit(most)
    )
    return [Budget(*row) for row in rows]


def transfer(reader: Reader, resident_id: UUID, transfer_id: UUID) -> Transfer:
    """One transfer under a resident's (a grant: an organisation's) key. Raises NotFound."""
    row = reader.execute(_ONE_TRANSFER, {"key": resident_id, "id": transfer_id}).first()
    if row is None:
        raise NotFound()
    return transfer_of(row)
