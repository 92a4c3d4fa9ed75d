"""Changing lines of a statement that is not closed, and what becomes of a line whose points were taken back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlalchemy.orm import Session

from backend.kit import clock, db
from backend.settlement.models import corrections, disputes, lines, statements

REVERSED = "积分结算已冲正，不计价款"


def lock(session: Session, statement_id: UUID) -> Row[Any] | None:
    """The statement's row, locked until the transaction ends. Whoever writes its lines holds this first."""
    return session.execute(db.for_update(select(statements).where(statements.c.id == statement_id))).first()


def line_of(partner_id: UUID, statement_id: UUID, number: int) -> Any:
    """The query of one line."""
    key = (lines.c.partner_id == partner_id, lines.c.statement_id == statement_id, lines.c.number == number)
    return select(lines).where(*key)


def on_settlement_reversed(session: Session, news: dict[str, Any]) -> None:
    """A settlement of points was undone by two persons: its line owes nothing, or is corrected in the next statement
    where its own is closed. A line that is not yet written finds the reversal in the ledger."""
    partner_id, transfer_id = UUID(news["partner_id"]), UUID(news["transfer_id"])
    mine = (lines.c.partner_id == partner_id, lines.c.transfer_id == transfer_id, lines.c.kind == "admission")
    found = session.execute(select(lines.c.statement_id, lines.c.number).where(*mine)).first()
    if found is None:
        return
    statement = lock(session, found.statement_id)
    assert statement is not None
    line = session.execute(line_of(partner_id, found.statement_id, found.number)).one()
    if statement.state == "closed":
        row = {
            "partner_id": partner_id, "admission_id": line.admission_id, "statement_id": statement.id,
            "line_number": line.number, "noted_at": clock.now(), "placed_in": None,
        }  # fmt: skip
        db.insert_if_absent(session, corrections, row, ("partner_id", "admission_id"))
        return
    owe_nothing(session, statement, line)


def owe_nothing(session: Session, statement: Row[Any], line: Row[Any]) -> None:
    """What a line becomes in an open statement when its points were taken back."""
    set_due(session, statement, line, 0, REVERSED)
    _drop_points(session, statement, line)
    _end_dispute(session, statement, line)


def set_due(session: Session, statement: Row[Any], line: Row[Any], due_fen: int, note: str) -> None:
    """Change what a line owes, and the total with it, in a statement that this transaction holds and that is open."""
    key = (lines.c.partner_id == line.partner_id, lines.c.statement_id == statement.id, lines.c.number == line.number)
    session.execute(update(lines).where(*key).values(due_fen=due_fen, note=note[:200]))
    total = statements.c.total_fen + (due_fen - line.due_fen)
    session.execute(update(statements).where(statements.c.id == statement.id).values(total_fen=total))


def _drop_points(session: Session, statement: Row[Any], line: Row[Any]) -> None:
    key = (lines.c.partner_id == line.partner_id, lines.c.statement_id == statement.id, lines.c.number == line.number)
    session.execute(update(lines).where(*key).values(points=0))
    total = statements.c.total_points - line.points
    session.execute(update(statements).where(statements.c.id == statement.id).values(total_points=total))


def _end_dispute(session: Session, statement: Row[Any], line: Row[Any]) -> None:
    """An open dispute about a line that owes nothing any more has nothing left to decide."""
    ended = session.execute(
        update(disputes)
        .where(
            disputes.c.partner_id == line.partner_id, disputes.c.statement_id == statement.id,
            disputes.c.line_number == line.number, disputes.c.state == "open",
        )
        .values(state="rejected", decided_at=clock.now(), reason=REVERSED)
        .returning(disputes.c.id)
    ).first()  # fmt: skip
    if ended is not None:
        fewer = statements.c.open_disputes - 1
        session.execute(update(statements).where(statements.c.id == statement.id).values(open_disputes=fewer))
