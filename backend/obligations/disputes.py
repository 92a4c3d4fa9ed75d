"""The office's side: what residents dispute, and deciding it. The queue knows them by a pseudonym alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import and_, select, tuple_
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.consents import service as consents
from backend.delegation import service as delegation
from backend.kit import clock, operations, seal, trail
from backend.kit.db import Reader
from backend.kit.operations import Operation
from backend.obligations import book, rules
from backend.obligations.book import Obligation
from backend.obligations.errors import OwnDispute
from backend.obligations.models import claims, obligations

LOOK_PURPOSE = "处理您对先享后付或免押账单的异议"
LOOK_BASIS = "本人提出异议，请项目办公室核实（《个人信息保护法》第十三条第一款第一项）"
_PSEUDONYM = "obligation-disputes"


class Reviewer(NamedTuple):
    """Who decides. ``organisations``: all she works for; ``person_id``: her own person, where it is known."""

    account_id: UUID
    role: str
    organisation_id: UUID
    organisations: frozenset[UUID]
    person_id: UUID | None = None


@dataclass(frozen=True)
class Disputed:
    """What awaits a decision. ``pseudonym``: the same for all disputes of one person, and nothing else's name."""

    id: UUID
    pseudonym: str
    kind: str
    kind_text: str
    title: str
    partner_id: UUID
    partner_name: str
    up_to_fen: int
    amount_fen: int
    used_at: datetime
    charged_at: datetime
    disputed_at: datetime


_PLAIN = (
    "id", "kind", "title", "partner_id", "partner_name", "up_to_fen", "amount_fen", "used_at", "charged_at",
    "disputed_at",
)  # fmt: skip


def pseudonym(resident_id: UUID) -> str:
    """What the office calls somebody whose disputes it reads: keyed, so that no other number leads to it."""
    return seal.digest(_PSEUDONYM, str(resident_id))[1].hex()[:12]


def _item(one: Obligation) -> Disputed:
    plain = {name: getattr(one, name) for name in _PLAIN}
    return Disputed(**plain, pseudonym=pseudonym(one.resident_id), kind_text=rules.KINDS[one.kind])


def disputes(reader: Reader, limit: int, after: tuple[Any, ...] | None = None) -> list[Disputed]:
    """Up to ``limit`` disputes that await a decision, the oldest first. ``after``: (disputed_at, id)."""
    query = select(claims.c.resident_id, claims.c.obligation_id).where(claims.c.disputed_at.is_not(None))
    if after is not None:
        query = query.where(tuple_(claims.c.disputed_at, claims.c.obligation_id) > after)
    those = reader.execute(query.order_by(claims.c.disputed_at, claims.c.obligation_id).limit(limit)).all()
    keys = [(row.resident_id, row.obligation_id) for row in those]
    if not keys:
        return []
    this = tuple_(obligations.c.resident_id, obligations.c.id).in_(keys)
    still = (obligations.c.state == rules.DISPUTED) & this
    return sorted(
        (_item(one) for one in book.several(reader, still, limit)), key=lambda item: (item.disputed_at, item.id)
    )


@dataclass(frozen=True)
class Shown:
    """A dispute with both sides' words; the resident's are hers to name herself in. ``own``: the reviewer stands on one
    of the sides and may not decide. ``decision`` is None until it is decided."""

    dispute: Disputed
    state: str
    charge_reason: str | None
    text: str | None
    own: bool
    decision: str | None
    decided_at: datetime | None


def show(session: Session, reviewer: Reviewer, obligation_id: UUID) -> Shown:
    """One dispute, open or decided, after the look is written into the resident's access log. Raises NotFound, for
    that of one who has left too: her words went with her."""
    one = _one(session, obligation_id)
    accounts.require_standing(session, one.resident_id)
    consents.record_look(
        session, one.resident_id, reviewer.account_id, reviewer.role, LOOK_PURPOSE, ["obligation"], LOOK_BASIS,
        reviewer.organisation_id, authorisation=f"obligation:{obligation_id}",
    )  # fmt: skip
    return Shown(
        dispute=_item(one), state=one.state, charge_reason=book.opened(session, one, "charge_reason_sealed"),
        text=book.opened(session, one, "dispute_sealed"), own=_is_own(session, reviewer, one), decision=one.decision,
        decided_at=one.decided_at,
    )  # fmt: skip


