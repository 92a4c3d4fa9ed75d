"""A wallet's months: which there are, what each opened and closed with, and its entries, proved before they are shown.

A closed month is a row that never changes. What came after the last closed one is cut into months when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Table, func, select
from sqlalchemy.orm import Session

from backend.kit import clock, db
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.kit.personal import table_of
from backend.ledger import service as ledger
from backend.statements import rules
from backend.statements.errors import StatementUnproved
from backend.statements.models import StatementRow
from backend.statements.rules import Stretch

_ROWS: Table = table_of(StatementRow)


class Month(NamedTuple):
    """A month of a wallet. ``made_at``: when it was closed; None while it is not."""

    month: date
    after: int
    last: int
    opening_points: int
    closing_points: int
    made_at: datetime | None

    @property
    def entries(self) -> int:
        return self.last - self.after


class Statement(NamedTuple):
    """A month with what it came to. ``by_end``: (last good day or None, points) of the closing balance."""

    month: Month
    totals: Sequence[ledger.Total]
    by_end: Sequence[tuple[date | None, int]]


_MONTH = (_ROWS.c.month, _ROWS.c.after_number, _ROWS.c.last_number, _ROWS.c.opening_points, _ROWS.c.closing_points,
          _ROWS.c.made_at)  # fmt: skip


def months(reader: Reader, resident_id: UUID, limit: int, before: date | None = None) -> list[Month]:
    """Up to ``limit`` months that have entries, the latest first, those before a month."""
    found = [one for one in reversed(open_months(reader, resident_id)) if before is None or one.month < before]
    shown = [_opened(reader, resident_id, one) for one in found[:limit]]
    closed = select(*_MONTH).where(_ROWS.c.resident_id == resident_id).order_by(_ROWS.c.month.desc())
    if before is not None:
        closed = closed.where(_ROWS.c.month < before)
    return [*shown, *(Month(*row) for row in reader.execute(closed.limit(limit - len(shown))))]


def statement(reader: Reader, resident_id: UUID, month: date) -> Statement:
    """A month, proved: opening balance plus what came less what went is the closing balance.

    Raises NotFound where the month has no entry, StatementUnproved.
    """
    own = (_ROWS.c.resident_id == resident_id, _ROWS.c.month == month)
    row = reader.execute(select(*_MONTH, _ROWS.c.by_end).where(*own)).first()
    if row is not None:
        found, kept = Month(*row[:-1]), [(date.fromisoformat(end) if end else None, points) for end, points in row[-1]]
        return _proved(Statement(found, ledger.totals(reader, resident_id, found.after, found.last), kept))
    for stretch in open_months(reader, resident_id):
        if stretch.month == month:
            return unclosed(reader, resident_id, stretch)
    raise NotFound()


def unclosed(reader: Reader, resident_id: UUID, stretch: Stretch) -> Statement:
    """A month that is not closed as it stands. Raises StatementUnproved."""
    totals = ledger.totals(reader, resident_id, stretch.after, stretch.last)
    by_end = ledger.points_by_end(reader, resident_id, stretch.last)
    return _proved(Statement(_opened(reader, resident_id, stretch), totals, by_end))


def _opened(reader: Reader, resident_id: UUID, stretch: Stretch) -> Month:
    opening, closing = (ledger.balance_after(reader, resident_id, one) for one in (stretch.after, stretch.last))
    return Month(*stretch, opening, closing, None)


def _proved(found: Statement) -> Statement:
    month = found.month
    moved = sum(one.in_points - one.out_points for one in found.totals)
    counted = sum(one.entries for one in found.totals)
    ends = sum(points for _, points in found.by_end)
    if month.opening_points + moved != month.closing_points or counted != month.entries or ends != month.closing_points:
        raise StatementUnproved()
    return found


def lines(
    reader: Reader, resident_id: UUID, month: Month, after: int | None = None, most: int | None = None
) -> Iterator[ledger.Line]:
    """The month's entries, oldest first, from behind number ``after``, in pieces, each held against the one before.

    Raises StatementUnproved where a balance does not follow from the one before.
    """
    start = month.after if after is None else after
    balance = month.opening_points if start == month.after else ledger.balance_after(reader, resident_id, start)
    number = start
    for line in ledger.lines(reader, resident_id, start, month.last, most):
        number, balance = number + 1, balance + line.amount_points
        if (line.number, line.balance_after_points) != (number, balance):
            raise StatementUnproved()
        yield line
    if most is None and (number, balance) != (month.last, month.closing_points):
        raise StatementUnproved()


def open_months(reader: Reader, resident_id: UUID, until: date | None = None) -> list[Stretch]:
    """The months after the last closed one, earliest first; before the month ``until``, where it is given.

    As ``rules.stretches`` would cut them, found with one indexed read for each month.
    """
    latest = select(_ROWS.c.month, _ROWS.c.last_number).where(_ROWS.c.resident_id == resident_id)
    closed = reader.execute(latest.order_by(_ROWS.c.month.desc()).limit(1)).first()
    after, earliest = (closed.last_number, rules.next_month(closed.month)) if closed else (0, date.min)
    newest = ledger.entry_count(reader, resident_id)
    found: list[Stretch] = []
    begun = ledger.begun(reader, resident_id, after, newest)
    while begun is not None:
        month = max(rules.month_of(clock.shanghai_date(begun.at)), earliest)
        if until is not None and month >= until:
            break
        earliest = rules.next_month(month)
        following = ledger.begun(reader, resident_id, begun.number, newest, since=clock.start_of_day(earliest))
        found.append(Stretch(month, begun.number - 1, following.number - 1 if following else newest))
        begun = following
    return found


def unclosed_among(reader: Reader, counts: Mapping[UUID, int]) -> list[UUID]:
    """Whose entries (so many each) go beyond the last closed month."""
    latest = select(_ROWS.c.resident_id, func.max(_ROWS.c.last_number)).where(_ROWS.c.resident_id.in_(counts))
    closed = {row[0]: row[1] for row in reader.execute(latest.group_by(_ROWS.c.resident_id))}
    return [one for one, entries in counts.items() if entries > closed.get(one, 0)]


def close_months(session: Session, resident_id: UUID, through: date) -> int:
    """Close the wallet's months up to ``through``; how many. Safe to repeat. Raises StatementUnproved."""
    made = 0
    for stretch in open_months(session, resident_id, until=rules.next_month(through)):
        found = unclosed(session, resident_id, stretch)
        by_end = [[end.isoformat() if end else None, points] for end, points in found.by_end]
        values = dict(resident_id=resident_id, month=stretch.month, after_number=stretch.after,
                      last_number=stretch.last, opening_points=found.month.opening_points,
                      closing_points=found.month.closing_points, by_end=by_end, made_at=clock.now())  # fmt: skip
        made += db.insert_if_absent(session, _ROWS, values, ("resident_id", "month"))
    return made


def lint_city(content: dict[str, Any], _all: dict[str, dict[str, Any]]) -> list[str]:
    """The check of ``city.toml`` that the composition root registers."""
    return rules.lint_points(content.get("points", {}))
