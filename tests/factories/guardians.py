"""Builders of those who act for another. Everything is synthetic."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from sqlalchemy.orm import Session

from backend.delegation import service as delegation
from tests.factories import accounts as people
from tests.factories.perks import act


def card(who: people.Resident) -> dict[str, str]:
    return {"name": who.name, "id_number": who.id_number}


def body(guardian: people.Resident, represented: people.Resident, **changed: Any) -> dict[str, Any]:
    """What a counter sends to register a guardian."""
    return {
        "kind": "guardian", "guardian": card(guardian), "represented": card(represented), "basis": "出生医学证明",
        "document_no": "T320000001", **changed,
    }  # fmt: skip


def guardian(
    session: Session, guardian: people.Resident, represented: people.Resident, kind: str = "guardian", **changed: Any
) -> delegation.Delegation:
    """A registered guardian."""
    cards = (delegation.CardProof(**card(guardian)), delegation.CardProof(**card(represented)))
    wanted = delegation.Guardianship(kind, *cards, "出生医学证明", "T320000001", changed.get("ends_on"))
    clerk = delegation.Clerk(uuid4(), "counter-clerk", None)
    return delegation.register_guardian(session, clerk, wanted, act(clerk.account_id))
