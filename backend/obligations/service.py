"""The front of this room: an obligation's beginning and end at the venue's door, the resident's side, and its pause.

What the partner does is in :mod:`backend.obligations.desk`, what the office decides in
:mod:`backend.obligations.disputes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, insert, literal_column, select
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.kit import city, clock, operations
from backend.kit.city import CityMissing
from backend.kit.db import Reader, insert_if_absent
from backend.kit.ids import new_id
from backend.kit.operations import Operation
from backend.kit.prepared import Prepared
from backend.obligations import book, rules
from backend.obligations.book import Obligation
from backend.obligations.desk import Desk, charge, release, settle, withdraw
from backend.obligations.errors import AlreadyDisputed
from backend.obligations.models import claims, obligations

__all__ = ["Desk", "charge", "release", "settle", "withdraw"]


# --- at the door -----------------------------------------------------------------------------------------------------


TERMS = ("kind", "up_to_fen", "due_hours", "remind_hours_before", "title", "partner_name")
"""What an admission says of the obligation that it brings with it."""


def on_admitted(session: Session, news: dict[str, Any]) -> None:
    """Open what an admission brings with it, in the admission's own transaction."""
    if (terms := news.get("obligation")) is None:
        return
    told = {name: terms[name] for name in TERMS}
    open_obligation(
        session, UUID(news["resident_id"]), **told, partner_id=UUID(news["partner_id"]),
        venue_id=UUID(news["venue_id"]), admission_id=UUID(news["admission_id"]), subject_id=UUID(news["coupon_id"]),
        used_at=datetime.fromisoformat(news["happened_at"]),
    )  # fmt: skip


def on_undone(session: Session, news: dict[str, Any]) -> None:
    """The admission is undone: whatever it brought with it is withdrawn, unless it has ended already."""
    mine = (obligations.c.resident_id == UUID(news["resident_id"])) & (
        obligations.c.admission_id == UUID(news["admission_id"])
    )
    found = book.held(session, mine)
    if found is None or (found.state, rules.UNDO) not in rules.BECOMES:
        return
    told = found.amount_fen is not None and not accounts.has_left(session, found.resident_id)
    changed = book.change(session, found, book.after_act(found, rules.UNDO))
    if told:
        book.tell_resident(session, changed, rules.WITHDRAWN)


def open_obligation(
    session: Session, resident_id: UUID, *, partner_id: UUID, venue_id: UUID, kind: str, up_to_fen: int,
    due_hours: int, remind_hours_before: Sequence[int], title: str, partner_name: str, admission_id: UUID,
    subject_id: UUID, used_at: datetime | None = None,
) -> UUID:  # fmt: skip
    """Open an obligation of an admission; its id, and that of the one that there is already when it is repeated.

    Nothing is owed yet: the partner may charge up to ``up_to_fen`` fen. ``used_at``: when it was used, where that is
    not now; the partner's time runs from now, when it hears of it. Raises NotFound for one who has left.
    """
    if kind not in rules.KINDS:
        raise ValueError(f"no such kind of obligation: {kind}")
    accounts.require_standing(session, resident_id)
    now, made = clock.now(), new_id()
    until = rules.charge_until(kind, now, due_hours, _charge_days(session))
    row = {
        "resident_id": resident_id, "id": made, "partner_id": partner_id, "venue_id": venue_id,
        "admission_id": admission_id, "subject_id": subject_id, "kind": kind, "title": title[:120],
        "partner_name": partner_name[:120], "state": rules.OPEN, "up_to_fen": up_to_fen, "amount_fen": None,
        "due_hours": due_hours, "remind_hours_before": list(remind_hours_before), "used_at": used_at or now,
        "opened_at": now, "charge_until_at": until, "charged_at": None, "due_at": None, "paid_at": None,
        "closed_at": None, "charge_reason_sealed": None, "disputed_at": None, "dispute_sealed": None,
        "decision": None, "decision_reason_sealed": None, "decided_at": None, "decided_by": None, "next_at": until,
    }  # fmt: skip
    if not insert_if_absent(session, obligations, row, ("resident_id", "admission_id")):
        mine = (obligations.c.resident_id == resident_id, obligations.c.admission_id == admission_id)
        known: UUID = session.execute(select(obligations.c.id).where(*mine)).scalar_one()
        return known
    whose = {"partner_id": partner_id, "obligation_id": made, "resident_id": resident_id, "venue_id": venue_id}
    session.execute(insert(claims).values(**whose, disputed_at=None))
    book.tell_rooms(session, book.one(session, resident_id, made))
    return made


def _charge_days(reader: Reader) -> int:
    """Within how many days a partner charges under pay-after, as the city says."""
    try:
        said = city.get(reader, "deadlines").content.get("obligations", {})
    except CityMissing:
        return rules.CHARGE_DAYS
    return int(said.get("charge_days", rules.CHARGE_DAYS))


# --- the pause -------------------------------------------------------------------------------------------------------