def _one(reader: Reader, obligation_id: UUID) -> Obligation:
    """One that is or was disputed. Raises NotFound, for the rest is not the office's."""
    whose = book.claim(reader, claims.c.obligation_id == obligation_id).resident_id
    one = book.one(reader, whose, obligation_id)
    if one.disputed_at is None:
        raise book.missing()
    return one


def _is_own(reader: Reader, reviewer: Reviewer, one: Obligation) -> bool:
    """Whether the reviewer is the resident, acts or has acted for her, or works for the partner."""
    if one.partner_id in reviewer.organisations:
        return True
    sides = [reviewer.account_id, *([reviewer.person_id] if reviewer.person_id else [])]
    return reviewer.person_id == one.resident_id or delegation.has_acted_for(reader, one.resident_id, sides)


@dataclass(frozen=True)
class Decided:
    """What stands after a decision."""

    id: UUID
    state: str
    state_text: str
    decision: str
    decision_text: str
    due_at: datetime | None
    decided_at: datetime


def decide(
    session: Session, reviewer: Reviewer, obligation_id: UUID, decision: str, reason: str, operation: Operation
) -> Decided:
    """Uphold a charge, which is then due ``due_hours`` from now, or let it fall; the resident reads the reason.

    Raises NotFound, OwnDispute, ObligationStateRefused.
    """
    done = operations.begin(session, operation, kind="obligations.decide", makes=obligation_id)
    resident_id = _one(session, obligation_id).resident_id
    if done is None:
        accounts.require_standing(session, resident_id)  # whoever leaves takes her dispute with her
        found = book.hold(session, resident_id, obligation_id)
        if _is_own(session, reviewer, found):
            raise OwnDispute()
        changed = _decided(session, reviewer, found, decision, reason)
        detail = {"decision": decision, "state": changed.state}
        trail.note(
            session, reviewer.account_id, reviewer.role, "obligations.decide", "obligation", obligation_id, detail
        )
        book.tell_resident(session, changed, "decided")
    return _answer(book.one(session, resident_id, obligation_id))


def _decided(session: Session, reviewer: Reviewer, found: Obligation, decision: str, reason: str) -> Obligation:
    state, now = book.after_act(found, rules.DECISIONS[decision]), found.at
    said = {
        "decision": decision, "decided_at": now, "decided_by": reviewer.account_id,
        "decision_reason_sealed": book.sealed(session, found.resident_id, "decision_reason_sealed", reason),
    }  # fmt: skip
    if state == rules.CHARGED:
        said["due_at"] = rules.due(now, found.due_hours)
    return book.change(session, found, state, **said)


def _answer(one: Obligation) -> Decided:
    return Decided(
        one.id, one.state, rules.STATE_TEXT[one.state], one.decision, rules.DECISION_TEXT[one.decision], one.due_at,
        one.decided_at,
    )  # fmt: skip


def give_up(session: Session, resident_id: UUID) -> int:
    """Somebody leaves: her words go, her disputes with them, and what a partner claims stays under her number alone.

    How many obligations lost words. A claim that she disputed is charged again, with its time anew.
    """
    mine = select(obligations).where(obligations.c.resident_id == resident_id).order_by(obligations.c.id)
    now, emptied = clock.now(), 0
    gone = dict.fromkeys(("charge_reason_sealed", "dispute_sealed", "decision_reason_sealed"))
    for row in session.execute(mine.with_for_update()).all():
        found = Obligation(row, now)
        emptied += any(getattr(row, name) is not None for name in gone)
        if found.state == rules.DISPUTED:
            due_at = rules.due(now, found.due_hours)
            book.change(session, found, book.after_act(found, rules.LEAVE), due_at=due_at, **gone)
        else:
            this = and_(obligations.c.resident_id == resident_id, obligations.c.id == row.id)
            session.execute(obligations.update().where(this).values(**gone))
    return emptied
