"""What applications and proposals have in common: a row, the office's decisions on it, the proposal it hangs on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Table, insert, select, tuple_, update
from sqlalchemy.orm import Session

from backend.approvals import service as approvals
from backend.approvals.service import Actor
from backend.kit import clock, db, operations, trail
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.kit.ids import new_id
from backend.kit.operations import Operation
from backend.partners import models, publishing, rules
from backend.partners.errors import CaseDecided


@dataclass(frozen=True)
class Desk:
    """A kind of case: its table, what the trail calls it, the column that is empty once a case is closed."""

    table: Table
    name: str
    open_column: str


APPLICATIONS = Desk(models.applications, "partner-application", "open_code")
PROPOSALS = Desk(models.proposals, "partner-proposal", "open_key")


@dataclass(frozen=True)
class Verdict:
    """The office's word on a case. ``missing``: what is still to be handed in."""

    decision: str
    reason: str
    missing: Sequence[str] = ()


def row(reader: Reader, desk: Desk, case_id: UUID, *, lock: bool = False) -> Row[Any]:
    """One case. Raises NotFound."""
    query = select(desk.table).where(desk.table.c.id == case_id)
    found = reader.execute(db.for_update(query) if lock else query).first()
    if found is None:
        raise NotFound()
    return found


def held(session: Session, desk: Desk, case_id: UUID) -> tuple[Row[Any], str]:
    """One case that nobody else changes before this transaction ends, and how the proposal stands that it hangs on.

    The proposal is locked first, as a second person's decision does; one that was made while this waited is only read,
    for nobody carries it out without this row. Raises NotFound.
    """
    seen = row(session, desk, case_id)
    state = approvals.hold(session, seen.approval_id) if seen.approval_id else ""
    found = row(session, desk, case_id, lock=True)
    if found.approval_id != seen.approval_id:
        state = approvals.states(session, [found.approval_id]).get(found.approval_id, "")
    return found, state


def several(
    reader: Reader, desk: Desk, limit: int, before: tuple[datetime, UUID] | None, **where: Any
) -> list[Row[Any]]:
    """Up to ``limit`` cases, the newest first, those before a position."""
    columns = desk.table.c
    query = select(desk.table).where(*(columns[name] == value for name, value in where.items() if value is not None))
    if before is not None:
        query = query.where(tuple_(columns.applied_at, columns.id) < before)
    return list(reader.execute(query.order_by(columns.applied_at.desc(), columns.id.desc()).limit(limit)))


def change(session: Session, desk: Desk, case_id: UUID, **values: Any) -> None:
    """Change a case; one that is closed gives its place to the next."""
    if values.get("status") in rules.CLOSED:
        values[desk.open_column] = None
    session.execute(update(desk.table).where(desk.table.c.id == case_id).values(changed_at=clock.now(), **values))


def decide(
    session: Session, operation: Operation, desk: Desk, case_id: UUID, officer: Actor, verdict: Verdict,
    propose: Callable[[Row[Any]], UUID],
) -> None:  # fmt: skip
    """The office's decision, once. ``propose`` freezes what a second person is to approve, and gives its id.

    Raises NotFound, CaseDecided, and what proposing raises.
    """
    if operations.begin(session, operation, f"{desk.name}.decide", makes=case_id) is not None:
        return
    case, state = held(session, desk, case_id)
    stale = state == "proposed" and publishing.is_stale(session, case.approval_id)
    status = rules.after(case.status, state, verdict.decision, stale)
    if status is None:
        raise CaseDecided(case_status=case.status, approval_id=str(case.approval_id) if case.approval_id else None)
    if stale:
        approvals.void(session, case.approval_id, officer)
    approval_id = propose(case) if status == "proposed" else None
    change(session, desk, case_id, status=status, approval_id=approval_id)
    _note_decision(session, desk, case_id, officer, verdict, approval_id)


def _note_decision(
    session: Session, desk: Desk, case_id: UUID, officer: Actor, verdict: Verdict, approval_id: UUID | None
) -> None:
    session.execute(
        insert(models.decisions).values(
            id=new_id(), case_id=case_id, decision=verdict.decision, reason=verdict.reason,
            missing=list(verdict.missing), decided_by=officer.account_id, decided_at=clock.now(),
            approval_id=approval_id,
        )
    )  # fmt: skip
    told = {"decision": verdict.decision, "approval_id": str(approval_id) if approval_id else None}
    trail.note(session, officer.account_id, officer.role, f"{desk.name}.decide", desk.name, case_id, told)


def take_back(session: Session, desk: Desk, case_id: UUID, actor: Actor) -> None:
    """Withdraw a case that is open, and what was proposed of it; twice changes nothing. Raises CaseDecided."""
    case, state = held(session, desk, case_id)
    if case.status == "withdrawn":
        return
    if case.status in rules.CLOSED:
        raise CaseDecided(case_status=case.status, approval_id=None)
    if state == "proposed":
        approvals.void(session, case.approval_id, actor)
    change(session, desk, case_id, status="withdrawn")
    trail.note(session, actor.account_id, actor.role, f"{desk.name}.withdraw", desk.name, case_id)


def require_proposed(session: Session, desk: Desk, case_id: UUID, approval_id: UUID) -> Row[Any]:
    """The case that an approval is about, if it still hangs on it. Raises CaseDecided."""
    case = row(session, desk, case_id, lock=True)
    if case.status != "proposed" or case.approval_id != approval_id:
        raise CaseDecided(case_status=case.status, approval_id=None)
    return case


def told(reader: Reader, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """Cases with what was decided on them, oldest first, and the proposals that they hang on.

    One whose proposal was refused, taken back or has expired is with the office again.
    """
    said = _decisions(reader, [one.id for one in rows])
    waiting = {one.approval_id for one in rows if one.approval_id}
    states = approvals.states(reader, waiting)
    return [_told(one, said.get(one.id, []), states.get(one.approval_id)) for one in rows]


def _told(one: Row[Any], said: list[dict[str, Any]], state: str | None) -> dict[str, Any]:
    back = one.status == "proposed" and state in ("rejected", "withdrawn", "expired")
    status = "submitted" if back else one.status
    approval = {"id": one.approval_id, "state": state} if state else None
    shown = {**one._mapping, "status": status, "status_text": rules.STATUS_TEXT[status]}
    missing = said[-1]["missing"] if said and one.status == "returned" else []
    return {**shown, "approval": approval, "decisions": said, "missing": missing}


def _decisions(reader: Reader, case_ids: Collection[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    found: dict[UUID, list[dict[str, Any]]] = {}
    columns = models.decisions.c
    query = select(models.decisions).where(columns.case_id.in_(case_ids)).order_by(columns.decided_at, columns.id)
    for one in reader.execute(query):
        found.setdefault(one.case_id, []).append(dict(one._mapping))
    return found
