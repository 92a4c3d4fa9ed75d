"""Propose, decide, withdraw. What is decided is exactly what was shown, and it is done in the same transaction."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, insert, or_, select, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.approvals import kinds, rules
from backend.approvals.errors import (
    ApprovalChanged,
    ApprovalClosed,
    ConcernsYourself,
    ExecutionRefused,
    NotYourProposal,
    OwnProposal,
)
from backend.approvals.kinds import executor, link_persons
from backend.approvals.models import ApprovalRow
from backend.approvals.rules import DECISIONS, LIFETIME, STATES, Actor
from backend.kit import clock, db, operations, trail
from backend.kit.db import Reader
from backend.kit.errors import DomainError, NotFound
from backend.kit.ids import new_id
from backend.kit.operations import Operation

__all__ = [
    "DECISIONS", "LIFETIME", "STATES", "Actor", "Approval", "action_of", "approval", "approvals", "decide", "executor",
    "freeze", "hold", "link_persons", "propose", "states", "void", "withdraw",
]  # fmt: skip

_TOLD = ("kind", "subject_kind", "subject_id", "reason", "payload", "summary", "changes")
_COLUMNS = tuple(ApprovalRow.__table__.c)


@dataclass(frozen=True)
class Approval:
    """A proposal as it stands. ``state`` says *expired* where nobody decided in time."""

    row: Any
    state: str
    names: dict[UUID, str]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.row, name)

    @property
    def kind_title(self) -> str:
        return kinds.known(self.row.kind).title

    @property
    def digest(self) -> str:
        return str(self.row.digest.hex())

    @property
    def payload(self) -> dict[str, Any]:
        shown: dict[str, Any] = rules.shown_payload(self.row.payload, kinds.known(self.row.kind).hidden)
        return shown

    @property
    def proposer(self) -> dict[str, Any]:
        return self._who(self.row.proposed_by)

    @property
    def decider(self) -> dict[str, Any] | None:
        return self._who(self.row.decided_by) if self.row.decided_by else None

    def _who(self, account_id: UUID) -> dict[str, Any]:
        return {"id": account_id, "display_name": self.names.get(account_id, "")}


# --- reading -----------------------------------------------------------------------------------------------------


def approvals(
    reader: Reader, state: str | None, limit: int, before: tuple[datetime, UUID] | None = None
) -> list[Approval]:
    """Up to ``limit`` proposals, of one state when given, the newest first, those before a position."""
    query, now = select(*_COLUMNS), clock.now()
    if state in ("proposed", "expired"):
        in_time = ApprovalRow.expires_at > now if state == "proposed" else ApprovalRow.expires_at <= now
        query = query.where(ApprovalRow.state == "proposed", in_time)
    elif state is not None:
        query = query.where(ApprovalRow.state == state)
    if before is not None:
        at, last = before
        older = and_(ApprovalRow.proposed_at == at, ApprovalRow.id < last)
        query = query.where(or_(ApprovalRow.proposed_at < at, older))
    rows = reader.execute(query.order_by(ApprovalRow.proposed_at.desc(), ApprovalRow.id.desc()).limit(limit)).all()
    return _views(reader, rows)


def _views(reader: Reader, rows: Sequence[Any]) -> list[Approval]:
    ids = {one for row in rows for one in (row.proposed_by, row.decided_by) if one}
    names, now = accounts.display_names(reader, ids), clock.now()
    return [Approval(row, rules.state_at(row.state, row.expires_at, now), names) for row in rows]


def approval(reader: Reader, approval_id: UUID) -> Approval:
    """One proposal. Raises NotFound."""
    return _views(reader, [_row(reader, approval_id)])[0]


def _row(reader: Reader, approval_id: UUID, *, lock: bool = False) -> Any:
    query = select(*_COLUMNS).where(ApprovalRow.id == approval_id)
    row = reader.execute(db.for_update(query) if lock else query).first()
    if row is None:
        raise NotFound()
    return row


def states(reader: Reader, approval_ids: Collection[UUID]) -> dict[UUID, str]:
    """How some proposals stand."""
    columns = (ApprovalRow.id, ApprovalRow.state, ApprovalRow.expires_at)
    rows = reader.execute(select(*columns).where(ApprovalRow.id.in_(approval_ids))).all() if approval_ids else []
    return {row.id: rules.state_at(row.state, row.expires_at, clock.now()) for row in rows}


def hold(session: Session, approval_id: UUID) -> str:
    """How a proposal stands, and stands until this transaction ends. Raises NotFound."""
    row = _row(session, approval_id, lock=True)
    return rules.state_at(row.state, row.expires_at, clock.now())


def action_of(reader: Reader, approval_id: UUID) -> str:
    """The permission that deciding this proposal needs; it never changes. Raises NotFound."""
    return kinds.known(_row(reader, approval_id).kind).action


# --- proposing ---------------------------------------------------------------------------------------------------


def propose(
    session: Session,
    operation: Operation,
    kind: str,
    actor: Actor,
    reason: str,
    payload: dict[str, Any],
    subject: tuple[str, str],
) -> Approval:
    """Freeze what should be done, once per operation. ``subject``: its kind and id.

    Raises what the kind's preparer refuses, ConcernsYourself.
    """
    approval_id = new_id()
    done = operations.begin(session, operation, f"approvals.{kind}", makes=approval_id)
    if done is not None:
        return approval(session, done)
    freeze(session, kind, actor, reason, payload, subject, approval_id)
    return approval(session, approval_id)


def freeze(
    session: Session,
    kind: str,
    actor: Actor,
    reason: str,
    payload: dict[str, Any],
    subject: tuple[str, str],
    approval_id: UUID | None = None,
) -> UUID:
    """The same as part of an act that is repeated or not as a whole. Returns the proposal's id."""
    approval_id = approval_id or new_id()
    if rules.concerns(_known(session, actor), *subject):
        raise ConcernsYourself()
    kept, summary, changes = kinds.known(kind).prepare(session, payload, approval_id)
    told = dict(zip(_TOLD, (kind, *subject, reason, kept, summary, changes), strict=True))
    now = clock.now()
    session.execute(
        insert(ApprovalRow).values(
            **told, id=approval_id, digest=rules.digest(told), state="proposed", proposed_by=actor.account_id,
            proposed_at=now, expires_at=now + LIFETIME, decided_by=None, decision_reason="", result={},
            closed_at=None,
        )
    )  # fmt: skip
    _note(session, actor, f"{kind}.propose", approval_id, {})
    return approval_id


