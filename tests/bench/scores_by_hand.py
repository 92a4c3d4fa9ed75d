"""Scores as a good hand would write them in SQL: the floor under the real thing.

The same grouping: by period, by indicator, by dimension, by resident. The policy's numbers stand in the text, as
somebody would write them for this one policy.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from backend.kit import clock
from backend.kit.ids import new_id
from backend.scoring.rules import Plan
from tests.bench.by_hand import Hand

NEVER = 1_000_000_000


def _steps(plan: Plan) -> str:
    rows = [
        f"('{one.item}', {number}, {abs(step.points)}, {one.per_period_cap or NEVER}, {one.period_days or 0},"
        f" %(today)s::date - {step.to_day - 1}, %(today)s::date - {step.from_day}, {step.to_day})"
        for number, one in enumerate(plan.indicators.values())
        for step in one.steps
    ]
    return f"steps (item, n, worth, cap, days, since, until, ends) AS (VALUES {', '.join(rows)})"


def _by(plan: Plan, value: Any) -> str:
    return (
        "CASE n " + " ".join(f"WHEN {n} THEN {value(one)}" for n, one in enumerate(plan.indicators.values())) + " END"
    )


@lru_cache(maxsize=8)
def _grouped(version: str, members: str, whose: str) -> str:
    plan = _plans[version]
    sides = [(each.id, sign) for each in plan.dimensions.values() for sign in (1, -1)]
    side = _by(plan, lambda one: sides.index((one.dimension, 1 if one.points > 0 else -1)))
    caps = [plan.dimensions[name].cap_up if sign > 0 else plan.dimensions[name].cap_down for name, sign in sides]
    capped = "CASE side " + " ".join(
        f"WHEN {n} THEN {sign} * least(points, {cap})"
        for n, ((_, sign), cap) in enumerate(zip(sides, caps, strict=True))
    )
    levels = " ".join(f"WHEN value >= {level.from_value} THEN '{level.id}'" for level in reversed(plan.levels))
    return f"""WITH {_steps(plan)}, by_period AS (
  SELECT r.resident_id, s.n, least(sum(s.worth), min(s.cap))::int AS points,
    min(least(r.decided_on + s.ends, r.counts_until_on + 1)) AS changes
  FROM records r JOIN steps s ON s.item = r.item_code AND r.decided_on BETWEEN s.since AND s.until
  WHERE {whose} AND r.status = 'active' AND r.counts_until_on >= %(today)s
  GROUP BY r.resident_id, s.n, CASE s.days WHEN 0 THEN 0 WHEN 365 THEN extract(year FROM r.decided_on)::int
    ELSE (r.decided_on - DATE '0001-01-01') / s.days END),
by_indicator AS (SELECT resident_id, n, min(changes) AS changes,
  least(sum(points), {_by(plan, lambda one: one.total_cap or NEVER)})::int AS points
  FROM by_period GROUP BY resident_id, n),
by_side AS (SELECT resident_id, {side} AS side, sum(points) AS points, min(changes) AS changes
  FROM by_indicator GROUP BY resident_id, side),
by_resident AS (SELECT resident_id, sum({capped} END) AS points, min(changes) AS changes
  FROM by_side GROUP BY resident_id),
numbers AS (SELECT m.resident_id,
  greatest({plan.minimum}, least({plan.maximum}, {plan.base} + coalesce(b.points, 0)))::int AS value,
  b.changes AS next_change_on FROM ({members}) m LEFT JOIN by_resident b USING (resident_id))
SELECT resident_id, value, CASE {levels} END AS level_id, next_change_on FROM numbers"""


_plans: dict[str, Plan] = {}


def grouped(plan: Plan, members: str, whose: str) -> str:
    """(resident_id, value, level_id, next_change_on) of the members. Takes ``%(today)s``."""
    _plans[plan.version] = plan
    return _grouped(plan.version, members, whose)


# --- one resident, one transaction -----------------------------------------------------------------------------------

IN_FORCE = "SELECT kind, version FROM city_policies WHERE effective_on <= %s ORDER BY effective_on, loaded_at"
MARK = "UPDATE records SET status = %s WHERE resident_id = %s AND id = %s"
FILED = "SELECT status FROM records WHERE resident_id = %s AND id = %s FOR UPDATE"
_SAID = """resident_id, id, version, item_code, effect, source_organisation_id, source_name, document_no, title,
decided_on, ended_on, counts_until_on, publicity_until_on, status, fields, batch_id, known_from, changed_at, changed_by,
change_reason, recalled"""
VERSION = f"""INSERT INTO record_versions ({_SAID}, replaced_at) SELECT {_SAID}, %s FROM records
WHERE resident_id = %s AND id = %s"""
CHANGE = """UPDATE records SET status = %s, version = version + 1, changed_at = %s WHERE resident_id = %s AND id = %s
RETURNING *"""
HOLD = "SELECT 1 FROM people WHERE resident_id = %s FOR NO KEY UPDATE"
GIVEN = "SELECT granted, text_version FROM consents WHERE resident_id = %s AND purpose = 'score'"
STOOD = "SELECT value, level_id FROM scores WHERE resident_id = %s"
SET = """INSERT INTO scores (resident_id, value, level_id, policy_version, as_of_on, next_change_on, computed_at)
VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (resident_id) DO UPDATE SET value = excluded.value,
level_id = excluded.level_id, policy_version = excluded.policy_version, as_of_on = excluded.as_of_on,
next_change_on = excluded.next_change_on, computed_at = excluded.computed_at"""
NOTE = """INSERT INTO score_history (resident_id, id, value, level_id, previous_value, policy_version, as_of_on, cause,
record_id, at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""


def change(hand: Hand, resident_id: UUID, record_id: UUID, status: str) -> None:
    """A record's status changes, and its former state is kept."""
    run, now = hand.connection.execute, datetime.now(UTC)
    if run(FILED, (resident_id, record_id)).fetchone()[0] != status:
        run(VERSION, (now, resident_id, record_id))
        run(CHANGE, (status, now, resident_id, record_id)).fetchone()


def recompute(hand: Hand, plan: Plan, text: str, resident_id: UUID, record_id: UUID, status: str) -> None:
    """The score follows a record's new status, with a line of history."""
    run, now, today = hand.connection.execute, datetime.now(UTC), clock.today()
    run(IN_FORCE, (today,)).fetchall()
    run(HOLD, (resident_id,)).fetchone()
    granted, given = run(GIVEN, (resident_id,)).fetchone()
    if not granted or given != text:
        return
    statement = grouped(plan, "SELECT %(resident)s::uuid AS resident_id", "r.resident_id = %(resident)s")
    _, value, level, changes = run(statement, {"today": today, "resident": resident_id}).fetchone()
    before = run(STOOD, (resident_id,)).fetchone()
    run(SET, (resident_id, value, level, plan.version, today, changes, now))
    if before is None or before != (value, level):
        made = (new_id(), value, level, before and before[0], plan.version, today, f"record-{status}", record_id, now)
        run(NOTE, (resident_id, *made))
