"""Reading scores: the kept number in one query, and the number taken apart by the statement itself.

A kept number holds until its ``next_change_on`` and under its policy version; afterwards a read is answered by the
statement, live and without writing, and the nightly run writes it down.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, or_, select

from backend.catalogue import service as catalogue
from backend.consents import service as consents
from backend.kit import city, clock, db
from backend.kit.db import Reader
from backend.kit.errors import TryAgain
from backend.kit.prepared import Part, Prepared
from backend.scores import models
from backend.scores.compiled import PURPOSE, Statements
from backend.scores.computing import Score, compiled_in_force, compiled_of, text_version
from backend.scores.errors import ScoringVersionUnknown
from backend.scoring import advice
from backend.scoring.rules import CLAMP, Plan


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


@dataclass(frozen=True)
class Explained:
    """A score taken apart: ``plan.base`` plus the points of ``reasons`` is ``score.value``.

    Both lists hold rows of ``statement.REASON_COLUMNS``, after decay (``percent``: what it left) and caps
    (``capped_by``: '', period, total, dimension). ``left_out``: what an objection keeps out.
    """

    plan: Plan
    score: Score
    reasons: list[Any]
    left_out: list[Any]


_GIVEN = consents.consents_table()
_KEPT = models.scores
STANDING = Part(
    (_GIVEN.c.granted, _GIVEN.c.text_version, _KEPT.c.value, _KEPT.c.level_id, _KEPT.c.policy_version,
     _KEPT.c.as_of_on, _KEPT.c.next_change_on),
    (
        (_GIVEN, and_(_GIVEN.c.resident_id == bindparam("resident"), _GIVEN.c.purpose == PURPOSE)),
        (_KEPT, _KEPT.c.resident_id == bindparam("resident")),
    ),
)  # fmt: skip
"""Consent and kept score, for a statement that asks several rooms at once; :func:`stood` reads it."""

_STANDING = Prepared(
    select(*STANDING.columns).select_from(_GIVEN).where(STANDING.joins[0][1]).outerjoin(_KEPT, STANDING.joins[1][1])
)


def current(reader: Reader, resident_id: UUID) -> Score | None:
    """A resident's score today; None without consent."""
    row = _STANDING.first(reader, {"resident": resident_id})
    return None if row is None else stood(reader, resident_id, row)[1]


def stood(reader: Reader, resident_id: UUID, row: Any) -> tuple[bool, Score | None]:
    """What a row of ``STANDING`` (all null where there was none) says: whether she consents, and her score today."""
    if not row.granted or not consents.stands(reader, PURPOSE, row.granted, row.text_version):
        return False, None
    statements, today = compiled_in_force(reader), clock.today()
    kept = row.value is not None and row.policy_version == statements.plan.version
    if kept and (row.next_change_on is None or row.next_change_on > today):
        level = statements.plan.level(row.level_id)
        return True, Score(row.value, level, row.policy_version, row.as_of_on, row.next_change_on)
    told = _told(reader, statements, resident_id, today)
    return told is not None, None if told is None else told.score


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


def explain(reader: Reader, resident_id: UUID) -> Explained:
    """A resident's score today with all its reasons, out of one statement. Raises ConsentMissing."""
    return _or_missing(reader, resident_id, _told(reader, compiled_in_force(reader), resident_id, clock.today()))


def would_raise(reader: Reader, told: Explained) -> list[advice.Rise]:
    """What would raise a score of today, and when an adverse record counts less."""
    sources = {code: item.source_departments for code, item in catalogue.items(reader).items()}
    return advice.rises(told.plan, told.reasons, told.score.as_of_on, sources)


def explain_as_of(
    reader: Reader, resident_id: UUID, on: date | None = None, policy_version: str | None = None,
    known_at: datetime | None = None,
) -> Explained:  # fmt: skip
    """What a resident's score was on a day, under a version of the policy (that in force on the day), by what was
    known at an instant (now): with all its reasons. Raises ConsentMissing, ScoringVersionUnknown.
    """
    day = on or clock.today()
    try:
        policy = city.version(reader, "scoring", policy_version) if policy_version else city.get(reader, "scoring", day)
    except city.CityMissing:
        raise ScoringVersionUnknown() from None
    statements = compiled_of(policy, db.dialect_of(reader))
    return _or_missing(reader, resident_id, _told(reader, statements, resident_id, day, known_at or clock.now()))


def _told(
    reader: Reader, statements: Statements, resident_id: UUID, day: date, known_at: datetime | None = None
) -> Explained | None:
    asked: dict[str, Any] = {"resident": resident_id, "as_of": day, "text_version": text_version(reader)}
    if known_at is None:
        rows = statements.today.rows(reader, asked)
    else:
        rows = statements.known.rows(reader, {**asked, "known_at": known_at})
    if not rows:
        return None
    reasons = [row for row in rows if row.kind in ("reason", CLAMP)]
    plan, value = statements.plan, statements.plan.base + sum(row.points for row in reasons)
    changes = min((row.changes_on for row in reasons if row.changes_on is not None), default=None)
    score = Score(value, plan.level_of(value), plan.version, day, changes)
    return Explained(plan, score, reasons, [row for row in rows if row.kind == "left-out"])


def _or_missing(reader: Reader, resident_id: UUID, told: Explained | None) -> Explained:
    if told is None:
        consents.require(reader, resident_id, PURPOSE)
        raise TryAgain()  # given between the two reads
    return told


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
