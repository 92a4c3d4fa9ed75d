"""Statements as their partner and the office see them. Reads only; nobody in here has a name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, Select, func, select, tuple_

from backend.accounts import service as accounts
from backend.admissions import service as admissions
from backend.kit import clock
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.offers import service as offers
from backend.settlement import rules
from backend.settlement.models import disputes, lines, statements
from backend.settlement.reviewing import all_lines

Partners = frozenset[UUID] | None
"""Whose statements somebody may see; None: everybody's."""


@dataclass(frozen=True)
class StatementView:
    """A statement's row with its partner's name and what may be done with it now."""

    row: Row[Any]
    partner_name: str

    def __getattr__(self, name: str) -> Any:
        return getattr(self.row, name)

    @property
    def partner(self) -> dict[str, Any]:
        return {"id": self.row.partner_id, "name": self.partner_name}

    @property
    def month(self) -> str:
        return f"{self.row.month:%Y-%m}"

    @property
    def state_text(self) -> str:
        return rules.STATES[self.row.state]

    @property
    def closable(self) -> bool:
        return not rules.may_close(self.row.state, self.row.open_disputes, self.row.review_until_on, clock.today())


class Wanted(NamedTuple):
    """Which statements: of one partner, of one month, in one state; None where the caller leaves it open."""

    partner_id: UUID | None = None
    month: date | None = None
    state: str | None = None


def _visible(whose: Partners) -> Select[Any]:
    query = select(statements)
    return query if whose is None else query.where(statements.c.partner_id.in_(whose))


def list_statements(
    reader: Reader, whose: Partners, wanted: Wanted, after: tuple[date, UUID] | None, limit: int
) -> list[StatementView]:
    """Statements, the newest month first, up to ``limit + 1`` of them after the given place."""
    query = _visible(whose).order_by(statements.c.month.desc(), statements.c.id).limit(limit + 1)
    for column, value in zip((statements.c.partner_id, statements.c.month, statements.c.state), wanted, strict=True):
        if value is not None:
            query = query.where(column == value)
    if after is not None:
        month, key = after
        later = (statements.c.month < month) | ((statements.c.month == month) & (statements.c.id > key))
        query = query.where(later)
    rows = reader.execute(query).all()
    names = {one.id: one.name for one in accounts.organisations(reader, {row.partner_id for row in rows})}
    return [StatementView(row, names[row.partner_id]) for row in rows]


def statement(reader: Reader, whose: Partners, statement_id: UUID) -> StatementView:
    """One statement. Raises NotFound."""
    row = reader.execute(_visible(whose).where(statements.c.id == statement_id)).first()
    if row is None:
        raise NotFound()
    return StatementView(row, accounts.organisation(reader, row.partner_id).name)


class Words(NamedTuple):
    """What offers, venues and funding organisations are called."""

    offers: Mapping[str, str]
    venues: Mapping[str, str]
    funding: Mapping[str, str]

    def offer(self, key: UUID) -> str:
        return self.offers.get(str(key), str(key))

    def venue(self, key: UUID) -> str:
        return self.venues.get(str(key), str(key))

    def payer(self, slug: str) -> str:
        return self.funding.get(slug, slug) if slug else "不另行付款"


def words(reader: Reader) -> Words:
    """The names that a statement's lines use."""
    found = offers.words(reader)
    payers = {one.slug: one.name for one in accounts.organisations(reader)}
    return Words(
        {str(key): name for key, name in found["offer_id"].items()},
        {str(key): name for key, name in found["venue_id"].items()},
        payers,
    )


@dataclass(frozen=True)
class Sum:
    """Lines summed up by one offer, venue and payer."""

    offer: dict[str, Any]
    venue: dict[str, Any]
    funding_account: str
    payer: str
    lines: int
    points: int
    due_fen: int


def sums(reader: Reader, view: StatementView) -> list[Sum]:
    """A statement's lines summed up by offer, venue and who pays; together they are its totals."""
    keys = (lines.c.offer_id, lines.c.venue_id, lines.c.funding_account)
    figures = (func.count(), func.sum(lines.c.points), func.sum(lines.c.due_fen))
    mine = (lines.c.partner_id == view.partner_id, lines.c.statement_id == view.id)
    rows = reader.execute(select(*keys, *figures).where(*mine).group_by(*keys).order_by(*keys))
    return _sums(words(reader), rows.all())


def running(reader: Reader, partner_id: UUID) -> list[Sum]:
    """The month that is going on, so far: what would be in its statement if it ended now."""
    month = rules.first_of(clock.today())
    since, until = clock.start_of_day(month), clock.start_of_day(rules.next_month(month))
    return _sums(words(reader), admissions.counted_sums(reader, partner_id, since, until))


def _sums(names: Words, rows: Sequence[Any]) -> list[Sum]:
    return [
        Sum(
            {"id": offer_id, "title": names.offer(offer_id)}, {"id": venue_id, "name": names.venue(venue_id)},
            funding, names.payer(funding), int(count), int(points), int(fen),
        )
        for offer_id, venue_id, funding, count, points, fen in rows
    ]  # fmt: skip


@dataclass(frozen=True)
class LineView:
    """A line with the names of what it is about. ``trace``: the admission and the transfer of points behind it."""

    row: Row[Any]
    names: Words

    def __getattr__(self, name: str) -> Any:
        return getattr(self.row, name)

    @property
    def offer(self) -> dict[str, Any]:
        return {"id": self.row.offer_id, "title": self.names.offer(self.row.offer_id)}

    @property
    def venue(self) -> dict[str, Any]:
        return {"id": self.row.venue_id, "name": self.names.venue(self.row.venue_id)}

    @property
    def payer(self) -> str:
        return self.names.payer(self.row.funding_account)


def list_lines(reader: Reader, view: StatementView, after: int, limit: int) -> list[LineView]:
    """Lines in order, up to ``limit + 1`` after a number."""
    mine = (lines.c.partner_id == view.partner_id, lines.c.statement_id == view.id, lines.c.number > after)
    names = words(reader)
    found = reader.execute(select(lines).where(*mine).order_by(lines.c.number).limit(limit + 1))
    return [LineView(row, names) for row in found]


def every_line(reader: Reader, view: StatementView) -> Iterator[LineView]:
    """Every line of a statement, read a stretch at a time."""
    names = words(reader)
    return (LineView(row, names) for row in all_lines(reader, view.partner_id, view.id))


def list_disputes(
    reader: Reader, view: StatementView, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Row[Any]]:
    """What is disputed of a statement, oldest first, up to ``limit + 1`` after the given place."""
    mine = (disputes.c.partner_id == view.partner_id, disputes.c.statement_id == view.id)
    query = select(disputes).where(*mine).order_by(disputes.c.raised_at, disputes.c.id).limit(limit + 1)
    if after is not None:
        query = query.where(tuple_(disputes.c.raised_at, disputes.c.id) > tuple_(*after))
    return reader.execute(query).all()


def dispute_of(reader: Reader, view: StatementView, dispute_id: UUID) -> Row[Any]:
    """One dispute of a statement. Raises NotFound."""
    key = (disputes.c.partner_id == view.partner_id, disputes.c.id == dispute_id, disputes.c.statement_id == view.id)
    found = reader.execute(select(disputes).where(*key)).first()
    if found is None:
        raise NotFound()
    return found
