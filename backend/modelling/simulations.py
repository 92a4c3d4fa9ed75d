"""A draft tried on everybody who consents: in chunks by key, resumable, by one worker at a time.

A chunk is read outside of any transaction, then what it counted is added and the place moved on in a short one, by
whoever still holds the lease. What was cut off goes on at the last key; a simulation that midnight overtakes begins
anew, because the numbers to compare with are other ones; one whose policy to compare with is no longer in force ends.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import insert, or_, select, update
from sqlalchemy.orm import Session

from backend.kit import city, clock, db, outbox
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.kit.ids import NIL
from backend.modelling import models
from backend.modelling.errors import SimulationUnderWay
from backend.modelling.rules import Bars, Tally, bars_over
from backend.scores import service as scores
from backend.scoring.published import KIND

BEGUN = "scoring.simulation-begun"
SLICE_SECONDS = 2.0
"""How long one delivery works before it lets other news pass."""
LEASE = timedelta(seconds=60)
"""Longer than the longest chunk: the statement's own limit is half of it."""
MOST_TRIES = 5
CHUNK = 5_000
OPEN = ("waiting", "running")


@dataclass(frozen=True)
class Simulation:
    """How far it is, and what it has counted. ``outdated_by``: a version published or in force since, if there is."""

    row: Any
    outdated_by: str | None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.row, name)

    @property
    def tally(self) -> Tally:
        return Tally.of(self.row.tally)


# --- reading ---------------------------------------------------------------------------------------------------------


def simulation(reader: Reader, draft_id: UUID, simulation_id: UUID) -> Simulation:
    """One simulation of a draft. Raises NotFound."""
    own = models.simulations.c
    found = _views(reader, own.id == simulation_id, own.draft_id == draft_id)
    if not found:
        raise NotFound()
    return found[0]


def newest(reader: Reader, draft_ids: Collection[UUID]) -> dict[UUID, Simulation]:
    """The newest simulation of each draft that has one."""
    if not draft_ids:
        return {}
    return {one.draft_id: one for one in _views(reader, models.simulations.c.draft_id.in_(draft_ids))}


def done_of(reader: Reader, draft_ids: Collection[UUID]) -> list[Simulation]:
    """The finished simulations of some drafts, the newest first."""
    if not draft_ids:
        return []
    own = models.simulations.c
    return _views(reader, own.draft_id.in_(draft_ids), own.state == "done")[::-1]


def _views(reader: Reader, *where: Any) -> list[Simulation]:
    own, draft = models.simulations.c, models.drafts.c
    query = select(*own, draft.version.label("draft_version")).join(models.drafts, draft.id == own.draft_id)
    rows = reader.execute(query.where(*where).order_by(own.created_at, own.id)).all()
    published = _published(reader) if rows else []
    in_force = city.get(reader, KIND).version if rows else ""
    return [Simulation(row, _overtaken(row, published, in_force)) for row in rows]


def _published(reader: Reader) -> list[str]:
    return [one.version for one in city.kept_versions(reader) if one.kind == KIND]


def _overtaken(row: Any, published: list[str], in_force: str) -> str | None:
    since = [version for version in published if version not in (*row.known_versions, row.draft_version)]
    other = in_force if in_force not in (row.base_version, row.draft_version) else None
    return since[0] if since else other


def content_of(reader: Reader, draft_id: UUID) -> dict[str, Any]:
    """What a draft says."""
    own = models.drafts.c
    found: dict[str, Any] = reader.execute(select(own.content).where(own.id == draft_id)).scalar_one()
    return found


def bars_of(reader: Reader, one: Any, draft: dict[str, Any]) -> Bars:
    """The columns of its histograms, over both scales."""
    return bars_over(city.version(reader, KIND, one.base_version).content["scale"], draft["scale"])


# --- beginning -------------------------------------------------------------------------------------------------------


def begin(session: Session, simulation_id: UUID, draft_id: UUID, by: UUID) -> None:
    """Let a worker try a draft, whose row the caller holds. Raises SimulationUnderWay."""
    own, now = models.simulations.c, clock.now()
    under_way = select(own.id).where(own.draft_id == draft_id, own.state.in_(OPEN))
    if (other := session.execute(under_way).scalar()) is not None:
        raise SimulationUnderWay(simulation_id=str(other))
    values = dict(
        id=simulation_id, draft_id=draft_id, base_version=city.get(session, KIND).version,
        known_versions=_published(session), state="waiting", failure="", tries=0, lease=None, lease_until=None,
        created_by=by, created_at=now, started_at=None, moved_at=now, done_at=None, residents_total=0, **_fresh(),
    )  # fmt: skip
    session.execute(insert(models.simulations).values(**values))
    outbox.tell(session, BEGUN, {"simulation_id": str(simulation_id)})


def _fresh() -> dict[str, Any]:
    """Nothing counted yet, today."""
    return dict(as_of_on=clock.today(), residents_done=0, after_id=NIL, tally={})


# --- working ---------------------------------------------------------------------------------------------------------


