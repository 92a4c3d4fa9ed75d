"""Obligations in every state, and those who act on them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.kit import clock
from backend.kit.db import Reader
from backend.kit.operations import Operation
from backend.messages.models import MessageRow
from backend.obligations import disputes, rules, service
from backend.obligations.disputes import Reviewer
from backend.obligations.models import obligations
from tests.factories import accounts as people

UP_TO, DUE_HOURS, REMIND = 10_000, 72, [24, 2]
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _city(city: dict[str, Any]) -> None:
    """江宁."""


class Owed(NamedTuple):
    """One obligation: whose, to which partner, at which venue."""

    resident_id: UUID
    partner_id: UUID
    venue_id: UUID
    id: UUID
    admission_id: UUID


def act(actor: UUID | None = None, key: UUID | None = None) -> Operation:
    return Operation(actor or uuid4(), key or uuid4(), b"o" * 32)


def owed(
    session: Session, kind: str = rules.PAY_AFTER, who: UUID | None = None, partner_id: UUID | None = None,
    **changed: Any,
) -> Owed:  # fmt: skip
    """An open one."""
    resident_id = who or people.resident(session).resident_id
    partner_id = partner_id or people.organisation(session, "partner", "演示商户")
    venue_id, admission_id = changed.pop("venue_id", uuid4()), uuid4()
    terms = {"up_to_fen": UP_TO, "due_hours": DUE_HOURS, "remind_hours_before": REMIND, "title": "演示骑行",
             "partner_name": "演示商户", **changed}  # fmt: skip
    made = service.open_obligation(
        session, resident_id, partner_id=partner_id, venue_id=venue_id, kind=kind, admission_id=admission_id,
        subject_id=uuid4(), **terms,
    )  # fmt: skip
    return Owed(resident_id, partner_id, venue_id, made, admission_id)


def charge(session: Session, one: Owed, amount_fen: int = 1_234) -> Any:
    return service.charge(session, one.partner_id, one.id, amount_fen, act(), reason="演示事由")


def dispute(session: Session, one: Owed) -> service.View:
    return service.dispute(session, one.resident_id, one.id, "演示异议：金额不对", act(one.resident_id))


def office(session: Session, *more: UUID, person: UUID | None = None) -> Reviewer:
    by = people.staff(session, "office")
    return Reviewer(by.staff_id, "office", by.organisation_id, frozenset({by.organisation_id, *more}), person)


def decide(session: Session, one: Owed, decision: str = rules.UPHELD, by: Reviewer | None = None) -> disputes.Decided:
    by = by or office(session)
    return disputes.decide(session, by, one.id, decision, "演示理由", act(by.account_id))


def undo(session: Session, one: Owed) -> None:
    service.on_undone(session, {"resident_id": str(one.resident_id), "admission_id": str(one.admission_id)})


def admitted(who: UUID, obligation: Mapping[str, Any] | None) -> dict[str, Any]:
    """News of an admission."""
    ids = {name: str(uuid4()) for name in ("coupon_id", "offer_id", "admission_id", "venue_id", "partner_id")}
    return {"resident_id": str(who), **ids, "happened_at": clock.now().isoformat(), "source": "online",
            "obligation": obligation}  # fmt: skip


def state(reader: Reader, one: Owed) -> str:
    return service.my_obligation(reader, one.resident_id, one.id).state


def row(reader: Reader, one: Owed) -> Any:
    return reader.execute(select(obligations).where(obligations.c.id == one.id)).one()


def told(reader: Reader, one: Owed) -> list[str]:
    """The kinds of what was said to the resident, in order, without the room's name."""
    kinds = select(MessageRow.kind).where(MessageRow.recipient_id == one.resident_id).order_by(MessageRow.created_at)
    return [kind.removeprefix("obligation-") for kind in reader.execute(kinds).scalars()]


def bring(session: Session, wanted: str, kind: str = rules.PAY_AFTER) -> tuple[Owed, timedelta]:
    """One in a state, and how far the clock must be moved for it to be so."""
    one = owed(session, kind)
    if wanted in (rules.RELEASED, rules.WITHDRAWN):
        (service.release if wanted == rules.RELEASED else service.withdraw)(session, one.partner_id, one.id, act())
    if wanted in (rules.OPEN, rules.RELEASED, rules.WITHDRAWN):
        return one, timedelta(0)
    charge(session, one)
    late = DUE_HOURS * HOUR if wanted in (rules.ARREARS, rules.CURED) else timedelta(0)
    with clock.shifted(late):
        if wanted == rules.DISPUTED:
            dispute(session, one)
        if wanted in (rules.SETTLED, rules.CURED):
            service.settle(session, one.partner_id, one.id, act())
    return one, late
