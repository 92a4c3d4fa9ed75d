"""What a resident reads of her score, as a good hand would write it in SQL for the policy in force today.

One query for the number, one for the number taken apart. The words are the house's own; what is the same for
everybody is kept for two seconds, as the house keeps it.
"""

from __future__ import annotations

from collections import namedtuple
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from backend.catalogue import service as catalogue
from backend.kit import city, clock, db
from backend.scoring import advice, rules
from backend.scoring.rules import Plan
from tests.bench.by_hand import Hand
from tests.bench.reads_by_hand import _day, _keep, resident

NEVER = 1_000_000_000
SCORE = """SELECT c.granted, c.text_version, s.value, s.level_id, s.policy_version, s.as_of_on, s.next_change_on
FROM consents c LEFT JOIN scores s ON s.resident_id = c.resident_id WHERE c.resident_id = %s AND c.purpose = 'score'"""
Row = namedtuple(
    "Row",
    "points dimension_id indicator_id record_id percent capped_by expires_on changes_on record_title"
    " source_name decided_on",
)


class _Known(NamedTuple):
    plan: Plan
    text: str
    sources: dict[str, Any]


def _policies() -> _Known:
    with db.reading() as reader:
        policy = city.get(reader, "scoring")
        purposes = city.get(reader, "consents").content["purposes"]
        sources = {code: item.source_departments for code, item in catalogue.items(reader).items()}
    text = next(each["text_version"] for each in purposes if each["id"] == "score")
    return _Known(_plan(policy.version, id(policy)), text, sources)


@lru_cache(maxsize=4)
def _plan(version: str, _identity: int) -> Plan:
    with db.reading() as reader:
        return rules.plan_of(version, city.get(reader, "scoring").content)


def score(token: str) -> dict[str, Any]:
    """GET /me/score of somebody whose kept number holds."""
    mine, known = resident(token), _keep("score policies", _policies)
    row = Hand("reading").run(SCORE, (mine,)).fetchone()
    granted, text, value, level_id, version, as_of, changes = row
    if not granted or text != known.text or version != known.plan.version:
        raise LookupError("the floor knows kept scores only")
    if changes is not None and _day(changes) <= clock.today():
        raise LookupError("the floor knows kept scores only")
    plan = known.plan
    level, above = plan.level(level_id), plan.next_level(value)
    return {
        "value": value, "level": {"id": level.id, "name": level.name}, "as_of": _told(as_of),
        "policy_version": version, "scale": {"min": plan.minimum, "base": plan.base, "max": plan.maximum},
        "next_level": above and {
            "id": above.id, "name": above.name, "from": above.from_value, "points_needed": above.from_value - value
        },
        "next_change_on": _told(changes),
    }  # fmt: skip


def _apart(plan: Plan, sqlite: bool, today: date) -> str:
    """Consent, what counts under its caps along the running sums, and what an objection keeps out: one query."""
    least = "min" if sqlite else "least"
    day = "'{}'" if sqlite else "DATE '{}'"
    year = "CAST(strftime('%Y', r.decided_on) AS INTEGER)" if sqlite else "extract(year FROM r.decided_on)::int"
    steps = ", ".join(
        f"('{one.item}', '{one.id}', '{one.dimension}', {1 if one.points > 0 else -1}, {step.percent},"
        f" {abs(step.points)}, {one.per_period_cap or NEVER}, {one.period_days or 0}, {one.total_cap or NEVER},"
        f" {plan.dimensions[one.dimension].cap_up if one.points > 0 else plan.dimensions[one.dimension].cap_down},"
        f" {day.format(today - timedelta(days=step.to_day - 1))}, {day.format(today - timedelta(days=step.from_day))},"
        f" {step.to_day}, {one.lasts_days})"
        for one in plan.indicators.values()
        for step in one.steps
    )

    def left(amount: str, cap: str, group: str) -> str:
        run = f"sum({amount}) OVER (PARTITION BY {group} ORDER BY decided_on DESC, id ROWS UNBOUNDED PRECEDING)"
        return f"{least}({run}, {cap}) - {least}({run} - {amount}, {cap})"

    return f"""WITH steps
(item, indicator, dimension, sign, percent, worth, cap, days, total, side, since, until, ends, lasts)
AS (VALUES {steps}),
mine AS (SELECT c.granted, c.text_version, r.* FROM consents c LEFT JOIN records r ON r.resident_id = c.resident_id
  AND r.status IN ('active', 'disputed') WHERE c.resident_id = %s AND c.purpose = 'score'),
counted AS (SELECT r.*, s.*, CASE s.days WHEN 0 THEN 0 ELSE {year} END AS period
  FROM mine r JOIN steps s ON s.item = r.item_code AND r.decided_on BETWEEN s.since AND s.until
  WHERE r.status = 'active' AND r.counts_until_on >= {day.format(today)}),
p AS (SELECT counted.*, {left("worth", "cap", "indicator, period")} AS first FROM counted),
t AS (SELECT p.*, {left("first", "total", "indicator")} AS second FROM p),
d AS (SELECT t.*, {left("second", "side", "dimension, sign")} AS third FROM t)
SELECT granted, text_version, 1 AS counts, id, title, source_name, decided_on, counts_until_on, sign * third,
  dimension, indicator, percent, ends, lasts, CASE WHEN third < second THEN 'dimension' WHEN second < first THEN 'total'
  WHEN first < worth THEN 'period' ELSE '' END FROM d
UNION ALL SELECT granted, text_version, 0, id, title, source_name, decided_on, counts_until_on, 0, '', '', 100, 0, 0, ''
FROM mine WHERE status IS NULL OR status = 'disputed' AND item_code IN (SELECT item FROM steps)
ORDER BY 3 DESC, 7 DESC, 4""".replace("%Y", "%%Y" if not sqlite else "%Y")