def on_begun(payload: dict[str, Any]) -> None:
    """After ``scoring.simulation-begun`` {simulation_id}: work for a while, and tell again when there is more to do."""
    simulation_id = UUID(payload["simulation_id"])
    if not work(simulation_id, SLICE_SECONDS):
        with db.transaction() as session:
            outbox.tell(session, BEGUN, payload)


def take_up() -> str:
    """Tell once more of what nobody is at: its worker is gone, or the news of it was lost."""
    own = models.simulations.c
    long_ago = own.moved_at < clock.now() - LEASE
    with db.transaction() as session:
        query = select(own.id).where(own.state.in_(OPEN), long_ago, _free(clock.now()))
        found = list(session.execute(query).scalars())
        for simulation_id in found:
            outbox.tell(session, BEGUN, {"simulation_id": str(simulation_id)})
    return f"{len(found)} taken up"


def work(simulation_id: UUID, seconds: float = float("inf"), limit: int = CHUNK) -> bool:
    """Work on a simulation for so long. Whether there is nothing left to do for the caller: it is done, it failed, or
    another worker is at it. A failure is noted, and raised."""
    lease, ends = uuid4(), time.monotonic() + seconds
    row = _claim(simulation_id, lease)
    try:
        tools = _tools(row) if row is not None else None
        while tools is not None and row is not None and row.state == "running":
            row = _step(row, tools, max(1, limit >> row.tries))  # a chunk that took too long is tried in halves
            if row is not None and row.state == "running" and time.monotonic() > ends:
                return _move(row, lease=None, lease_until=None) is None
    except Exception as error:
        _stumble(simulation_id, lease, type(error).__name__)
        raise
    return True


class _Tools(NamedTuple):
    """What every chunk needs and none changes."""

    draft: scores.Statements
    bars: Bars


def _tools(row: Any) -> _Tools:
    with db.reading() as reader:
        found = reader.execute(select(models.drafts).where(models.drafts.c.id == row.draft_id)).one()
        policy = city.Policy(KIND, found.version, found.effective_on, found.content)
        return _Tools(scores.compile_policy(policy, db.dialect_of(reader)), bars_of(reader, row, found.content))


def _free(now: Any) -> Any:
    until = models.simulations.c.lease_until
    return or_(until.is_(None), until < now)


def _claim(simulation_id: UUID, lease: UUID) -> Any:
    """Take the lease; None when another has it or there is nothing to do. The update lets one of several through."""
    own, now = models.simulations.c, clock.now()
    mine = update(models.simulations).where(own.id == simulation_id, own.state.in_(OPEN), _free(now))
    with db.transaction() as session:
        values = dict(state="running", lease=lease, lease_until=now + LEASE)
        return session.execute(mine.values(**values).returning(*own)).first()


def _move(row: Any, **values: Any) -> Any:
    """Write what was done, and the row as it then stands; None when the lease was lost meanwhile."""
    own, now = models.simulations.c, clock.now()
    mine = update(models.simulations).where(own.id == row.id, own.lease == row.lease, own.state == "running")
    with db.transaction() as session:
        moved = {"moved_at": now, "lease_until": now + LEASE, **values}
        return session.execute(mine.values(**moved).returning(*own)).first()


def _end(row: Any, state: str, **values: Any) -> Any:
    over = dict(state=state, lease=None, lease_until=None, after_id=NIL, done_at=clock.now())
    return _move(row, **over, **values)


def _stumble(simulation_id: UUID, lease: UUID, failure: str) -> None:
    """Note a failure and give the lease back; after some of them it ends."""
    own = models.simulations.c
    mine = (own.id == simulation_id, own.lease == lease)
    with db.transaction() as session:
        tries = session.execute(
            update(models.simulations).where(*mine).returning(own.tries)
            .values(tries=own.tries + 1, lease=None, lease_until=None, failure=failure[:40])
        ).scalar()  # fmt: skip
        if tries is not None and tries >= MOST_TRIES:
            over = dict(state="failed", done_at=clock.now(), after_id=NIL)
            session.execute(update(models.simulations).where(own.id == simulation_id).values(**over))


def _step(row: Any, tools: _Tools, limit: int) -> Any:
    """The next chunk. The row as it stands afterwards; None when another has taken over."""
    if row.started_at is None or row.as_of_on != clock.today():
        with db.reading() as reader:
            total = scores.consenting(reader)
        return _move(row, **_fresh(), started_at=row.started_at or clock.now(), residents_total=total)
    with db.reading() as reader:
        in_force = city.get(reader, KIND).version
        rows, last = scores.simulate_chunk(reader, tools.draft, in_force, row.after_id, limit)
    if in_force != row.base_version:
        return _end(row, "failed", failure="policy-changed")
    if last is None:
        return _end(row, "done", residents_total=row.residents_done)
    tally = Tally.of(row.tally)
    done = row.residents_done + tally.add(rows, tools.bars)
    total = max(row.residents_total, done)
    return _move(row, after_id=last, residents_done=done, residents_total=total, tally=tally.kept())
