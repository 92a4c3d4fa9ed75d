"""The good calls of the routes about drafts of the scoring policy."""

from __future__ import annotations

import copy
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import update
from sqlalchemy.orm import Session

from backend.approvals.service import Actor
from backend.kit import city, clock
from backend.modelling import models
from backend.modelling import service as modelling
from tests.factories import accounts as people
from tests.factories import perks as shops


class ModellingCalls:
    """A part of ``World``: each method makes what the call of its name needs."""

    staff: dict[str, people.Staff]

    def _drafted(self, session: Session) -> dict[str, Any]:
        content = copy.deepcopy(city.get(session, "scoring").content)
        return {**content, "version": f"test.{uuid4().hex[:8]}", "effective_on": clock.today().isoformat()}

    def _new_draft(self, session: Session, whose: str = "office") -> tuple[Actor, UUID]:
        by = Actor(self.staff[whose].staff_id, "office")
        return by, modelling.take(session, shops.act(by.account_id), by, self._drafted(session), None).id

    def _create_score_draft(self, session: Session) -> dict[str, Any]:
        return {"body": {"content": self._drafted(session)}}

    def _read_score_draft(self, session: Session) -> dict[str, Any]:
        return {"params": {"draft_id": self._new_draft(session)[1]}}

    _simulate_score_draft = _read_score_draft

    def _simulated(self, session: Session, whose: str = "office") -> dict[str, Any]:
        by, draft_id = self._new_draft(session, whose)
        made = modelling.simulate(session, shops.act(by.account_id), by, draft_id)
        session.execute(update(models.simulations).where(models.simulations.c.id == made.id).values(state="done"))
        return {"draft_id": draft_id, "simulation_id": made.id}

    def _read_score_simulation(self, session: Session) -> dict[str, Any]:
        return {"params": self._simulated(session)}

    def _propose_score_draft(self, session: Session) -> dict[str, Any]:
        draft_id = self._simulated(session)["draft_id"]
        return {"params": {"draft_id": draft_id}, "body": {"reason": "测试发布"}}

    def _read_score_policy(self, session: Session) -> dict[str, Any]:
        return {"params": {"version": city.get(session, "scoring").version}}
