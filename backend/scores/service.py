"""Computing, forgetting and reading scores.

The archives are read by one statement per policy version (:mod:`backend.scores.statement`). What it yields is kept,
so that a read is a row; a row's number holds until its ``next_change_on``. A read on or after that day, or under a
newer policy, does not show the old number: it is answered by the statement itself, live and without writing, and the
nightly run writes it down.

The person's row is the lock: whoever computes or forgets takes it first and reads consent and archive afterwards, so
that a new record, a consent, a withdrawal and the nightly run follow one another and the last one has seen them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, bindparam, delete, exists, or_, select
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.consents import service as consents
from backend.kit import city, clock, db
from backend.kit.db import Reader
from backend.kit.errors import TryAgain
from backend.kit.prepared import Part, Prepared
from backend.records import service as records
from backend.scores import linter, models, rules
from backend.scores.rules import Level, Plan
from backend.scores.statement import Statements

PURPOSE = "score"
CHUNK = 2_000


@dataclass(frozen=True)
class Score:
    """A resident's number as of a day, and its level under the policy version."""

    value: int
    level: Level
    policy_version: str
    as_of_on: date
    next_change_on: date | None


@dataclass(frozen=True)
class Reason:
    """One reason, after decay and caps. ``percent``: what decay left; ``capped_by``: '', period, total, dimension."""

    position: int
    points: int
    dimension_id: str
    indicator_id: str
    record_id: UUID | None
    record_title: str | None
    source_name: str | None
    decided_on: date | None
    expires_on: date | None
    changes_on: date | None
    percent: int
    capped_by: str


@dataclass(frozen=True)
class Change:
    """A line of history."""

    id: UUID
    value: int
    level_id: str
    previous_value: int | None
    policy_version: str
    as_of_on: date
    cause: str
    record_id: UUID | None
    at: datetime


def lint_policy(content: dict[str, Any], contents: dict[str, dict[str, Any]]) -> list[str]:
    """The check of ``scoring.toml`` that the composition root registers."""
    return linter.scoring_problems(content, contents)


# --- the policy ------------------------------------------------------------------------------------------------------


def plan(reader: Reader) -> Plan:
    """The scoring policy in force today."""
    return _compiled(reader).plan


def levels(reader: Reader) -> tuple[Level, ...]:
    """The levels in force today, the lowest first."""
    return plan(reader).levels


def level_rank_of(policy: city.Policy, level_id: str) -> int:
    """The rank (0 is the lowest) of a level in a ``scoring`` policy. Raises KeyError."""
    ascending = sorted(policy.content["levels"], key=lambda raw: int(raw["from"]))
    return {raw["id"]: rank for rank, raw in enumerate(ascending)}[level_id]


def _compiled(reader: Reader) -> Statements:
    policy, dialect = city.get(reader, "scoring"), db.dialect_of(reader)
    known = _statements.get((id(policy), dialect))
    if known is None or known[0] is not policy:
        made = compile_policy(policy, dialect)
        known = _statements[(id(policy), dialect)] = (policy, made)
    return known[1]


def compile_policy(policy: city.Policy, dialect: str) -> Statements:
    """A scoring policy as SQL for ``sqlite`` or ``postgresql``."""
    return Statements(rules.plan_of(policy.version, policy.content), dialect, records.records_table())


_statements: dict[tuple[int, str], tuple[city.Policy, Statements]] = {}


# --- computing -------------------------------------------------------------------------------------------------------


def recompute(session: Session, resident_id: UUID, cause: str, record_id: UUID | None = None) -> Score | None:
    """Compute one resident's score anew, as of today; None (and nothing written) without consent.

    ``cause``: one of ``rules.CAUSES``. History gets a line when the number or the level changes.
    """
    if not recompute_many(session, [resident_id], cause, record_id):
        return None
    return current(session, resident_id)