_LATE = Prepared(
    select(obligations.c.kind)
    .where(
        obligations.c.resident_id == bindparam("resident"), obligations.c.state == literal_column("'charged'"),
        obligations.c.due_at <= bindparam("now"),
    )
    .distinct()
)  # fmt: skip


def paused(reader: Reader, resident_id: UUID) -> frozenset[str]:
    """The kinds in which somebody is in arrears now: offers of these kinds are not given to this person until then.

    One indexed statement. The verdict on such an offer reads it and nothing else does, least of all a score.
    """
    return frozenset(row.kind for row in _LATE.rows(reader, {"resident": resident_id, "now": clock.now()}))


# --- the resident's side ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dispute:
    """What she said against a charge, and what was decided; ``decision`` is None until then."""

    text: str | None
    disputed_at: datetime
    decision: str | None
    reason: str | None
    decided_at: datetime | None


@dataclass(frozen=True)
class View:
    """An obligation as its resident sees it."""

    id: UUID
    kind: str
    kind_text: str
    state: str
    state_text: str
    title: str
    partner_name: str
    venue_id: UUID
    admission_id: UUID
    up_to_fen: int
    amount_fen: int | None
    charge_reason: str | None
    used_at: datetime
    opened_at: datetime
    charge_until_at: datetime
    charged_at: datetime | None
    due_at: datetime | None
    paid_at: datetime | None
    ended_at: datetime | None
    dispute: Dispute | None
    may_dispute: bool
    explanation: str


def my_obligations(reader: Reader, resident_id: UUID, limit: int, before: tuple[Any, ...] | None = None) -> list[View]:
    """Up to ``limit`` obligations of a resident, the newest first. ``before``: (opened_at, id)."""
    mine = obligations.c.resident_id == resident_id
    return [view(reader, one) for one in book.several(reader, mine, limit, before)]


def my_obligation(reader: Reader, resident_id: UUID, obligation_id: UUID) -> View:
    """One obligation of a resident. Raises NotFound."""
    return view(reader, book.one(reader, resident_id, obligation_id))


def obligation_of(reader: Reader, resident_id: UUID, admission_id: UUID) -> UUID | None:
    """What an admission brought with it: the obligation's id, or None."""
    mine = (obligations.c.resident_id == resident_id, obligations.c.admission_id == admission_id)
    found: UUID | None = reader.execute(select(obligations.c.id).where(*mine)).scalar()
    return found


def view(reader: Reader, one: Obligation) -> View:
    """An obligation in words."""
    plain = (
        "id", "kind", "title", "partner_name", "venue_id", "admission_id", "up_to_fen", "amount_fen", "used_at",
        "opened_at", "charge_until_at", "charged_at", "due_at", "paid_at", "ended_at",
    )  # fmt: skip
    state = one.state
    return View(
        **{name: getattr(one, name) for name in plain}, kind_text=rules.KINDS[one.kind], state=state,
        state_text=rules.STATE_TEXT[state], charge_reason=book.opened(reader, one, "charge_reason_sealed"),
        dispute=_dispute(reader, one), explanation=explanation(one),
        may_dispute=(state, rules.DISPUTE) in rules.BECOMES and one.decision is None,
    )  # fmt: skip


def _dispute(reader: Reader, one: Obligation) -> Dispute | None:
    if one.disputed_at is None:
        return None
    text, reason = (book.opened(reader, one, column) for column in ("dispute_sealed", "decision_reason_sealed"))
    return Dispute(text, one.disputed_at, one.decision, reason, one.decided_at)


def explanation(one: Obligation) -> str:
    """What an obligation means now, in Chinese."""
    facts = {
        "partner_name": one.partner_name, "up_to": rules.yuan(one.up_to_fen), "amount": rules.yuan(one.amount_fen or 0),
        "until": said(one.charge_until_at), "due": said(one.due_at) if one.due_at else "",
    }  # fmt: skip
    return rules.explanation(one.kind, one.state, facts)


def said(instant: datetime) -> str:
    """An instant as people say it, in Shanghai's time."""
    at = instant.astimezone(clock.SHANGHAI)
    return f"{at.year}年{at.month}月{at.day}日 {at:%H:%M}"


def dispute(session: Session, resident_id: UUID, obligation_id: UUID, text: str, operation: Operation) -> View:
    """Dispute a charge, once: until the office has decided it is no arrears and pauses nothing.

    Raises NotFound, ObligationStateRefused, AlreadyDisputed.
    """
    if operations.begin(session, operation, kind="obligations.dispute", makes=obligation_id) is None:
        accounts.require_standing(session, resident_id)
        found = book.hold(session, resident_id, obligation_id)
        state = book.after_act(found, rules.DISPUTE)
        if found.decision is not None:
            raise AlreadyDisputed(obligation_state=found.state, decision=found.decision)
        kept = book.sealed(session, resident_id, "dispute_sealed", text)
        book.change(session, found, state, disputed_at=found.at, dispute_sealed=kept)
    return my_obligation(session, resident_id, obligation_id)
