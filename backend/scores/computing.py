"""Computing, keeping and forgetting scores.

What is kept is a number, so that a read is a row; it holds until its ``next_change_on``. Why it is that number is
computed when somebody asks.

Whoever computes somebody's first number, or forgets it, holds the person's row and reads consent and archive
afterwards; so do new records. A run over the city holds the kept rows of a chunk instead, in the order of keys: a
request that comes in between has its own number written after the run's, and a withdrawal deletes the number before
the history, so that the run leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, exists, func, select, text, tuple_
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.consents import service as consents
from backend.kit import city, clock, db
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.kit.ids import NIL
from backend.scores import models
from backend.scores.causes import CAUSES
from backend.scores.compiled import PURPOSE, Act, Done, Statements, Tried
from backend.scoring import rules
from backend.scoring.rules import Level

CHUNK = 5_000
STRETCH = 50_000
"""Residents in a chunk of a run over the whole city: wide enough to read the archive's pages few times."""


@dataclass(frozen=True)
class Score:
    """A resident's number as of a day, and its level under the policy version."""

    value: int
    level: Level
    policy_version: str
    as_of_on: date
    next_change_on: date | None


# --- the policy ------------------------------------------------------------------------------------------------------


def compiled_in_force(reader: Reader) -> Statements:
    """The scoring policy in force today, as SQL."""
    return compiled_of(city.get(reader, "scoring"), db.dialect_of(reader))


def compiled_of(policy: city.Policy, dialect: str) -> Statements:
    """A version of the policy as SQL, made once."""
    known = _made.get((policy.version, dialect))
    if known is None or (known[0] is not policy and known[0].content != policy.content):
        if len(_made) > 100:
            _made.clear()
        known = _made[(policy.version, dialect)] = (policy, compile_policy(policy, dialect))
    return known[1]


def compile_policy(policy: city.Policy, dialect: str) -> Statements:
    """A scoring policy, a draft too, as SQL for ``sqlite`` or ``postgresql``."""
    return Statements(rules.plan_of(policy.version, policy.content), dialect)


_made: dict[tuple[str, str], tuple[city.Policy, Statements]] = {}


def text_version(reader: Reader) -> str:
    """Which text a consent must have been given to. Raises NotFound when the city asks for none."""
    for purpose in city.get(reader, "consents").content["purposes"]:
        if purpose["id"] == PURPOSE:
            return str(purpose["text_version"])
    raise NotFound()


# --- one or some -----------------------------------------------------------------------------------------------------


def recompute(session: Session, resident_id: UUID, cause: str, record_id: UUID | None = None) -> Score | None:
    """Compute one resident's score anew, as of today; None (and nothing written) without consent.

    ``cause``: one of ``causes.CAUSES``. History gets a line when the number or the level changes.
    """
    statements, act = compiled_in_force(session), _act(session, cause, record_id)
    accounts.lock_people(session, [resident_id])
    row = statements.keep_one(session, resident_id, act)
    if row is None:
        return None
    plan = statements.plan
    return Score(row.value, plan.level(row.level_id), plan.version, act.as_of, row.next_change_on)


def recompute_many(session: Session, resident_ids: Iterable[UUID], cause: str, record_id: UUID | None = None) -> int:
    """Compute the scores of those among ``resident_ids`` who consent; return how many."""
    wanted = sorted(set(resident_ids), key=lambda key: key.int)
    if len(wanted) == 1:
        return 0 if recompute(session, wanted[0], cause, record_id) is None else 1
    statements, act, done = compiled_in_force(session), _act(session, cause, record_id), 0
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        accounts.lock_people(session, chunk)
        done += statements.keep_list(session, chunk, act).computed
    return done


def _act(session: Session, cause: str, record_id: UUID | None = None) -> Act:
    if cause not in CAUSES:
        raise ValueError(f"unknown cause {cause!r}")
    return Act(clock.today(), clock.now(), text_version(session), cause, record_id)


def forget(session: Session, resident_id: UUID) -> None:
    """Delete a resident's score and history."""
    accounts.lock_people(session, [resident_id])
    for table in (models.scores, models.history, models.reasons):
        session.execute(delete(table).where(table.c.resident_id == resident_id))


# --- the city, in chunks ---------------------------------------------------------------------------------------------


class Chunk(NamedTuple):
    """What a transaction of a run has done, and where the next one goes on."""

    after: Any
    done: Done