def recompute_many(session: Session, resident_ids: Iterable[UUID], cause: str, record_id: UUID | None = None) -> int:
    """Compute the scores of those among ``resident_ids`` who consent; return how many. Some thousands at a time."""
    if cause not in rules.CAUSES:
        raise ValueError(f"unknown cause {cause!r}")
    wanted = sorted(set(resident_ids), key=lambda key: key.int)
    done = 0
    for start in range(0, len(wanted), CHUNK):
        accounts.lock_people(session, wanted[start : start + CHUNK])
        members = _consenting(session, wanted[start : start + CHUNK])
        if members:
            _write(session, members, cause, record_id)
        done += len(members)
    return done


def _consenting(session: Session, resident_ids: Sequence[UUID]) -> list[UUID]:
    """Those of the residents whose consent to the text in force stands."""
    given = consents.consents_table()
    query = select(given.c.resident_id).where(
        given.c.resident_id.in_(resident_ids),
        given.c.purpose == PURPOSE,
        given.c.granted,
        given.c.text_version == consents.purpose_called(session, PURPOSE).text_version,
    )
    return list(session.execute(query.order_by(given.c.resident_id)).scalars())


def _write(session: Session, members: Sequence[UUID], cause: str, record_id: UUID | None) -> None:
    compiled = _compiled(session)
    listed = {"members": compiled.members(members)}
    today = {**listed, "as_of": clock.today()}
    told = {**today, "policy_version": compiled.plan.version, "at": clock.now()}
    session.execute(compiled.clear, listed)
    session.execute(compiled.fill, today)
    session.execute(compiled.remember, {**told, "cause": cause, "record_id": record_id})
    session.execute(compiled.settle, told)


def recompute_due(session: Session, day: date, after: UUID | None = None, limit: int = CHUNK) -> UUID | None:
    """Compute the next ``limit`` scores that a decay, an expiry or a new policy has changed by ``day``.

    Goes by key from ``after`` on and returns the last key done, None when none is left: each call is a transaction
    of its own, and a run that was cut off starts over without harm, for what is done is no longer due.
    """
    table, version = models.scores, plan(session).version
    due = or_(table.c.next_change_on <= day, table.c.policy_version != version)
    found = _next_keys(session, due, after, limit)
    by_policy = {key for key, held in found if held != version}
    recompute_many(session, by_policy, "policy")
    recompute_many(session, [key for key, _ in found if key not in by_policy], "time")
    return found[-1][0] if found else None


def recompute_all(session: Session, after: UUID | None = None, limit: int = CHUNK) -> UUID | None:
    """Compute the next ``limit`` of all scores anew; as recompute_due."""
    found = _next_keys(session, None, after, limit)
    recompute_many(session, [key for key, _ in found], "request")
    return found[-1][0] if found else None


def _next_keys(session: Session, due: Any, after: UUID | None, limit: int) -> list[tuple[UUID, str]]:
    table = models.scores
    query = select(table.c.resident_id, table.c.policy_version).order_by(table.c.resident_id).limit(limit)
    if due is not None:
        query = query.where(due)
    if after is not None:
        query = query.where(table.c.resident_id > after)
    return [(row.resident_id, row.policy_version) for row in session.execute(query)]


def forget_lapsed(session: Session, limit: int = CHUNK) -> int:
    """Delete the scores of those whose consent no longer counts (its text has changed); return how many."""
    given, kept = consents.consents_table(), models.scores
    stands = exists().where(
        given.c.resident_id == kept.c.resident_id,
        given.c.purpose == PURPOSE,
        given.c.granted,
        given.c.text_version == consents.purpose_called(session, PURPOSE).text_version,
    )
    query = select(kept.c.resident_id).where(~stands).order_by(kept.c.resident_id).limit(limit)
    lapsed = list(session.execute(query).scalars())
    for resident_id in lapsed:
        forget(session, resident_id)
    return len(lapsed)


def forget(session: Session, resident_id: UUID) -> None:
    """Delete a resident's score, reasons and history."""
    accounts.lock_people(session, [resident_id])
    for table in (models.reasons, models.scores, models.history):
        session.execute(delete(table).where(table.c.resident_id == resident_id))


# --- what other rooms tell -------------------------------------------------------------------------------------------


