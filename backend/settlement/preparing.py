"""Preparing a partner's month: its lines written once, a stretch at a time, from what was admitted and recorded in it.

A run that breaks off is taken up where its last stretch ended. What a statement counts lies behind it: nothing is
recorded in a month that is over, so lines that are written stay the same lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, select, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.admissions import service as admissions
from backend.kit import city, clock, db
from backend.kit.db import Reader
from backend.ledger import service as ledger
from backend.settlement import rules
from backend.settlement.errors import MonthNotOver
from backend.settlement.lines import REVERSED, line_of, lock
from backend.settlement.models import corrections, lines, statements

CHUNK = 500


def setting(reader: Reader, name: str) -> int:
    """What the city's ``[settlement]`` says, else the default."""
    said = city.get(reader, "city").content.get("settlement", {})
    return int(said.get(name, rules.DEFAULTS[name]))


def begin(session: Session, partner_id: UUID, month: date) -> UUID:
    """The statement of a partner's month, made empty if there is none. Raises NotFound and MonthNotOver."""
    accounts.organisation(session, partner_id)
    today = clock.today()
    from_day = setting(session, "prepare_on_day")
    if not rules.may_prepare(month, today, from_day):
        ready_on = rules.next_month(month) + timedelta(days=from_day - 1)
        raise MonthNotOver(prepared_from_on=ready_on.isoformat())
    key = rules.statement_id(partner_id, month)
    row = {
        "id": key, "partner_id": partner_id, "month": month, "state": "preparing", "lines": 0, "total_fen": 0,
        "total_points": 0, "open_disputes": 0, "review_until_on": today, "lines_through_at": None,
        "lines_through_id": None, "prepared_at": None, "agreed_at": None, "agreed_by": None, "closed_at": None,
        "closed_by": None, "digest": "",
    }  # fmt: skip
    db.insert_if_absent(session, statements, row, ("id",))
    return key


def write_stretch(session: Session, statement_id: UUID) -> bool:
    """Write the next stretch of lines; True while there is more to write. The last one proposes the statement."""
    row = lock(session, statement_id)
    if row is None or row.state != "preparing":
        return False
    since, until = clock.start_of_day(row.month), clock.start_of_day(rules.next_month(row.month))
    after = (row.lines_through_at, row.lines_through_id) if row.lines_through_at else None
    found = admissions.counted(session, row.partner_id, since, until, after, CHUNK)
    made = _lines(session, row, found)
    if made:
        session.execute(insert(lines), made)
    values: dict[str, Any] = _grown(row, made)
    if found:
        values |= {"lines_through_at": found[-1].counted_at, "lines_through_id": found[-1].id}
    if len(found) < CHUNK:
        session.execute(update(statements).where(statements.c.id == row.id).values(**values))
        _propose(session, statement_id)
        return False
    session.execute(update(statements).where(statements.c.id == row.id).values(**values))
    return True


def _grown(row: Row[Any], made: Sequence[dict[str, Any]]) -> dict[str, int]:
    return {
        "lines": row.lines + len(made),
        "total_fen": row.total_fen + sum(line["due_fen"] for line in made),
        "total_points": row.total_points + sum(line["points"] for line in made),
    }


def _lines(session: Session, row: Row[Any], found: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """Admissions as lines. What points a line says is what the ledger says that the partner was given for it."""
    keys = [(one.resident_id, one.transfer_id) for one in found if one.transfer_id is not None]
    standing = ledger.standing_points(session, keys)
    made = []
    for number, one in enumerate(found, row.lines + 1):
        points = standing.get(one.transfer_id, 0) if one.transfer_id is not None else 0
        undone = one.transfer_id is not None and points == 0
        made.append(
            {
                "partner_id": row.partner_id, "statement_id": row.id, "number": number, "kind": "admission",
                "resident_id": one.resident_id, "admission_id": one.id, "offer_id": one.offer_id,
                "venue_id": one.venue_id, "device_id": one.device_id, "source": one.source,
                "happened_at": one.happened_at, "counted_at": one.counted_at, "points": points,
                "transfer_id": one.transfer_id, "funding_account": one.funding_account, "price_fen": one.price_fen,
                "due_fen": 0 if undone else one.price_fen, "note": REVERSED if undone else "",
            }
        )  # fmt: skip
    return made


def _propose(session: Session, statement_id: UUID) -> None:
    """Place the corrections that wait, and give the partner its days of review."""
    row = lock(session, statement_id)
    assert row is not None
    made = _corrections(session, row)
    until = clock.today() + timedelta(days=setting(session, "review_days"))
    session.execute(
        update(statements)
        .where(statements.c.id == statement_id)
        .values(
            state=rules.next_state("preparing", "prepare"), prepared_at=clock.now(), review_until_on=until,
            **_grown(row, made),
        )
    )  # fmt: skip


def _corrections(session: Session, row: Row[Any]) -> list[dict[str, Any]]:
    waiting = select(corrections).where(
        corrections.c.partner_id == row.partner_id, corrections.c.placed_in.is_(None)
    )  # fmt: skip
    found = session.execute(waiting.order_by(corrections.c.noted_at, corrections.c.admission_id)).all()
    made = []
    for number, one in enumerate(found, row.lines + 1):
        before = session.execute(line_of(one.partner_id, one.statement_id, one.line_number)).one()
        note = f"更正 {_month_of(session, one.statement_id)} 第 {one.line_number} 行：{REVERSED}"
        made.append(
            {
                **before._asdict(), "statement_id": row.id, "number": number, "kind": "correction",
                "counted_at": one.noted_at, "points": -before.points, "due_fen": -before.due_fen, "price_fen": 0,
                "note": note,
            }
        )  # fmt: skip
    if made:
        session.execute(insert(lines), made)
        placed = (corrections.c.partner_id == row.partner_id, corrections.c.placed_in.is_(None))
        session.execute(update(corrections).where(*placed).values(placed_in=row.id))
    return made


def _month_of(session: Session, statement_id: UUID) -> str:
    month: date = session.execute(select(statements.c.month).where(statements.c.id == statement_id)).scalar_one()
    return f"{month:%Y-%m}"


def due_partners(reader: Reader, month: date) -> list[UUID]:
    """Partners that have something to settle for the month and no statement that is past its preparation."""
    since, until = clock.start_of_day(month), clock.start_of_day(rules.next_month(month))
    done = select(statements.c.partner_id).where(statements.c.month == month, statements.c.state != "preparing")
    settled = set(reader.execute(done).scalars())
    waiting = select(corrections.c.partner_id).where(corrections.c.placed_in.is_(None)).distinct()
    corrected = set(reader.execute(waiting).scalars())
    return [
        one.id
        for one in accounts.organisations(reader, kind="partner")
        if one.id not in settled and (one.id in corrected or admissions.anything_counted(reader, one.id, since, until))
    ]
