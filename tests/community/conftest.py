"""Neighbours, workers and activities for the community's tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.codes import service as codes
from backend.community import rules, service
from backend.community.desk import Worker
from backend.community.models import Community
from backend.consents import service as consents
from backend.kit import clock, db
from backend.kit.operations import Operation
from backend.web import callers
from backend.web.callers import Caller, Role
from tests.factories import accounts as factories

DONGSHAN = rules.community_id("dongshan-demo")
HENGXI = rules.community_id("hengxi-demo")


def act(actor: UUID | None = None) -> Operation:
    """A first-time act."""
    return Operation(actor or uuid4(), uuid4(), b"d" * 32)


def join(session: Session, resident_id: UUID, *communities: UUID, consented: bool = True) -> UUID:
    """Let a resident agree to community points and sign the covenants of the communities given."""
    if consented:
        consents.give_for_many(session, [resident_id], "community")
    for community_id in communities:
        service.sign_covenant(session, resident_id, community_id, act(resident_id))
    return resident_id


def neighbour(session: Session, *communities: UUID, consented: bool = True) -> UUID:
    """A new resident who has joined."""
    resident_id = factories.resident(session, bound=False).resident_id
    return join(session, resident_id, *communities, consented=consented)


def organisation_of(session: Session, community_id: UUID) -> UUID:
    found: UUID = session.execute(select(Community.organisation_id).where(Community.id == community_id)).scalar_one()
    return found


def worker_of(session: Session, community_id: UUID, resident_id: UUID | None = None) -> Worker:
    """A worker of one community."""
    return Worker(uuid4(), "community-worker", frozenset({organisation_of(session, community_id)}), resident_id)


def worker_token(session: Session, community_id: UUID) -> str:
    """The access token of a new worker of one community."""
    who = factories.staff(session, "community-worker", organisation_of(session, community_id))
    return factories.staff_token(session, who)


def activity_now(session: Session, behaviour: str = "clean-up-day", community_id: UUID = DONGSHAN) -> UUID:
    """An activity that has begun ten minutes ago."""
    begun = clock.now() - timedelta(minutes=10)
    plan = service.ActivityPlan(community_id, "演示活动", "演示广场", behaviour, begun, begun + timedelta(hours=2))
    return service.create_activity(session, uuid4(), "community-worker", plan)


@pytest.fixture(autouse=True, scope="session")
def signing_keys(app: Flask, city: dict[str, Any]) -> None:
    """Keys, without which no code is shown."""
    with db.transaction() as session:
        codes.ensure_keys(session, "320115")


@pytest.fixture
def as_caller(monkeypatch: pytest.MonkeyPatch) -> Callable[[Caller], str]:
    """Let the token ``stand-in`` stand for a caller."""

    def token_for(caller: Caller) -> str:
        resolve = callers._resolver
        monkeypatch.setattr(callers, "_resolver", lambda token: caller if token == "stand-in" else resolve(token))
        monkeypatch.setattr(callers, "_confirm", lambda _, caller: caller)
        return "stand-in"

    return token_for


def staff_caller(worker: Worker) -> Caller:
    roles = tuple(Role(worker.role, organisation) for organisation in worker.organisations)
    return Caller("staff", worker.account_id, uuid4(), "演示工作人员", roles=roles, person_id=worker.resident_id)
