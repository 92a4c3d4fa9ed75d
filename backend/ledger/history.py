"""A wallet's past by the numbers of its entries, and which points end soon: what statements and notices read.

Entries are numbered 1, 2, 3 … under the wallet's lock, each with the balance that it left. So a stretch of them is two
numbers, the balance before it is one indexed read, and nothing here sums a history up.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, case, func, literal, select, tuple_, union_all

from backend.kit.db import Reader
from backend.ledger.models import allocations, lots, transfers, wallets
from backend.ledger.rules import FOREVER

AT_ONCE = 1000
_T, _L, _A = transfers.c, lots.c, allocations.c


class Line(NamedTuple):
    """An entry as a statement prints it. `kind` is of `rules.TRANSFER_KINDS`; `amount_points` is signed."""

    number: int
    id: UUID
    amount_points: int
    kind: str
    code: str
    title: str
    at: datetime
    counterparty: str
    balance_after_points: int
    reason: str


class Begun(NamedTuple):
    """Where a stretch of entries begins."""

    number: int
    at: datetime


class Total(NamedTuple):
    """What the entries of one kind came to: how many, points in, points out (both not negative)."""

    kind: str
    entries: int
    in_points: int
    out_points: int


class Ending(NamedTuple):
    """What of one resident's points ends on one day, over all issuers."""

    resident_id: UUID
    expires_on: date
    points: int


class Count(NamedTuple):
    """How many entries a wallet has."""

    resident_id: UUID
    entries: int


_IN = case((_T.credit_account_id == _T.resident_id, _T.amount_points), else_=0)
_OUT = case((_T.debit_account_id == _T.resident_id, _T.amount_points), else_=0)
_OWN = _T.resident_id == bindparam("key")
_WITHIN = (_OWN, _T.entry_number > bindparam("after"), _T.entry_number <= bindparam("last"))
_COUNT = select(wallets.c.entries).where(wallets.c.resident_id == bindparam("key"))
_BALANCE = select(_T.wallet_balance_after_points).where(_OWN, _T.entry_number == bindparam("number"))
_BEGUN = select(_T.entry_number, _T.created_at).where(*_WITHIN).order_by(_T.entry_number).limit(1)
_SINCE = _BEGUN.where(_T.created_at >= bindparam("since"))
_LINES = (
    select(
        _T.entry_number, _T.id, _IN - _OUT, _T.kind, _T.code, _T.title, _T.created_at, _T.counterparty,
        _T.wallet_balance_after_points, _T.reason,
    )
    .where(*_WITHIN)
    .order_by(_T.entry_number)
    .limit(bindparam("count"))
)  # fmt: skip
_TOTALS = (
    select(_T.kind, func.count(), func.sum(_IN), func.sum(_OUT)).where(*_WITHIN).group_by(_T.kind).order_by(_T.kind)
)
_LATER = (
    select(_L.expires_on, (-_A.delta_points).label("points"))
    .select_from(transfers)
    .join(allocations, (_A.resident_id == _T.resident_id) & (_A.transfer_id == _T.id))
    .join(lots, (_L.resident_id == _A.resident_id) & (_L.id == _A.lot_id))
    .where(_OWN, _T.entry_number > bindparam("last"))
)
_PRESENT = select(_L.expires_on, _L.remaining_points.label("points")).where(_L.resident_id == bindparam("key"))
_THEN = union_all(_PRESENT, _LATER).subquery()
_BY_END = (
    select(_THEN.c.expires_on, func.sum(_THEN.c.points).label("points"))
    .group_by(_THEN.c.expires_on)
    .having(func.sum(_THEN.c.points) != 0)
    .order_by(_THEN.c.expires_on)
)


def entry_count(reader: Reader, resident_id: UUID) -> int:
    """How many entries the wallet has, which is the newest one's number; 0 without a wallet."""
    return int(reader.execute(_COUNT, {"key": resident_id}).scalar() or 0)


def balance_after(reader: Reader, resident_id: UUID, number: int) -> int:
    """The book balance that the entry of that number left, in one indexed read; before the first there was nothing."""
    if number == 0:
        return 0
    return int(reader.execute(_BALANCE, {"key": resident_id, "number": number}).scalar_one())


def begun(reader: Reader, resident_id: UUID, after: int, last: int, since: datetime | None = None) -> Begun | None:
    """The first entry numbered above `after`, up to `last`, that was written at or after `since`."""
    values = {"key": resident_id, "after": after, "last": last}
    if since is None:
        row = reader.execute(_BEGUN, values).first()
    else:
        row = reader.execute(_SINCE, {**values, "since": since}).first()
    return Begun(*row) if row else None


def lines(reader: Reader, resident_id: UUID, after: int, last: int, most: int | None = None) -> Iterator[Line]:
    """The entries numbered above `after` up to `last`, oldest first, read a thousand at a time; at most `most`."""
    left = last - after if most is None else most
    while left > 0 and after < last:
        values = {"key": resident_id, "after": after, "last": last, "count": min(left, AT_ONCE)}
        rows = reader.execute(_LINES, values).all()
        if not rows:
            return
        yield from map(Line._make, rows)
        after, left = rows[-1][0], left - len(rows)


def totals(reader: Reader, resident_id: UUID, after: int, last: int) -> list[Total]:
    """What the entries numbered above `after` up to `last` came to, by kind."""
    rows = reader.execute(_TOTALS, {"key": resident_id, "after": after, "last": last})
    return [Total(kind, int(count), int(came), int(went)) for kind, count, came, went in rows]


def points_by_end(reader: Reader, resident_id: UUID, last: int) -> list[tuple[date | None, int]]:
    """How the balance after the entry numbered `last` was made up, by last good day (None: without end).

    One statement, hence one snapshot: the lots as they are, less what later entries did to them.
    """
    rows = reader.execute(_BY_END, {"key": resident_id, "last": last})
    return [(None if ends == FOREVER else ends, int(points)) for ends, points in rows]


def ending(reader: Reader, first: date, last: date, limit: int, after: tuple[UUID, date] | None = None) -> list[Ending]:
    """Points whose last good day lies in `first` to `last`, a row per resident and day, in the order of these keys."""
    wanted = select(_L.resident_id, _L.expires_on, func.sum(_L.remaining_points)).where(
        _L.remaining_points > 0, _L.expires_on.between(first, last)
    )
    if after is not None:
        key = tuple_(literal(after[0]), literal(after[1]))
        wanted = wanted.where(_L.resident_id >= after[0], tuple_(_L.resident_id, _L.expires_on) > key)
    keys = (_L.resident_id, _L.expires_on)
    rows = reader.execute(wanted.group_by(*keys).order_by(*keys).limit(limit))
    return [Ending(resident_id, ends, int(points)) for resident_id, ends, points in rows]


def entry_counts(reader: Reader, after: UUID, limit: int) -> list[Count]:
    """Wallets with how many entries each has, in the order of keys, from behind `after`."""
    counted = select(wallets.c.resident_id, wallets.c.entries).where(wallets.c.resident_id > after)
    return [Count(*row) for row in reader.execute(counted.order_by(wallets.c.resident_id).limit(limit))]
