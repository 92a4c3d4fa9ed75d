"""Drafts of ``scoring.toml``: taken in and checked, never edited, proposed for publishing once they were tried."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, tuple_, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.approvals import policies
from backend.approvals import service as approvals
from backend.approvals.errors import StepMissing
from backend.approvals.service import Actor, Approval
from backend.kit import city, clock, db, operations, trail
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.kit.ids import new_id
from backend.kit.operations import Operation
from backend.modelling import models, rules, simulations
from backend.modelling.errors import DraftFaulty, DraftProposed
from backend.modelling.simulations import Simulation
from backend.scoring.places import placed
from backend.scoring.published import KIND

PATH = "/api/v1/score-drafts"
_SHORT = tuple(column for column in models.drafts.c if column.name != "content")
_CLOSED = ("rejected", "withdrawn", "expired")


@dataclass(frozen=True)
class Draft:
    """A draft as it stands, with its newest simulation. ``approval``: how its newest proposal stands."""

    row: Any
    author_name: str
    approval_state: str
    simulation: Simulation | None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.row, name)

    @property
    def state(self) -> str:
        """faulty, checked, proposed or published."""
        moved = {"proposed": "proposed", "approved": "published"}.get(self.approval_state)
        return moved or str(self.row.state)

    @property
    def author(self) -> dict[str, Any]:
        return {"id": self.row.created_by, "display_name": self.author_name}

    @property
    def approval(self) -> dict[str, Any] | None:
        return {"id": self.row.approval_id, "state": self.approval_state} if self.row.approval_id else None


# --- reading ---------------------------------------------------------------------------------------------------------


def drafts(reader: Reader, limit: int, before: tuple[datetime, UUID] | None = None) -> list[Draft]:
    """Up to ``limit`` drafts, the newest first, those before a position; without their content."""
    own = models.drafts.c
    query = select(*_SHORT).order_by(own.created_at.desc(), own.id.desc()).limit(limit)
    if before is not None:
        query = query.where(tuple_(own.created_at, own.id) < before)
    return _views(reader, list(reader.execute(query)))


def draft(reader: Reader, draft_id: UUID) -> Draft:
    """One draft with its content. Raises NotFound."""
    return _views(reader, [_row(reader, draft_id)])[0]


def _row(reader: Reader, draft_id: UUID, *, lock: bool = False) -> Any:
    query = select(models.drafts).where(models.drafts.c.id == draft_id)
    row = reader.execute(db.for_update(query) if lock else query).first()
    if row is None:
        raise NotFound()
    return row


def _views(reader: Reader, rows: list[Any]) -> list[Draft]:
    names = accounts.display_names(reader, {row.created_by for row in rows})
    states = approvals.states(reader, [row.approval_id for row in rows if row.approval_id])
    tried = simulations.newest(reader, [row.id for row in rows])
    return [
        Draft(row, names.get(row.created_by, ""), states.get(row.approval_id, ""), tried.get(row.id)) for row in rows
    ]


# --- taking in -------------------------------------------------------------------------------------------------------


def take(session: Session, operation: Operation, actor: Actor, content: dict[str, Any], text: str | None) -> Draft:
    """Keep a draft with everything that the checks say against it, once per operation. ``text``: the TOML, if it was
    sent as such."""
    draft_id = new_id()
    done = operations.begin(session, operation, "scoring.draft", makes=draft_id)
    if done is not None:
        return draft(session, done)
    problems = placed(policies.problems_of(session, KIND, content), text)
    version, first_day = content.get("version"), content.get("effective_on")
    values = dict(
        id=draft_id, version=str(version)[:40] if isinstance(version, str) else "", effective_on=_day(first_day),
        content=content, digest=digest_of(content), base_version=city.get(session, KIND).version,
        state="faulty" if problems else "checked", problems=[one._asdict() for one in problems],
        created_by=actor.account_id, created_at=clock.now(), approval_id=None,
    )  # fmt: skip
    session.execute(insert(models.drafts).values(**values))
    _note(session, actor, "scoring.draft", draft_id, {"problems": len(problems)})
    return draft(session, draft_id)


def _day(told: object) -> date | None:
    return city.day_of(told) if isinstance(told, str) else None


def digest_of(content: dict[str, Any]) -> bytes:
    """By which a content is found again."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()


