"""The partner's side: its claims, charging, reporting what was paid, giving up. It never learns whose they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row
from sqlalchemy.orm import Session

from backend.kit import operations, trail
from backend.kit.db import Reader
from backend.kit.errors import FieldError
from backend.kit.operations import Operation
from backend.obligations import book, rules
from backend.obligations.book import Obligation
from backend.obligations.models import claims, obligations


@dataclass(frozen=True)
class Desk:
    """Who acts for which partners. ``venue_id``: the only venue whose obligations a device sees.

    ``actor_id``: whoever stands in the trail; None for another room that acts by a rule of its own.
    """

    partners: frozenset[UUID]
    venue_id: UUID | None = None
    actor_id: UUID | None = None
    role: str = ""

    def claims(self) -> ColumnElement[bool]:
        """Which claims are this desk's."""
        return self._mine(claims.c)

    def obligations(self) -> ColumnElement[bool]:
        """Which obligations are this desk's."""
        return self._mine(obligations.c)

    def _mine(self, table: Any) -> ColumnElement[bool]:
        mine: ColumnElement[bool] = table.partner_id.in_(self.partners)
        return mine if self.venue_id is None else mine & (table.venue_id == self.venue_id)


Partner = Desk | UUID
"""A desk, or a partner as a whole."""


@dataclass(frozen=True)
class Claim:
    """An obligation as the partner sees it: never whose it is, nor her words."""

    id: UUID
    kind: str
    kind_text: str
    state: str
    state_text: str
    title: str
    venue_id: UUID
    admission_id: UUID
    up_to_fen: int
    amount_fen: int | None
    used_at: datetime
    opened_at: datetime
    charge_until_at: datetime
    charged_at: datetime | None
    due_at: datetime | None
    paid_at: datetime | None
    ended_at: datetime | None
    disputed_at: datetime | None
    decision: str | None
    acts: list[str]


_PLAIN = (
    "id", "kind", "title", "venue_id", "admission_id", "up_to_fen", "amount_fen", "used_at", "opened_at",
    "charge_until_at", "charged_at", "due_at", "paid_at", "ended_at", "disputed_at", "decision",
)  # fmt: skip
ACTS = (rules.CHARGE, rules.PAY, rules.RELEASE, rules.WITHDRAW)


def _shown(one: Obligation) -> Claim:
    state = one.state
    return Claim(
        **{name: getattr(one, name) for name in _PLAIN}, kind_text=rules.KINDS[one.kind], state=state,
        state_text=rules.STATE_TEXT[state], acts=[act for act in ACTS if (state, act) in rules.BECOMES],
    )  # fmt: skip


def partner_obligations(
    reader: Reader, desk: Desk, state: str | None, limit: int, before: tuple[Any, ...] | None = None
) -> list[Claim]:
    """Up to ``limit`` of a desk's obligations, in one state if it is named, the newest first. ``before``: (opened_at,
    id)."""
    return [_shown(one) for one in book.several(reader, desk.obligations(), limit, before, state)]


def partner_obligation(reader: Reader, desk: Desk, obligation_id: UUID) -> Claim:
    """One obligation of a desk. Raises NotFound for another partner's."""
    return _shown(book.one(reader, _claim(reader, desk, obligation_id).resident_id, obligation_id))


def _claim(reader: Reader, desk: Desk, obligation_id: UUID) -> Row[Any]:
    return book.claim(reader, desk.claims() & (claims.c.obligation_id == obligation_id))


# --- acting ----------------------------------------------------------------------------------------------------------


def charge(
    session: Session, partner: Partner, obligation_id: UUID, amount_fen: int, operation: Operation, *, reason: str = ""
) -> Claim:
    """Say what is owed: at least 1 fen and no more than the offer said. It is due ``due_hours`` from now.

    ``reason``: for the resident to read; it is sealed with her key. Raises NotFound, ObligationStateRefused,
    FieldError.
    """

    def act(found: Obligation, present: bool) -> Obligation:
        state, now = book.after_act(found, rules.CHARGE), found.at
        if not 1 <= amount_fen <= found.up_to_fen:
            raise FieldError.at(
                "/amount_fen", f"应为 1 至 {found.up_to_fen} 分。", f"Between 1 and {found.up_to_fen} fen."
            )
        kept = book.sealed(session, found.resident_id, "charge_reason_sealed", reason) if reason and present else None
        due_at = rules.due(now, found.due_hours)
        return book.change(
            session, found, state, amount_fen=amount_fen, charged_at=now, due_at=due_at, charge_reason_sealed=kept
        )

    return _act(session, partner, obligation_id, rules.CHARGE, operation, act, rules.CHARGED)


def settle(
    session: Session, partner: Partner, obligation_id: UUID, operation: Operation, *, paid_at: datetime | None = None
) -> Claim:
    """Say that it was paid, in full: what it pauses goes on at once. ``paid_at``: when, where that is not now; what was
    paid in time is so however late it is reported. Raises NotFound, ObligationStateRefused, FieldError.
    """

    def act(found: Obligation, _present: bool) -> Obligation:
        now = found.at
        book.after_act(found, rules.PAY)
        if paid_at is not None and not found.charged_at <= paid_at <= now:
            raise FieldError.at("/paid_at", "应在报账之后、现在之前。", "After the charge and not in the future.")
        state = book.after_act(found, rules.PAY, paid_at)
        return book.change(session, found, state, paid_at=paid_at or now)

    return _act(session, partner, obligation_id, rules.PAY, operation, act, rules.SETTLED)


def release(session: Session, partner: Partner, obligation_id: UUID, operation: Operation) -> Claim:
    """Say that nothing is owed. Raises NotFound, ObligationStateRefused."""

    def act(found: Obligation, _present: bool) -> Obligation:
        return book.change(session, found, book.after_act(found, rules.RELEASE))

    return _act(session, partner, obligation_id, rules.RELEASE, operation, act, rules.RELEASED)


def withdraw(session: Session, partner: Partner, obligation_id: UUID, operation: Operation) -> Claim:
    """Give a claim up for good, charged or not. Raises NotFound, ObligationStateRefused."""

    def act(found: Obligation, _present: bool) -> Obligation:
        return book.change(session, found, book.after_act(found, rules.WITHDRAW))

    return _act(session, partner, obligation_id, rules.WITHDRAW, operation, act, rules.WITHDRAWN)


def _act(
    session: Session, partner: Partner, obligation_id: UUID, act: str, operation: Operation, do: Any, told: str
) -> Claim:
    """Do something once with an obligation of this desk: held, changed, in the trail, said to its resident."""
    desk = partner if isinstance(partner, Desk) else Desk(frozenset({partner}))
    done = operations.begin(session, operation, kind=f"obligations.{act}", makes=obligation_id)
    resident_id = _claim(session, desk, obligation_id).resident_id
    if done is None:
        present = book.hold_person(session, resident_id)
        changed = do(book.hold(session, resident_id, obligation_id), present)
        if desk.actor_id is not None:
            detail = {"state": changed.state, "amount_fen": changed.amount_fen}
            trail.note(session, desk.actor_id, desk.role, f"obligations.{act}", "obligation", obligation_id, detail)
        if present:
            book.tell_resident(session, changed, told)
    return partner_obligation(session, desk, obligation_id)
