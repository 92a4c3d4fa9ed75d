"""Where obligations are kept: read with what time has made of them, held for an act, changed and told of in one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import ColumnElement, Row, Select, and_, or_, select, tuple_, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.kit import clock, db, outbox
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.obligations import rules
from backend.obligations.errors import ObligationStateRefused
from backend.obligations.models import claims, obligations
from backend.obligations.rules import Standing

CHANGED, TOLD = "obligations.changed", "obligations.told"
_MESSAGES = UUID("6a1f0c58-3c39-5b0e-8f1e-0b6f9d3f7a42")


@dataclass(frozen=True)
class Obligation:
    """One obligation as it stands at the instant of reading; ``state`` is what time has made of what is written."""

    row: Row[Any]
    at: datetime

    def __getattr__(self, name: str) -> Any:
        return getattr(self.row, name)

    @property
    def standing(self) -> Standing:
        return standing(self.row)

    @property
    def state(self) -> str:
        return rules.state_at(self.standing, self.at)

    @property
    def ended_at(self) -> datetime | None:
        """When it ended, by an act or by time."""
        if self.closed_at is None and self.state in rules.ENDS:
            return self.standing.charge_until_at
        closed: datetime | None = self.closed_at
        return closed


def standing(row: Any) -> Standing:
    """What is written of a row's state."""
    return Standing(row.state, row.charge_until_at, row.due_at)


def missing() -> NotFound:
    return NotFound("没有这笔事项。", "There is no such obligation.")


# --- reading ---------------------------------------------------------------------------------------------------------


def one(reader: Reader, resident_id: UUID, obligation_id: UUID) -> Obligation:
    """One obligation of one resident. Raises NotFound."""
    this = and_(obligations.c.resident_id == resident_id, obligations.c.id == obligation_id)
    row = reader.execute(select(obligations).where(this)).first()
    if row is None:
        raise missing()
    return Obligation(row, clock.now())


def several(
    reader: Reader,
    where: ColumnElement[bool],
    limit: int,
    before: tuple[Any, ...] | None = None,
    state: str | None = None,
) -> list[Obligation]:
    """Up to ``limit`` obligations, the newest first; those that are in ``state`` now. ``before``: (opened_at, id)."""
    table, at = obligations.c, clock.now()
    where = where if state is None else where & _is_in(state, at)
    query = select(obligations).where(where).order_by(table.opened_at.desc(), table.id.desc()).limit(limit)
    if before is not None:
        query = query.where(tuple_(table.opened_at, table.id) < before)
    return [Obligation(row, at) for row in reader.execute(query)]


def _is_in(state: str, at: datetime) -> ColumnElement[bool]:
    """The rows that are in a state, time counted: the condition that says what :func:`rules.state_at` says."""
    table = obligations.c
    written = table.state == (rules.CHARGED if state == rules.ARREARS else state)
    if state not in rules.ENDS:
        written &= table.closed_at.is_(None)  # by which the index of what is not over is found
    if state == rules.OPEN:
        return and_(written, table.charge_until_at > at)
    if state == rules.RELEASED:
        return or_(written, and_(table.state == rules.OPEN, table.charge_until_at <= at))
    if state == rules.CHARGED:
        return and_(written, table.due_at > at)
    return and_(written, table.due_at <= at) if state == rules.ARREARS else written


def claim(reader: Reader, where: ColumnElement[bool]) -> Row[Any]:
    """Whose an obligation is. Raises NotFound where the condition finds none."""
    row = reader.execute(select(claims).where(where)).first()
    if row is None:
        raise missing()
    return row


# --- changing --------------------------------------------------------------------------------------------------------


def hold_person(session: Session, resident_id: UUID) -> bool:
    """Keep somebody from leaving until the transaction ends, before any other lock; False where she has left.

    What is owed under the number of one who left can still be ended, so that this refuses nothing.
    """
    accounts.hold_people(session, [resident_id])
    return not accounts.has_left(session, resident_id)


def held(session: Session, where: ColumnElement[bool]) -> Obligation | None:
    """One obligation, locked until the transaction ends, as it stands once it is."""
    locking: Select[Any] = select(obligations).where(where)
    row = session.execute(db.for_update(locking)).first()
    return Obligation(row, clock.now()) if row is not None else None


def hold(session: Session, resident_id: UUID, obligation_id: UUID) -> Obligation:
    """As :func:`held`, by its id. Raises NotFound."""
    found = held(session, and_(obligations.c.resident_id == resident_id, obligations.c.id == obligation_id))
    if found is None:
        raise missing()
    return found