def on_records_changed(session: Session, payload: dict[str, Any]) -> None:
    """Within ``records.changed`` {resident_id, record_id, change}: the score follows at once."""
    record_id = payload.get("record_id")
    cause = f"record-{payload.get('change', 'added')}"
    recompute_many(session, [UUID(payload["resident_id"])], cause, UUID(record_id) if record_id else None)


def on_records_loaded(session: Session, payload: dict[str, Any]) -> None:
    """Within ``records.loaded`` {resident_ids}."""
    recompute_many(session, [UUID(key) for key in payload["resident_ids"]], "records-loaded")


def on_consent_changed(session: Session, payload: dict[str, Any]) -> None:
    """Within ``consents.changed`` {resident_id, purpose, granted}: given, computed at once; withdrawn, all deleted."""
    if payload["purpose"] != PURPOSE:
        return
    resident_id = UUID(payload["resident_id"])
    if payload["granted"]:
        recompute_many(session, [resident_id], "consent")
    else:
        forget(session, resident_id)


# --- reading ---------------------------------------------------------------------------------------------------------

_SCORE = (
    models.scores.c.value, models.scores.c.level_id, models.scores.c.policy_version, models.scores.c.as_of_on,
    models.scores.c.next_change_on,
)  # fmt: skip


def current(reader: Reader, resident_id: UUID) -> Score | None:
    """A resident's score today; None without consent. Narrow queries: what is in force, and one row."""
    compiled = _compiled(reader)
    row = _STANDING.first(reader, {"resident": resident_id})
    if row is None or not consents.stands(reader, PURPOSE, row.granted, row.text_version):
        return None
    if row.value is not None and _tells_today(row, compiled.plan):
        return _score(row, compiled.plan)
    return _live_score(compiled.plan, _live_reasons(reader, compiled, resident_id))


_GIVEN = consents.consents_table()
STANDING = Part(
    (_GIVEN.c.granted, _GIVEN.c.text_version, *_SCORE),
    (
        (_GIVEN, and_(_GIVEN.c.resident_id == bindparam("resident"), _GIVEN.c.purpose == PURPOSE)),
        (models.scores, models.scores.c.resident_id == bindparam("resident")),
    ),
)
"""Consent and kept score, for a statement that asks several rooms at once; :func:`stood` reads it."""


_STANDING = Prepared(
    select(*STANDING.columns)
    .select_from(_GIVEN)
    .where(STANDING.joins[0][1])
    .outerjoin(models.scores, STANDING.joins[1][1])
)


def stood(reader: Reader, resident_id: UUID, row: Any) -> tuple[bool, Score | None]:
    """What a row of ``STANDING`` (all null where there was none) says: whether she consents, and her score today."""
    if not row.granted or not consents.stands(reader, PURPOSE, row.granted, row.text_version):
        return False, None
    plan_now = plan(reader)
    if row.value is not None and _tells_today(row, plan_now):
        return True, _score(row, plan_now)
    return True, current(reader, resident_id)


def require(reader: Reader, resident_id: UUID) -> Score:
    """As current; raises ConsentMissing, which says how to opt in."""
    found = current(reader, resident_id)
    if found is None:
        consents.require(reader, resident_id, PURPOSE)
        raise TryAgain()  # given between the two reads
    return found


def level_rank(reader: Reader, resident_id: UUID) -> tuple[str, int] | None:
    """The id and the rank (0 is the lowest) of a resident's level today; None without consent."""
    found = current(reader, resident_id)
    return (found.level.id, found.level.rank) if found else None


def _consented(reader: Reader, query: Select[Any], resident_id: UUID) -> Select[Any]:
    """The query on ``scores`` for one resident, and only while the consent to the text in force stands."""
    given = consents.consents_table()
    return query.join(
        given,
        and_(
            given.c.resident_id == models.scores.c.resident_id,
            given.c.purpose == PURPOSE,
            given.c.granted,
            given.c.text_version == consents.purpose_called(reader, PURPOSE).text_version,
        ),
    ).where(models.scores.c.resident_id == resident_id)


def _tells_today(row: Any, plan_now: Plan) -> bool:
    """Whether a kept number is still today's, under the policy in force."""
    due = row.next_change_on is not None and row.next_change_on <= clock.today()
    return row.policy_version == plan_now.version and not due