_texts: dict[tuple[str, bool, date], str] = {}


def reasons(token: str) -> dict[str, Any]:
    """GET /me/score/reasons."""
    mine, known, today = resident(token), _keep("score policies", _policies), clock.today()
    hand = Hand("reading")
    key = (known.plan.version, hand.sqlite, today)
    if key not in _texts:
        _texts[key] = _apart(known.plan, hand.sqlite, today)
    found = hand.run(_texts[key], (mine,)).fetchall()
    if found and (not found[0][0] or found[0][1] != known.text):
        raise LookupError("the floor knows who consents")
    counted = [_row(row) for row in found if row[2]]
    out = [row for row in found if not row[2] and row[3] is not None]
    rises = advice.rises(known.plan, counted, today, known.sources)
    return {
        "items": [_item(known.plan, row) for row in counted], "next_cursor": None, "base": known.plan.base,
        "value": known.plan.base + sum(row.points for row in counted), "as_of": today.isoformat(),
        "policy_version": known.plan.version, "left_out": [_left_out(row) for row in out],
        "would_raise": [_rise(rise) for rise in rises],
    }  # fmt: skip


def _row(row: Any) -> Row:
    _, _, _, key, title, source, decided, until, points, dimension, indicator, percent, ends, lasts, capped = row
    decided_on, until_on = _day(decided), _day(until)
    return Row(
        int(points), dimension, indicator, _id(key), percent, capped,
        min(decided_on + timedelta(days=lasts), until_on),
        min(decided_on + timedelta(days=ends), until_on + timedelta(days=1)), title, source, decided_on,
    )  # fmt: skip


def _item(plan: Plan, row: Row) -> dict[str, Any]:
    indicator, dimension = plan.indicators[row.indicator_id], plan.dimensions[row.dimension_id]
    return {
        "points": row.points, "dimension": dimension.id, "dimension_name": dimension.name, "indicator": indicator.id,
        "record_id": str(row.record_id), "record_title": row.record_title, "source": row.source_name,
        "decided_on": row.decided_on.isoformat(), "expires_on": row.expires_on.isoformat(),
        "changes_on": row.changes_on.isoformat(),
        "rule": {
            "policy_version": plan.version, "indicator_title": indicator.title, "full_points": indicator.points,
            "percent": row.percent, "capped_by": row.capped_by, "basis": indicator.basis,
        },
        "text": rules.reason_text(plan, row),
    }  # fmt: skip


def _left_out(row: Any) -> dict[str, Any]:
    text = f"“{row[4]}”（{row[5]}）正在处理异议，处理期间不计算。"
    return {"record_id": str(_id(row[3])), "record_title": row[4], "source": row[5], "text": text}


def _rise(rise: advice.Rise) -> dict[str, Any]:
    return {
        "kind": rise.kind, "indicator": rise.indicator_id, "title": rise.title, "points": rise.points,
        "points_each": rise.points_each, "on": _told(rise.on), "text": rise.text,
        "record_id": None if rise.record_id is None else str(rise.record_id),
    }  # fmt: skip


def _id(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)


def _told(day: Any) -> str | None:
    return None if day is None else _day(day).isoformat()
