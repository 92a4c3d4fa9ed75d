"""A scoring policy as one SQL statement.

It states the whole computation of :mod:`backend.scoring.rules` over an archive, as of one day (``:as_of``). It begins
with the same words wherever it is used: the rules, and which records count at what worth. It has two endings:

* **numbers**: for each member the number, the level, and the day on which it changes by itself. Caps are applied to
  grouped sums, which is all that a number needs.
* **reasons**: for one resident each record's points after decay and caps, the clamp, and what an objection keeps out.
  Caps are applied along the running sum, so that the points of a group add up to its capped sum: both endings give
  the same number.

It knows only integers, and the same ones on SQLite and PostgreSQL. What the policy decides stands in it as literals:
decayed points are worked out beforehand, so the database never divides a negative number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from backend.scoring.rules import CALENDAR_YEAR, CLAMP, Indicator, Plan

ACTIVE = "'active'"
UNLIMITED = 1_000_000_000
"""Stands for "no cap"; beyond every sum of points."""
ARCHIVE = "records"


class Dialect(NamedTuple):
    """What the two databases say differently."""

    least: str
    greatest: str
    day: Callable[[str, str], str]
    """A date some days (an integer, in SQL) later."""
    days: Callable[[str, str], str]
    """Days from the first date to the second."""
    first: str
    """The day from which days are counted."""
    year: Callable[[str], str]
    today: str
    members: str
    once: str
    """That what a query gives is worked out once, where the database would not see it by itself."""
    once_where_calls_cost: str


DIALECTS = {
    "postgresql": Dialect(
        "least", "greatest", lambda day, days: f"({day} + {days})", lambda day, last: f"({last} - {day})",
        "DATE '0001-01-01'", lambda day: f"CAST(extract(year FROM {day}) AS integer)", "CAST(:as_of AS date)",
        "= ANY (:members)", "MATERIALIZED ", "",
    ),
    "sqlite": Dialect(
        "min", "max", lambda day, days: f"date({day}, ({days}) || ' days')",
        lambda day, last: f"CAST(julianday({last}) - julianday({day}) AS INTEGER)", "'0001-01-01'",
        lambda day: f"CAST(substr({day}, 1, 4) AS INTEGER)", ":as_of", "IN (SELECT value FROM json_each(:members))",
        "", "MATERIALIZED ",
    ),
}  # fmt: skip

REASON_COLUMNS = (
    "kind", "points", "dimension_id", "indicator_id", "record_id", "percent", "capped_by", "expires_on", "changes_on",
    "record_title", "source_name", "decided_on",
)  # fmt: skip
"""``kind``: reason, clamp or left-out."""
TOLD_ORDER = "kind DESC, decided_on DESC, record_id"
"""Reasons, what an objection keeps out, the clamp; each the latest first."""


@dataclass(frozen=True)
class Text:
    """One policy's statement in one dialect."""

    plan: Plan
    dialect: str

    @property
    def say(self) -> Dialect:
        return DIALECTS[self.dialect]

    # --- how both begin ---

    def rules(self) -> str:
        """The steps of all indicators as rows."""
        names = ("item_code, indicator, indicator_id, dimension_id, sign, percent, worth, period_days, period_cap,"
                 " total_cap, dimension_cap, from_day, to_day, lasts_days")  # fmt: skip
        rows = [
            self._step(number, indicator, step)
            for number, indicator in enumerate(self.plan.indicators.values())
            for step in range(len(indicator.steps))
        ]
        return f"rules ({names}) AS (VALUES {', '.join(rows)})"

    def _step(self, number: int, indicator: Indicator, at: int) -> str:
        step, dimension = indicator.steps[at], self.plan.dimensions[indicator.dimension]
        sign = 1 if indicator.points > 0 else -1
        values = (
            quoted(indicator.item), number, quoted(indicator.id), quoted(dimension.id), sign, step.percent,
            abs(step.points), indicator.period_days or 0, indicator.per_period_cap or UNLIMITED,
            indicator.total_cap or UNLIMITED, dimension.cap_up if sign > 0 else dimension.cap_down,
            step.from_day, step.to_day, indicator.lasts_days,
        )  # fmt: skip
        return "({})".format(", ".join(map(str, values)))

    def filed(self, archive: str, whose: str, statuses: str, *more: str) -> str:
        """What of an archive is kept on the day, with its age in days."""
        say, columns = self.say, ("item_code", "decided_on", "counts_until_on", *more)
        return (
            f"filed AS {say.once_where_calls_cost}(SELECT {', '.join(f'r.{name}' for name in columns)},"  # noqa: S608 - as above
            f" {say.days('r.decided_on', say.today)} AS age FROM {archive} r WHERE {whose} AND r.status IN ({statuses})"
            f" AND r.counts_until_on >= {say.today})"
        )

    COUNTING = "filed r JOIN rules u ON u.item_code = r.item_code AND r.age >= u.from_day AND r.age < u.to_day"
    """Each record that is filed by the one step that its age has reached; what is decided later has reached none."""

    @property
    def period(self) -> str:
        say, day = self.say, "r.decided_on"
        return (
            f"CASE u.period_days WHEN 0 THEN 0 WHEN {CALENDAR_YEAR} THEN {say.year(day)}"
            f" ELSE {say.days(say.first, day)} / u.period_days END"
        )

    @property
    def changes_on(self) -> str:
        say = self.say
        return f"{say.least}({say.day('r.decided_on', 'u.to_day')}, {say.day('r.counts_until_on', '1')})"

    # --- numbers ---

    def judged(self, members: str, whose: str, archive: str = ARCHIVE) -> str:
        """``judged``: (resident_id, value, level_id, next_change_on) of all members, and what it stands on.

        ``members``: a query of resident ids; ``whose``: the same as a condition on ``r``. Follows ``WITH``.
        """
        say = self.say
        worth = f"CAST({say.least}(sum(u.worth), min(u.period_cap)) AS integer)"
        numbers = range(len(self.plan.indicators))
        sums = ", ".join(f"sum(points) FILTER (WHERE indicator = {n}) AS i{n}" for n in numbers)
        value = f"CAST({say.greatest}({self.plan.minimum}, {say.least}({self.plan.maximum}, {self._sum()})) AS integer)"
        return (
            f"members AS {say.once}({members}), {self.rules()}, {self.filed(archive, whose, ACTIVE, 'resident_id')},"  # noqa: S608 - only ids and integers of a linted policy stand in it
            f" by_period AS (SELECT r.resident_id, u.indicator, {worth} AS points, min({self.changes_on}) AS changes_on"
            f" FROM {self.COUNTING} GROUP BY r.resident_id, u.indicator, {self.period}),"
            f" sums AS (SELECT resident_id, min(changes_on) AS next_change_on, {sums} FROM by_period"
            " GROUP BY resident_id),"
            f" totals AS (SELECT m.resident_id, {value} AS value, s.next_change_on FROM members m"
            " LEFT JOIN sums s ON s.resident_id = m.resident_id),"
            f" judged AS (SELECT resident_id, value, {self._level()} AS level_id, next_change_on FROM totals)"
        )

    def _sum(self) -> str:
        """The base and what each side of each dimension brings, capped, as an expression over ``sums``."""
        parts = [str(self.plan.base)]
        for dimension in self.plan.dimensions.values():
            for sign, cap in ((1, dimension.cap_up), (-1, dimension.cap_down)):
                own = [
                    self._capped(number, indicator)
                    for number, indicator in enumerate(self.plan.indicators.values())
                    if indicator.dimension == dimension.id and (indicator.points > 0) == (sign > 0)
                ]
                if own:
                    parts.append(f"{sign} * {self.say.least}({cap}, {' + '.join(own)})")
        return " + ".join(parts)

    def _capped(self, number: int, indicator: Indicator) -> str:
        told = f"coalesce(i{number}, 0)"
        return told if indicator.total_cap is None else f"{self.say.least}({told}, {indicator.total_cap})"

    def _level(self) -> str:
        steps = [f"WHEN value >= {level.from_value} THEN {quoted(level.id)}" for level in reversed(self.plan.levels)]
        return f"CASE {' '.join(steps)} END"

    # --- reasons ---

    def reasons(self, archive: str = ARCHIVE) -> str:
        """``told``: the rows of REASON_COLUMNS about ``:resident`` while ``given`` has a row. Follows ``WITH``."""
        say, last = self.say, self.say.day("r.decided_on", "u.lasts_days")
        within = "r.resident_id = :resident AND EXISTS (SELECT 1 FROM given)"
        counted = (
            f"SELECT r.id, r.status, r.title, r.source_name, r.decided_on, {self.period} AS period,"  # noqa: S608 - as above
            f" {say.least}({last}, r.counts_until_on) AS expires_on, {self.changes_on} AS changes_on, u.indicator_id,"
            " u.dimension_id, u.sign, u.percent, u.worth, u.period_cap, u.total_cap, u.dimension_cap"
            f" FROM {self.COUNTING}"
        )
        filed = self.filed(archive, within, f"{ACTIVE}, 'disputed'", "id", "status", "title", "source_name")
        return (
            f"{self.rules()}, {filed}, counted AS ({counted}),"  # noqa: S608 - as above
            f" p AS ({self._running('counted', 'worth', 'period_cap', 'indicator_id, period', 'by_period')}"
            f" WHERE status = {ACTIVE}),"
            f" t AS ({self._running('p', 'by_period', 'total_cap', 'indicator_id', 'by_total')}),"
            f" d AS ({self._running('t', 'by_total', 'dimension_cap', 'dimension_id, sign', 'by_dimension')}),"
            f" reasons AS ({self._reasons()}), told AS (SELECT * FROM reasons {self._clamp()}"
            f" UNION ALL {_LEFT_OUT})"
        )

    def _running(self, before: str, amount: str, cap: str, group: str, label: str) -> str:
        """What is left of an amount under a cap, record by record along the running sum, latest decision first."""
        run = f"sum({amount}) OVER (PARTITION BY {group} ORDER BY decided_on DESC, id ROWS UNBOUNDED PRECEDING)"
        least = self.say.least
        return (
            f"SELECT {before}.*, CAST({least}({run}, {cap}) - {least}({run} - {amount}, {cap}) AS integer) AS {label}"  # noqa: S608 - as above
            f" FROM {before}"
        )

    def _reasons(self) -> str:
        capped_by = (
            "CASE WHEN by_dimension < by_total THEN 'dimension' WHEN by_total < by_period THEN 'total'"
            " WHEN by_period < worth THEN 'period' ELSE '' END"
        )
        return (
            "SELECT 'reason' AS kind, sign * by_dimension AS points, dimension_id, indicator_id, id AS record_id,"  # noqa: S608 - as above
            f" percent, {capped_by} AS capped_by, expires_on, changes_on, title AS record_title, source_name,"
            " decided_on FROM d"
        )

    def _clamp(self) -> str:
        """The reason that takes back what leaves the scale; where the caps leave room for it."""
        plan = self.plan
        if not any(plan.may_leave_scale()):
            return ""
        inside = f"{self.say.greatest}({plan.minimum}, {self.say.least}({plan.maximum}, total))"
        uuid, day, word = ("CAST(NULL AS uuid)", "CAST(NULL AS date)", "CAST(NULL AS varchar)")
        if self.dialect == "sqlite":
            uuid = day = word = "NULL"
        return (
            f"UNION ALL SELECT 'clamp', {inside} - total, '', '{CLAMP}', {uuid}, 100, '', {day}, {day}, {word}, {word},"  # noqa: S608 - as above
            f" {day} FROM (SELECT {plan.base} + CAST(coalesce(sum(points), 0) AS integer) AS total FROM reasons) s"
            f" WHERE {inside} <> total"
        )


_LEFT_OUT = (
    "SELECT 'left-out', 0, dimension_id, indicator_id, id, percent, '', expires_on, changes_on, title, source_name,"
    " decided_on FROM counted WHERE status = 'disputed'"
)
"""What would count but for an objection."""


def quoted(word: str) -> str:
    """A text as a literal. What stands in a bind's place for the text compiler is kept from it."""
    return "'" + word.replace("'", "''").replace(":", "\\:") + "'"