def recompute_due(session: Session, day: date, after: Any = None, limit: int = CHUNK) -> Chunk | None:
    """Compute the next ``limit`` kept scores that a decay or an expiry has changed by ``day``; None: none is left.

    Reads the due dates' index and nothing else of the city. What is done is no longer due: a run that was cut off
    starts over without harm. ``after``: the last chunk's.
    """
    own = models.scores.c
    due = select(own.next_change_on, own.resident_id).where(own.next_change_on <= day)
    if after is not None:
        due = due.where(tuple_(own.next_change_on, own.resident_id) > tuple_(*after))
    found = session.execute(due.order_by(own.next_change_on, own.resident_id).limit(limit)).all()
    if not found:
        return None
    keys = sorted((row.resident_id for row in found), key=lambda key: key.int)
    statements = compiled_in_force(session)
    _prepare_for_many(session)
    statements.hold_list(session, keys)
    return Chunk(tuple(found[-1]), statements.keep_list(session, keys, _act(session, "time")))


def recompute_all(session: Session, cause: str, after: UUID = NIL, limit: int = STRETCH) -> Chunk | None:
    """Compute the next ``limit`` of all kept scores anew, by key; None when none is left."""
    own = models.scores.c
    further = select(own.resident_id).where(own.resident_id > after)
    upto = session.execute(further.order_by(own.resident_id).offset(limit - 1).limit(1)).scalar()
    if upto is None:
        upto = session.execute(further.order_by(own.resident_id.desc()).limit(1)).scalar()
    if upto is None:
        return None
    statements = compiled_in_force(session)
    _prepare_for_many(session)
    statements.hold_stretch(session, after, upto)
    return Chunk(upto, statements.keep_stretch(session, after, upto, _act(session, cause)))


def recompute_missing(session: Session, cause: str, after: UUID = NIL, limit: int = CHUNK) -> Chunk | None:
    """Compute the next ``limit`` scores of those who consent and have none yet; None when none is left."""
    given = consents.consents_table().c
    query = (
        select(given.resident_id)
        .outerjoin(models.scores, models.scores.c.resident_id == given.resident_id)
        .where(
            given.resident_id > after, given.purpose == PURPOSE, given.granted,
            given.text_version == text_version(session), models.scores.c.resident_id.is_(None),
        )
    )  # fmt: skip
    keys = list(session.execute(query.order_by(given.resident_id).limit(limit)).scalars())
    if not keys:
        return None
    done = recompute_many(session, keys, cause)
    return Chunk(keys[-1], Done(done, done))


def _prepare_for_many(session: Session) -> None:
    """Room to group a chunk in memory, plans made for its size, and a database whose indexes lie in memory rather than
    on a disk that has to turn; until the transaction ends."""
    if db.dialect_of(session) == "postgresql":
        session.execute(_FOR_MANY)


_FOR_MANY = text(
    "SELECT set_config('work_mem', '128MB', true), set_config('jit', 'off', true),"
    " set_config('plan_cache_mode', 'force_custom_plan', true), set_config('random_page_cost', '1.1', true)"
)


def consenting(reader: Reader) -> int:
    """How many residents consent to the text in force."""
    return int(
        reader.execute(select(func.count()).select_from(consents.consents_table()).where(*_given(reader))).scalar_one()
    )


def simulate_chunk(
    reader: Reader, draft: Statements, base_version: str, after: UUID = NIL, limit: int = CHUNK
) -> tuple[list[Tried], UUID | None]:
    """What a draft makes of the next ``limit`` residents who consent, beside what stands under the policy in force
    (``base_version``): so many go from which number and level to which. And the last key; None when none is left.
    Writes nothing.
    """
    own = consents.consents_table().c.resident_id
    query = select(own).where(*_given(reader), own > after).order_by(own).limit(limit)
    keys: Sequence[UUID] = reader.execute(query).scalars().all()
    if not keys:
        return [], None
    return draft.simulate(reader, keys, clock.today(), text_version(reader), base_version), keys[-1]


def _given(reader: Reader) -> tuple[Any, ...]:
    """That a consent counts."""
    given = consents.consents_table().c
    return given.purpose == PURPOSE, given.granted, given.text_version == text_version(reader)


def forget_lapsed(session: Session, limit: int = CHUNK) -> int:
    """Delete the scores of those whose consent no longer counts (its text has changed); return how many."""
    given, kept = consents.consents_table(), models.scores
    stands = exists().where(
        given.c.resident_id == kept.c.resident_id, given.c.purpose == PURPOSE, given.c.granted,
        given.c.text_version == text_version(session),
    )  # fmt: skip
    query = select(kept.c.resident_id).where(~stands).order_by(kept.c.resident_id).limit(limit)
    lapsed = list(session.execute(query).scalars())
    for resident_id in lapsed:
        forget(session, resident_id)
    return len(lapsed)


def drop_stored_reasons(session: Session, limit: int = CHUNK) -> bool:
    """Delete some of the reasons that an earlier version stored; whether there may be more. They are computed now."""
    old = models.reasons.c
    some = list(session.execute(select(old.resident_id).order_by(old.resident_id).limit(limit)).scalars())
    if some:
        session.execute(delete(models.reasons).where(old.resident_id.in_(set(some))))
    return bool(some)
