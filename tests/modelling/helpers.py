"""Drafts that differ from the policy in force, and residents on whom they are tried."""

from __future__ import annotations

import copy
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from backend.approvals.service import Actor
from backend.kit import clock
from backend.kit.operations import Operation
from backend.modelling import service
from backend.scores import service as scores
from tests.scores.helpers import consent, file
from tests.scores.reference import Filed

AFAR = "2099-01-01"
"""A first day that no other test comes near to."""


def draft_of(city: dict[str, Any], first_day: str | None = None, **points: int) -> dict[str, Any]:
    """The city's policy under another label, from today on, with other points of some indicators."""
    content = copy.deepcopy(city["scoring"])
    content |= {"version": f"t.{uuid4().hex[:10]}", "effective_on": first_day or clock.today().isoformat()}
    for raw in content["indicators"]:
        raw["points"] = points.get(raw["id"].replace("-", "_"), raw["points"])
    return dict(content)


def officer() -> Actor:
    return Actor(uuid4(), "office")


def act(actor: Actor) -> Operation:
    return Operation(actor.account_id, uuid4(), b"d" * 32)


def taken(session: Session, content: dict[str, Any]) -> service.Draft:
    by = officer()
    return service.take(session, act(by), by, content, None)


def begun(session: Session, content: dict[str, Any]) -> service.Simulation:
    by = officer()
    return service.simulate(session, act(by), by, taken(session, content).id)


def scored(session: Session, archive: list[Filed]) -> UUID:
    """A resident who consents, whose number stands."""
    resident_id = uuid4()
    file(session, resident_id, archive)
    consent(session, resident_id)
    scores.recompute(session, resident_id, "consent")
    return resident_id