def after_act(found: Obligation, act: str, at: datetime | None = None) -> str:
    """The state after an act, done now or at an earlier instant. Raises ObligationStateRefused, naming the state."""
    state = found.state if at is None else rules.state_at(found.standing, at)
    after = rules.BECOMES.get((state, act))
    if after is None:
        raise ObligationStateRefused(
            f"现在是“{rules.STATE_TEXT[state]}”（{state}），不能{rules.ACTS[act]}。",
            f"It is {state}: {act} is not possible.", obligation_state=state, act=act,
        )  # fmt: skip
    return after


def change(session: Session, found: Obligation, state: str, **values: Any) -> Obligation:
    """Write a new state with what belongs to it, and tell the rooms above. What is to be told on time is set anew.

    ``state`` is one of those that are written; ``closed_at`` may be given where time has ended it earlier.
    """
    now = found.at
    values = {"closed_at": now if state in rules.ENDS else None, "state": state, **values}
    due_at = values.get("due_at", found.due_at)
    after = rules.next_tell(Standing(state, found.charge_until_at, due_at), found.remind_hours_before, now)
    row = _write(session, found, {**values, "next_at": after})
    _mark_dispute(session, found, row.disputed_at if state == rules.DISPUTED else None)
    changed = Obligation(row, now)
    tell_rooms(session, changed)
    return changed


def put_off(session: Session, found: Obligation, told_at: datetime) -> None:
    """Note that what was to be told by ``told_at`` is done."""
    after = rules.next_tell(found.standing, found.remind_hours_before, told_at)
    _write(session, found, {"next_at": after})


def _write(session: Session, found: Obligation, values: dict[str, Any]) -> Row[Any]:
    table = obligations.c
    this = update(obligations).where(table.resident_id == found.resident_id, table.id == found.id)
    return session.execute(this.values(values).returning(obligations)).one()


def _mark_dispute(session: Session, found: Obligation, since: datetime | None) -> None:
    """Let the office find a dispute for as long as there is one."""
    if since is None and found.row.state != rules.DISPUTED:
        return
    this = update(claims).where(claims.c.partner_id == found.partner_id, claims.c.obligation_id == found.id)
    session.execute(this.values(disputed_at=since))


def sealed(session: Session, resident_id: UUID, column: str, text: str) -> str:
    """Words about somebody, sealed with her key. Raises NotFound for one who has left."""
    return accounts.seal_for(session, resident_id, obligations.name, column, text)


def opened(reader: Reader, found: Obligation, column: str) -> str | None:
    """Words that :func:`sealed` sealed; None where there are none (any more)."""
    kept = getattr(found.row, column)
    return None if kept is None else accounts.open_for(reader, found.resident_id, obligations.name, column, kept)


# --- telling ---------------------------------------------------------------------------------------------------------


def tell_rooms(session: Session, found: Obligation) -> None:
    """Tell the rooms above how an obligation stands now. Ids alone, and no words."""
    ids = ("resident_id", "admission_id", "partner_id")
    news = {**{name: str(getattr(found, name)) for name in ids}, "obligation_id": str(found.id), "kind": found.kind,
            "state": found.state}  # fmt: skip
    outbox.tell(session, CHANGED, news, shard=found.resident_id)


def tell_resident(session: Session, found: Obligation, what: str, due_for: datetime | None = None) -> None:
    """Have something said to the resident. ``due_for``: whose time it is, so that it is said once whatever happens."""
    news: dict[str, Any] = {
        "resident_id": str(found.resident_id), "what": what, "kind": found.kind, "title": found.title,
        "partner_name": found.partner_name, "amount": rules.yuan(found.amount_fen or 0),
        "due_at": found.due_at.isoformat() if found.due_at else None, "decision": found.decision,
        "message_id": str(uuid5(_MESSAGES, f"{found.id}/{due_for.isoformat()}")) if due_for else None,
    }  # fmt: skip
    outbox.tell(session, TOLD, news, shard=found.resident_id)


def purge(session: Session, closed_before: datetime, most: int) -> int:
    """Delete up to ``most`` obligations that ended before an instant; how many."""
    table = obligations.c
    old = select(table.resident_id, table.partner_id, table.id).where(table.closed_at < closed_before)
    rows = session.execute(old.order_by(table.closed_at).limit(most)).all()
    _delete(session, rows)
    return len(rows)


def _delete(session: Session, rows: Iterable[Any]) -> None:
    for row in rows:
        theirs = (claims.c.partner_id == row.partner_id, claims.c.obligation_id == row.id)
        session.execute(claims.delete().where(*theirs))
        hers = (obligations.c.resident_id == row.resident_id, obligations.c.id == row.id)
        session.execute(obligations.delete().where(*hers))