def _score(row: Any, plan_now: Plan) -> Score:
    return Score(row.value, plan_now.level(row.level_id), row.policy_version, row.as_of_on, row.next_change_on)


@dataclass(frozen=True)
class Explained:
    """A score taken apart: ``plan.base`` plus the points of ``reasons`` is ``score.value``.

    ``left_out``: rows (id, title, source_name, changed_at) of records that an objection keeps out.
    """

    plan: Plan
    score: Score
    reasons: list[Reason]
    left_out: list[Any]


def explain(reader: Reader, resident_id: UUID) -> Explained:
    """A resident's score with all its reasons. Raises ConsentMissing. Number and reasons come from one statement."""
    compiled = _compiled(reader)
    found = _kept(reader, compiled.plan, resident_id)
    if found is None:
        consents.require(reader, resident_id, PURPOSE)
        reasons = _live_reasons(reader, compiled, resident_id)
        found = _live_score(compiled.plan, reasons), reasons
    return Explained(compiled.plan, *found, _left_out(reader, compiled.plan, resident_id))


def _kept(reader: Reader, plan_now: Plan, resident_id: UUID) -> tuple[Score, list[Reason]] | None:
    own, why, filed = models.scores.c, models.reasons.c, records.records_table().c
    query = (
        select(*_SCORE, why.position, why.points, why.dimension_id, why.indicator_id, why.record_id, why.percent,
               why.capped_by, why.expires_on, why.changes_on, filed.title.label("record_title"), filed.source_name,
               filed.decided_on)
        .select_from(models.scores)
        .outerjoin(models.reasons, why.resident_id == own.resident_id)
        .outerjoin(filed.id.table, and_(filed.resident_id == why.resident_id, filed.id == why.record_id))
        .order_by(why.position)
    )  # fmt: skip
    rows = list(reader.execute(_consented(reader, query, resident_id)))
    if not rows or not _tells_today(rows[0], plan_now):
        return None
    return _score(rows[0], plan_now), [_reason(row) for row in rows if row.position is not None]


_REASON = tuple(field.name for field in fields(Reason))


def _reason(row: Any) -> Reason:
    return Reason(**{name: getattr(row, name) for name in _REASON})


def _live_reasons(reader: Reader, compiled: Statements, resident_id: UUID) -> list[Reason]:
    asked = {"members": compiled.members([resident_id]), "as_of": clock.today()}
    return [_reason(row) for row in reader.execute(compiled.read, asked)]


def _live_score(plan_now: Plan, reasons: Sequence[Reason]) -> Score:
    value = plan_now.base + sum(reason.points for reason in reasons)
    changes = [reason.changes_on for reason in reasons if reason.changes_on is not None]
    return Score(value, plan_now.level_of(value), plan_now.version, clock.today(), min(changes, default=None))


def _left_out(reader: Reader, plan_now: Plan, resident_id: UUID) -> list[Any]:
    table = records.records_table()
    items = sorted({indicator.item for indicator in plan_now.indicators.values()})
    query = select(table.c.id, table.c.title, table.c.source_name, table.c.changed_at).where(
        table.c.resident_id == resident_id, table.c.status == "disputed", table.c.item_code.in_(items)
    )
    return list(reader.execute(query.order_by(table.c.decided_on.desc(), table.c.id)))


def history(reader: Reader, resident_id: UUID, limit: int, after: tuple[datetime, UUID] | None = None) -> list[Change]:
    """Changes of a resident's score, newest first. ``after``: (at, id) of the last one seen. Raises ConsentMissing."""
    consents.require(reader, resident_id, PURPOSE)
    table = models.history
    query = select(table).where(table.c.resident_id == resident_id)
    if after is not None:
        at, change_id = after
        query = query.where(or_(table.c.at < at, and_(table.c.at == at, table.c.id > change_id)))
    rows = reader.execute(query.order_by(table.c.at.desc(), table.c.id).limit(limit)).mappings()
    return [Change(**{name: value for name, value in row.items() if name != "resident_id"}) for row in rows]