def _note(session: Session, actor: Actor, action: str, approval_id: UUID, detail: dict[str, Any]) -> None:
    trail.note(session, actor.account_id, actor.role, action, "approval", approval_id, detail)


# --- closing -----------------------------------------------------------------------------------------------------


def decide(
    session: Session, operation: Operation, approval_id: UUID, actor: Actor, decision: str, reason: str, seen: str
) -> Approval:
    """Approve or reject, once. ``seen``: the digest, in hex, of what the decider was shown. Approving does the act.

    The row's lock lets one decider in; the next finds it closed. Raises NotFound, OwnProposal, ConcernsYourself,
    ApprovalClosed, ApprovalChanged, and ExecutionRefused when it cannot be done now: then nothing was decided.
    """
    if operations.begin(session, operation, "approvals.decide", makes=approval_id) is not None:
        return approval(session, approval_id)
    row = _open_row(session, approval_id)
    _may_decide(session, row, actor)
    kept = rules.digest({name: getattr(row, name) for name in _TOLD})
    if not (hmac.compare_digest(kept, row.digest) and hmac.compare_digest(kept.hex().encode(), seen.lower().encode())):
        raise ApprovalChanged()
    result = _execute(session, row) if decision == "approve" else {}
    _close(session, row, DECISIONS[decision], decided_by=actor.account_id, decision_reason=reason, result=result)
    _note(session, actor, f"{row.kind}.{decision}", approval_id, {"digest": kept.hex(), "result": result})
    return approval(session, approval_id)


def _open_row(session: Session, approval_id: UUID) -> Any:
    row = _row(session, approval_id, lock=True)
    state = rules.state_at(row.state, row.expires_at, clock.now())
    if state != "proposed":
        raise ApprovalClosed(state=state)
    return row


def _may_decide(session: Session, row: Any, actor: Actor) -> None:
    """Persons are asked for now, not as they were linked when it was proposed."""
    decider = _known(session, actor)
    if rules.same_person(_known(session, Actor(row.proposed_by, "")), decider):
        raise OwnProposal()
    concerned = kinds.known(row.kind).concerns
    if rules.concerns(decider, row.subject_kind, row.subject_id) or concerned(session, row.payload, decider):
        raise ConcernsYourself()


def _known(reader: Reader, actor: Actor) -> Actor:
    """The actor with the person behind the account, where that is known."""
    return actor if actor.person_id else actor._replace(person_id=kinds.person_of(reader, actor.account_id))


def _execute(session: Session, row: Any) -> dict[str, Any]:
    try:
        return kinds.known(row.kind).execute(session, row.payload, row.id, row.proposed_by)
    except DomainError as why:
        zh = f"{why.title_zh}：{why.detail_zh}" if why.detail_zh else why.title_zh
        en = f"{why.title_en}: {why.detail_en}" if why.detail_en else why.title_en
        raise ExecutionRefused(zh, en, because=why.slug, **_members(why)) from why


def _members(why: DomainError) -> dict[str, Any]:
    return {name: value for name, value in why.members.items() if name not in ("because", "errors")}


def _close(session: Session, row: Any, state: str, **values: Any) -> None:
    this = (ApprovalRow.id == row.id, ApprovalRow.state == "proposed")
    session.execute(update(ApprovalRow).where(*this).values(state=state, closed_at=clock.now(), **values))


def withdraw(session: Session, approval_id: UUID, actor: Actor) -> Approval:
    """Take back one's own proposal; twice changes nothing. Raises NotFound, NotYourProposal, ApprovalClosed."""
    row = _row(session, approval_id, lock=True)
    if row.proposed_by != actor.account_id:
        raise NotYourProposal()
    if row.state != "withdrawn":
        _close(session, _open_row(session, approval_id), "withdrawn")
        _note(session, actor, f"{row.kind}.withdraw", approval_id, {})
    return approval(session, approval_id)


def void(session: Session, approval_id: UUID, actor: Actor) -> None:
    """Close a proposal whose object is gone, whoever proposed it; one that is closed stays as it is."""
    row = _row(session, approval_id, lock=True)
    if rules.state_at(row.state, row.expires_at, clock.now()) == "proposed":
        _close(session, row, "withdrawn")
        _note(session, actor, f"{row.kind}.withdraw", approval_id, {})
