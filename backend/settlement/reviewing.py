"""The partner's review of a statement and its end: agreed, disputed line by line, decided, closed for good."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, insert, select, update
from sqlalchemy.orm import Session

from backend.kit import clock, operations, outbox, trail
from backend.kit.db import Reader
from backend.kit.errors import FieldError, NotFound
from backend.kit.ids import new_id
from backend.kit.operations import Operation
from backend.ledger import service as ledger
from backend.settlement import rules
from backend.settlement.errors import AlreadyDisputed, DisputeDecided, StatementClosed, StatementNotReady
from backend.settlement.lines import line_of, lock, owe_nothing, set_due
from backend.settlement.models import disputes, lines, statements

CHUNK = 1000


class Actor(NamedTuple):
    """Who acts: the staff account, its role, and the partners it may act for (None: any)."""

    id: UUID
    role: str
    partners: frozenset[UUID] | None


def held(session: Session, statement_id: UUID, actor: Actor) -> Row[Any]:
    """The statement, locked, of a partner of the actor's. Raises NotFound."""
    row = lock(session, statement_id)
    if row is None or (actor.partners is not None and row.partner_id not in actor.partners):
        raise NotFound()
    return row


def _require_open(row: Row[Any]) -> None:
    if row.state == "closed":
        raise StatementClosed(closed_at=row.closed_at.isoformat())


def _not_ready(row: Row[Any], why: str) -> StatementNotReady:
    return StatementNotReady(
        state=row.state, why=why, review_until_on=row.review_until_on.isoformat(), open_disputes=row.open_disputes
    )


def agree(session: Session, statement_id: UUID, actor: Actor, operation: Operation) -> None:
    """The partner agrees with the statement as it stands. Raises NotFound, StatementClosed, StatementNotReady."""
    if operations.begin(session, operation, "settlement.agree") is not None:
        return
    row = held(session, statement_id, actor)
    _require_open(row)
    if row.open_disputes:
        raise _not_ready(row, "disputed")
    state = rules.next_state(row.state, "agree")
    if state is None:
        raise _not_ready(row, row.state)
    values = {"state": state, "agreed_at": clock.now(), "agreed_by": actor.id}
    session.execute(update(statements).where(statements.c.id == row.id).values(**values))
    said = {"month": f"{row.month:%Y-%m}", "total_fen": row.total_fen}
    trail.note(session, actor.id, actor.role, "settlement.agree", "statement", row.id, said)
    operations.finish(session, operation, row.id)


def dispute(
    session: Session, statement_id: UUID, number: int, wanted_fen: int, text: str, actor: Actor, operation: Operation
) -> UUID:
    """The partner does not agree with a line: what it should be, and why. The id of the dispute.

    Raises NotFound, FieldError for a line that the statement has not, StatementClosed, StatementNotReady,
    AlreadyDisputed.
    """
    dispute_id = new_id()
    if (done := operations.begin(session, operation, "settlement.dispute", makes=dispute_id)) is not None:
        return done
    row = held(session, statement_id, actor)
    _require_open(row)
    state = rules.next_state(row.state, "dispute")
    if state is None:
        raise _not_ready(row, row.state)
    if session.execute(line_of(row.partner_id, row.id, number)).first() is None:
        raise FieldError.at("/line", f"这份结算单共 {row.lines} 行。", f"The statement has {row.lines} lines.")
    key = (
        disputes.c.partner_id == row.partner_id, disputes.c.statement_id == row.id, disputes.c.line_number == number,
    )  # fmt: skip
    if before := session.execute(select(disputes.c.id).where(*key)).scalar():
        raise AlreadyDisputed(dispute_id=str(before))
    values = {
        "partner_id": row.partner_id, "id": dispute_id, "statement_id": row.id, "line_number": number, "state": "open",
        "text": text, "wanted_fen": wanted_fen, "raised_by": actor.id, "raised_at": clock.now(), "decided_by": None,
        "decided_at": None, "reason": "",
    }  # fmt: skip
    session.execute(insert(disputes).values(**values))
    more = {"state": state, "open_disputes": row.open_disputes + 1, "agreed_at": None, "agreed_by": None}
    session.execute(update(statements).where(statements.c.id == row.id).values(**more))
    said = {"dispute_id": str(dispute_id), "line": number, "wanted_fen": wanted_fen}
    trail.note(session, actor.id, actor.role, "settlement.dispute", "statement", row.id, said)
    return dispute_id


class Decision(NamedTuple):
    """What the office decides about a line: what it owes from now on when upheld, and why."""

    upheld: bool
    due_fen: int | None
    reason: str