def _note(session: Session, actor: Actor, action: str, draft_id: UUID, detail: dict[str, Any]) -> None:
    trail.note(session, actor.account_id, actor.role, action, "score-draft", draft_id, detail)


# --- trying ----------------------------------------------------------------------------------------------------------


def simulate(session: Session, operation: Operation, actor: Actor, draft_id: UUID) -> Simulation:
    """Have a draft tried on the whole city, once per operation; a worker does it.

    Raises NotFound, DraftFaulty, SimulationUnderWay.
    """
    simulation_id = new_id()
    done = operations.begin(session, operation, "scoring.simulation", makes=simulation_id)
    if done is not None:
        return simulations.simulation(session, draft_id, done)
    row = _sound(session, draft_id)
    simulations.begin(session, simulation_id, row.id, actor.account_id)
    _note(session, actor, "scoring.simulate", draft_id, {"simulation_id": str(simulation_id)})
    return simulations.simulation(session, draft_id, simulation_id)


def _sound(session: Session, draft_id: UUID) -> Any:
    row = _row(session, draft_id, lock=True)
    if row.state == "faulty":
        raise DraftFaulty(problems=[one["text"] for one in row.problems])
    return row


# --- proposing -------------------------------------------------------------------------------------------------------


def propose(session: Session, operation: Operation, actor: Actor, draft_id: UUID, reason: str) -> Approval:
    """Propose a tried draft for publishing, once per operation; a second person approves.

    Raises NotFound, DraftFaulty, DraftProposed, and what the preparation of a policy raises: CityRefused, StepMissing.
    """
    approval_id = new_id()
    done = operations.begin(session, operation, "scoring.propose", makes=approval_id)
    if done is not None:
        return approvals.approval(session, done)
    row = _sound(session, draft_id)
    state = approvals.states(session, [row.approval_id] if row.approval_id else []).get(row.approval_id, "expired")
    if state not in _CLOSED:
        raise DraftProposed(approval_id=str(row.approval_id))
    payload = {"kind": KIND, "content": row.content}
    approvals.freeze(session, policies.KIND, actor, reason, payload, ("policy", KIND), approval_id)
    session.execute(update(models.drafts).where(models.drafts.c.id == draft_id).values(approval_id=approval_id))
    _note(session, actor, "scoring.propose", draft_id, {"approval_id": str(approval_id)})
    return approvals.approval(session, approval_id)


def require_simulation(session: Session, content: dict[str, Any]) -> list[str]:
    """The check of a scoring policy that the composition root registers: a draft of this very content was tried on the
    city, and no other version was published since. Returns what came of it. Raises StepMissing."""
    own = models.drafts.c
    ids = list(session.execute(select(own.id).where(own.digest == digest_of(content))).scalars())
    tried = [one for one in simulations.done_of(session, ids) if not one.outdated_by]
    if tried:
        return _told(session, tried[0], content)
    if simulations.done_of(session, ids):
        raise StepMissing(
            "模拟之后又发布了别的版本，请在“评分办法”里重新模拟这份草稿。",
            "Another version was published after the simulation: simulate the draft again.",
            step="simulation-outdated", path=f"{PATH}/{ids[-1]}/simulations",
        )  # fmt: skip
    raise StepMissing(
        "评分办法须先作为草稿上传，在全市模拟完成以后才能提出。请到“评分办法”办理。",
        "A scoring policy is uploaded as a draft and simulated on the whole city before it is proposed.",
        step="simulation", path=f"{PATH}/{ids[-1]}/simulations" if ids else PATH,
    )  # fmt: skip


def _told(reader: Reader, one: Simulation, content: dict[str, Any]) -> list[str]:
    base = city.version(reader, KIND, one.base_version).content
    first = (
        f"{one.as_of_on:%Y 年 %m 月 %d 日} 按草稿模拟了 {rules.words(one.residents_done).removeprefix('约 ')}，"
        f"与当日执行的版本 {one.base_version} 相比（人数取整到 {rules.FEW}，{rules.FEW} 人以下不细分）："
    )
    return [first, *rules.summary(one.tally, (rules.levels_of(base), rules.levels_of(content)))]
