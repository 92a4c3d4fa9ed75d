"""What a driver sees: who asked about her plates, and her stays. And the end of what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Table, delete, select, tuple_
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.kit import city, clock
from backend.kit.city import CityMissing
from backend.kit.db import Reader
from backend.offers import service as shelf
from backend.parking import plates, rules
from backend.parking.models import answers, questions, stays, tickets

Before = tuple[datetime, UUID] | None


class Place(NamedTuple):
    """An operator or a venue by its name."""

    id: UUID
    name: str


class Question(NamedTuple):
    """That somebody asked about a plate. ``plate``: None once the driver has removed it."""

    id: UUID
    at: datetime
    operator: Place
    venue: Place
    plate: str | None
    purpose: str
    purpose_text: str
    answered_yes: bool


class Stay(NamedTuple):
    """A stay of her car; money in whole fen."""

    id: UUID
    operator: Place
    venue: Place
    plate: str | None
    state: str
    state_text: str
    entered_at: datetime
    exited_at: datetime | None
    fee_fen: int | None
    offer_id: UUID | None
    admission_id: UUID | None
    obligation_id: UUID | None


def my_questions(reader: Reader, resident_id: UUID, limit: int, before: Before = None) -> list[Question]:
    """Up to ``limit`` questions about her plates, the newest first."""
    rows = _page(reader, questions, "asked_at", resident_id, limit, before)
    words = _Words(reader, resident_id, rows)
    return [
        Question(row.id, row.asked_at, words.operator(row), words.venue(row), words.plate(row), row.purpose,
                 rules.ASKED_TEXT[row.purpose], row.answered_yes)
        for row in rows
    ]  # fmt: skip


def my_stays(reader: Reader, resident_id: UUID, limit: int, before: Before = None) -> list[Stay]:
    """Up to ``limit`` stays of her cars, the newest first."""
    rows = _page(reader, stays, "entered_at", resident_id, limit, before)
    words = _Words(reader, resident_id, rows)
    return [
        Stay(row.id, words.operator(row), words.venue(row), words.plate(row), row.state, rules.STAY_TEXT[row.state],
             row.entered_at, row.exited_at, row.fee_fen, row.offer_id, row.admission_id, row.obligation_id)
        for row in rows
    ]  # fmt: skip


def _page(reader: Reader, table: Table, at: str, resident_id: UUID, limit: int, before: Before) -> Sequence[Any]:
    query = select(table).where(table.c.resident_id == resident_id)
    if before is not None:
        query = query.where(tuple_(table.c[at], table.c.id) < tuple_(*before))
    return reader.execute(query.order_by(table.c[at].desc(), table.c.id.desc()).limit(limit)).all()


class _Words:
    """What the ids of some rows are called, read once."""

    def __init__(self, reader: Reader, resident_id: UUID, rows: Sequence[Any]) -> None:
        self._plates = {row.id: plates.opened(reader, row) for row in plates.hers(reader, resident_id)} if rows else {}
        found = accounts.organisations(reader, {row.partner_id for row in rows})
        self._operators = {each.id: each.name for each in found}
        self._venues = {venue_id: shelf.venue(reader, venue_id).name for venue_id in {row.venue_id for row in rows}}

    def operator(self, row: Any) -> Place:
        return Place(row.partner_id, self._operators.get(row.partner_id, ""))

    def venue(self, row: Any) -> Place:
        return Place(row.venue_id, self._venues[row.venue_id])

    def plate(self, row: Any) -> str | None:
        return self._plates.get(row.plate_id)


# --- forgetting ------------------------------------------------------------------------------------------------------


def kept_days(reader: Reader) -> int:
    """How long questions and stays are kept, as the city says."""
    try:
        said = city.get(reader, "city").content.get("parking", {})
    except CityMissing:
        return rules.KEPT_DAYS
    return int(said.get("kept_days", rules.KEPT_DAYS))


def forget(session: Session, most: int) -> int:
    """Delete questions, stays, tickets and answers past their days, up to ``most`` of each; the most of one kind."""
    old, gone = clock.now() - timedelta(days=kept_days(session)), [0]
    dated = ((questions, "asked_at"), (stays, "recorded_at"), (tickets, "recorded_at"), (answers, "answered_at"))
    for table, at in dated:
        keys = list(table.primary_key.columns)
        some = select(*keys).where(table.c[at] < old).limit(most)
        found = [tuple(row) for row in session.execute(some).all()]
        if found:
            session.execute(delete(table).where(tuple_(*keys).in_(found)))
        gone.append(len(found))
    return max(gone)