def decide(
    session: Session, statement_id: UUID, dispute_id: UUID, decision: Decision, actor: Actor, operation: Operation
) -> None:
    """Decide a dispute: upheld, the line owes ``due_fen`` from now on; rejected, it stays. Once.

    Raises NotFound, FieldError, StatementClosed, DisputeDecided.
    """
    if operations.begin(session, operation, "settlement.decide") is not None:
        return
    row = held(session, statement_id, actor)
    key = (disputes.c.partner_id == row.partner_id, disputes.c.id == dispute_id, disputes.c.statement_id == row.id)
    found = session.execute(select(disputes).where(*key)).first()
    if found is None:
        raise NotFound()
    if found.state != "open":
        raise DisputeDecided(outcome=found.state)
    _require_open(row)
    if decision.upheld != (decision.due_fen is not None):
        raise FieldError.at("/due_fen", "支持异议时写明该行应付多少分，否则不写。", "Give due_fen when upheld only.")
    outcome = "upheld" if decision.upheld else "rejected"
    values = {"state": outcome, "decided_by": actor.id, "decided_at": clock.now(), "reason": decision.reason}
    session.execute(update(disputes).where(*key).values(**values))
    if decision.due_fen is not None:
        line = session.execute(line_of(row.partner_id, row.id, found.line_number)).one()
        set_due(session, row, line, decision.due_fen, f"异议成立：{decision.reason}")
    fewer = statements.c.open_disputes - 1
    session.execute(update(statements).where(statements.c.id == row.id).values(open_disputes=fewer))
    said = {"dispute_id": str(dispute_id), "line": found.line_number, "outcome": outcome, "due_fen": decision.due_fen}
    trail.note(session, actor.id, actor.role, "settlement.decide", "statement", row.id, said)
    told = {"partner_id": str(row.partner_id), "statement_id": str(row.id), "dispute_id": str(dispute_id),
            "month": f"{row.month:%Y-%m}", "outcome": outcome}  # fmt: skip
    outbox.tell(session, "settlement.dispute-decided", told, shard=row.partner_id)
    operations.finish(session, operation, row.id)


def close(session: Session, statement_id: UUID, actor: Actor, operation: Operation) -> None:
    """Close a month for good: its lines are held once more against the ledger and summed up in a digest.

    It takes the partner's agreement or the end of its days of review, and no open dispute. Raises NotFound,
    StatementClosed, StatementNotReady.
    """
    if operations.begin(session, operation, "settlement.close") is not None:
        return
    row = held(session, statement_id, actor)
    _require_open(row)
    if why := rules.may_close(row.state, row.open_disputes, row.review_until_on, clock.today()):
        raise _not_ready(row, row.state if why == "state" else why)
    for line in _taken_back(session, row):
        owe_nothing(session, row, line)
    digest, totals = digest_of(session, row.partner_id, row.id)
    values = {"state": "closed", "closed_at": clock.now(), "closed_by": actor.id, "digest": digest,
              "lines": totals.lines, "total_fen": totals.fen, "total_points": totals.points}  # fmt: skip
    session.execute(update(statements).where(statements.c.id == row.id).values(**values))
    said = {"month": f"{row.month:%Y-%m}", "total_fen": totals.fen, "lines": totals.lines, "digest": digest}
    trail.note(session, actor.id, actor.role, "settlement.close", "statement", row.id, said)
    told = {"partner_id": str(row.partner_id), "statement_id": str(row.id), "month": f"{row.month:%Y-%m}",
            "total_fen": totals.fen, "lines": totals.lines}  # fmt: skip
    outbox.tell(session, "settlement.closed", told, shard=row.partner_id)
    operations.finish(session, operation, row.id)


def all_lines(reader: Reader, partner_id: UUID, statement_id: UUID) -> Iterator[Row[Any]]:
    """Every line of a statement in order, a stretch at a time."""
    after = 0
    while True:
        mine = (lines.c.partner_id == partner_id, lines.c.statement_id == statement_id, lines.c.number > after)
        found = reader.execute(select(lines).where(*mine).order_by(lines.c.number).limit(CHUNK)).all()
        yield from found
        if len(found) < CHUNK:
            return
        after = found[-1].number


def _taken_back(session: Session, row: Row[Any]) -> list[Row[Any]]:
    """Lines that still owe although their points were taken back while they were being written."""
    stale = []
    chunk: list[Row[Any]] = []
    for line in all_lines(session, row.partner_id, row.id):
        if line.kind == "admission" and line.transfer_id is not None and line.points:
            chunk.append(line)
        if len(chunk) == CHUNK:
            stale += _reversed(session, chunk)
            chunk = []
    return stale + _reversed(session, chunk)


def _reversed(session: Session, chunk: list[Row[Any]]) -> list[Row[Any]]:
    standing = ledger.standing_points(session, [(line.resident_id, line.transfer_id) for line in chunk])
    return [line for line in chunk if not standing.get(line.transfer_id)]


def digest_of(reader: Reader, partner_id: UUID, statement_id: UUID) -> tuple[str, rules.Totals]:
    """The digest and the totals of a statement's lines as they are now."""
    digest = rules.Digest(statement_id)
    count = fen = points = 0
    for line in all_lines(reader, partner_id, statement_id):
        digest.add(line)
        count, fen, points = count + 1, fen + line.due_fen, points + line.points
    return digest.hexdigest(), rules.Totals(count, fen, points)


def problems(reader: Reader, since: date | None = None) -> list[str]:
    """Closed statements that are no longer what was closed: totals or digest differ. Empty when all hold."""
    closed = select(statements).where(statements.c.state == "closed").order_by(statements.c.month, statements.c.id)
    if since is not None:
        closed = closed.where(statements.c.month >= since)
    found = []
    for row in reader.execute(closed).all():
        digest, totals = digest_of(reader, row.partner_id, row.id)
        said = rules.Totals(row.lines, row.total_fen, row.total_points)
        if (digest, totals) != (row.digest, said):
            differs = "" if digest == row.digest else ", the digest differs"
            found.append(
                f"statement {row.id} ({row.month:%Y-%m}): closed as {tuple(said)}, is {tuple(totals)}{differs}"
            )
    return found
