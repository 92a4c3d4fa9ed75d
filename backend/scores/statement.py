"""A scoring policy as one SQL statement.

``reasons_select`` states the whole computation of :mod:`backend.scores.rules` over the archives of the residents
asked for, as of one day: from records to reasons after decay and caps, the clamp among them. It knows only integers,
and the same ones on SQLite and PostgreSQL. Everything the policy decides stands in it as literals (decayed points are
worked out beforehand, so the database never divides a negative number); bound are ``members``, whose scores, and
``as_of``, the day.

It is used in three ways: inserted into ``score_reasons`` for one resident or for a chunk of the city, or read.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    CompoundSelect,
    Date,
    FromClause,
    Integer,
    Select,
    String,
    TextClause,
    bindparam,
    case,
    cast,
    column,
    extract,
    func,
    literal,
    literal_column,
    null,
    select,
    text,
    union_all,
    values,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from backend.kit.db import Id, UtcDateTime
from backend.scores.rules import CALENDAR_YEAR, CLAMP, Indicator, Plan

UNLIMITED = 1_000_000_000
"""Stands for "no cap" and "no period"; beyond every sum of points and every count of days."""

COLUMNS = (
    "resident_id", "position", "points", "dimension_id", "indicator_id", "record_id", "percent", "capped_by",
    "expires_on", "changes_on",
)  # fmt: skip

_AS_OF = literal_column(":as_of", Date)


class add_days(GenericFunction[Any]):
    """A date some days later."""

    type = Date()
    inherit_cache = True


class day_number(GenericFunction[Any]):
    """Days since 0001-01-01."""

    type = Integer()
    inherit_cache = True


class lesser(GenericFunction[Any]):
    """The smaller of two values."""

    inherit_cache = True


class is_member(GenericFunction[Any]):
    """Whether a resident is among those asked for."""

    inherit_cache = True


def _parts(element: Any, compiler: Any, **kw: Any) -> list[str]:
    return [compiler.process(clause, **kw) for clause in element.clauses]


@compiles(add_days, "postgresql")
def _(element: Any, compiler: Any, **kw: Any) -> str:
    return "({} + {})".format(*_parts(element, compiler, **kw))


@compiles(add_days, "sqlite")
def _(element: Any, compiler: Any, **kw: Any) -> str:
    return "date({}, {} || ' days')".format(*_parts(element, compiler, **kw))


@compiles(day_number, "postgresql")
def _(element: Any, compiler: Any, **kw: Any) -> str:
    return "({} - DATE '0001-01-01')".format(*_parts(element, compiler, **kw))


@compiles(day_number, "sqlite")
def _(element: Any, compiler: Any, **kw: Any) -> str:
    return "CAST(julianday({}) - julianday('0001-01-01') AS INTEGER)".format(*_parts(element, compiler, **kw))


@compiles(lesser, "postgresql")
def _(element: Any, compiler: Any, **kw: Any) -> str:
    return "least({}, {})".format(*_parts(element, compiler, **kw))


@compiles(lesser, "sqlite")
def _(element: Any, compiler: Any, **kw: Any) -> str:
    return "min({}, {})".format(*_parts(element, compiler, **kw))


@compiles(is_member, "postgresql")
def _(element: Any, compiler: Any, **kw: Any) -> str:
    return "{} = ANY (:members)".format(*_parts(element, compiler, **kw))


@compiles(is_member, "sqlite")
def _(element: Any, compiler: Any, **kw: Any) -> str:
    listed = "(SELECT value FROM json_each(:members))"
    return "{} IN {}".format(*_parts(element, compiler, **kw), listed)


# --- the statement -----------------------------------------------------------------------------------------------


def reasons_select(plan: Plan, archive: FromClause) -> Select[Any] | CompoundSelect[Any]:
    """The reasons of the members as of a day. ``archive``: the table of records, or a view of it at another time."""
    counted = _counted(archive, _rules(plan))
    by_period = _capped(counted, "worth", "period_cap", ("indicator_id", "period"), "by_period")
    by_total = _capped(by_period, "by_period", "total_cap", ("indicator_id",), "by_total")
    capped = _capped(by_total, "by_total", "dimension_cap", ("dimension_id", "sign"), "by_dimension")
    reasons = _reasons(capped.c)
    below, above = plan.may_leave_scale()
    if not (below or above):
        return reasons
    told = reasons.cte("told")
    return union_all(select(*(told.c[name] for name in COLUMNS)), _clamp(plan, told))


def _rules(plan: Plan) -> CTE:
    names = ("item_code", "indicator_id", "dimension_id")
    numbers = ("sign", "from_day", "to_day", "percent", "worth", "lasts_days", "period_days", "period_cap",
               "total_cap", "dimension_cap")  # fmt: skip
    columns = [column(name, String) for name in names] + [column(name, Integer) for name in numbers]
    rows = [row for indicator in plan.indicators.values() for row in _rule_rows(plan, indicator)]
    return values(*columns, name="rules").data(rows).cte("rules")


def _rule_rows(plan: Plan, indicator: Indicator) -> list[tuple[Any, ...]]:
    dimension = plan.dimensions[indicator.dimension]
    sign = 1 if indicator.points > 0 else -1
    return [
        (
            indicator.item, indicator.id, dimension.id, sign, step.from_day, step.to_day, step.percent,
            abs(step.points), indicator.lasts_days, indicator.period_days or UNLIMITED,
            indicator.per_period_cap or UNLIMITED, indicator.total_cap or UNLIMITED,
            dimension.cap_up if sign > 0 else dimension.cap_down,
        )
        for step in indicator.steps
    ]  # fmt: skip


def _counted(archive: FromClause, rules: CTE) -> CTE:
    """The records that count on the day, each with the one step of its indicator that its age has reached."""
    record, rule = archive.c, rules.c
    period = case(
        (rule.period_days == CALENDAR_YEAR, cast(extract("year", record.decided_on), Integer)),
        else_=day_number(record.decided_on) // rule.period_days,
    )
    kept = (rule.indicator_id, rule.dimension_id, rule.sign, rule.percent, rule.worth, rule.period_cap,
            rule.total_cap, rule.dimension_cap)  # fmt: skip
    return (
        select(
            record.resident_id,
            record.id.label("record_id"),
            record.decided_on,
            lesser(add_days(record.decided_on, rule.lasts_days), record.counts_until_on).label("expires_on"),
            lesser(add_days(record.decided_on, rule.to_day), add_days(record.counts_until_on, 1)).label("changes_on"),
            cast(period, Integer).label("period"),
            *kept,
        )
        .join_from(archive, rules, record.item_code == rule.item_code)
        .where(
            is_member(record.resident_id),
            record.status == "active",
            record.decided_on <= _AS_OF,
            record.counts_until_on >= _AS_OF,
            add_days(record.decided_on, rule.from_day) <= _AS_OF,
            add_days(record.decided_on, rule.to_day) > _AS_OF,
        )
        .cte("counted")
    )


def _capped(before: CTE, amount: str, cap: str, within: tuple[str, ...], label: str) -> CTE:
    """What is left of ``amount`` under ``cap``, record by record along the running sum, latest decision first."""
    c = before.c
    run = func.sum(c[amount]).over(
        partition_by=[c.resident_id, *(c[key] for key in within)],
        order_by=[c.decided_on.desc(), c.record_id],
        rows=(None, 0),
    )
    left = lesser(run, c[cap]) - lesser(run - c[amount], c[cap])
    return select(*c, cast(left, Integer).label(label)).cte(f"capped_{label}")


def _reasons(c: Any) -> Select[Any]:
    position = func.row_number().over(partition_by=c.resident_id, order_by=[c.decided_on.desc(), c.record_id])
    capped_by = case(
        (c.by_dimension < c.by_total, "dimension"),
        (c.by_total < c.by_period, "total"),
        (c.by_period < c.worth, "period"),
        else_="",
    )
    return select(
        c.resident_id, position.label("position"), (c.sign * c.by_dimension).label("points"), c.dimension_id,
        c.indicator_id, c.record_id, c.percent, capped_by.label("capped_by"), c.expires_on, c.changes_on,
    )  # fmt: skip


def _clamp(plan: Plan, told: CTE) -> Select[Any]:
    """The reason that takes back what leaves the scale."""
    value = plan.base + func.sum(told.c.points)
    inside = case((value > plan.maximum, plan.maximum), (value < plan.minimum, plan.minimum), else_=value)
    return (
        select(
            told.c.resident_id, func.count() + 1, cast(inside - value, Integer), literal(""), literal(CLAMP), null(),
            literal(100), literal(""), null(), null(),
        )
        .group_by(told.c.resident_id)
        .having((value > plan.maximum) | (value < plan.minimum))
    )  # fmt: skip


# --- rendered, with what surrounds it ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Statements:
    """A plan's statements in one dialect, rendered once: their text is short to look up and the policy is no bind."""

    plan: Plan
    dialect: str
    archive: FromClause

    @cached_property
    def sql(self) -> str:
        """The one statement. Binds: ``members``, ``as_of``."""
        dialect = _DIALECTS[self.dialect]
        return str(reasons_select(self.plan, self.archive).compile(dialect=dialect, compile_kwargs=_LITERALLY))

    @cached_property
    def read(self) -> TextClause:
        """Read the reasons of one or more members, with what their records say."""
        told = ", ".join(f"q.{name}" for name in COLUMNS)
        sql = (
            f"SELECT {told}, r.title AS record_title, r.source_name, r.decided_on FROM ({self.sql}) q"  # noqa: S608 - only ids and integers of a linted policy stand in it
            " LEFT JOIN records r ON r.resident_id = q.resident_id AND r.id = q.record_id"
            " ORDER BY q.resident_id, q.position"
        )
        types: dict[str, Any] = {"resident_id": Id, "record_id": Id, "decided_on": Date, "expires_on": Date}
        return self._bound(sql).columns(**types, changes_on=Date)  # type: ignore[return-value]

    @cached_property
    def clear(self) -> TextClause:
        return self._bound(f"DELETE FROM score_reasons WHERE {self._is_member('resident_id')}")  # noqa: S608 - only ids and integers of a linted policy stand in it

    @cached_property
    def fill(self) -> TextClause:
        return self._bound(f"INSERT INTO score_reasons ({', '.join(COLUMNS)}) {self.sql}")  # noqa: S608 - only ids and integers of a linted policy stand in it

    @cached_property
    def remember(self) -> TextClause:
        """A line of history for each member whose number or level differs from the one that stands."""
        made = "gen_random_uuid()" if self.dialect == "postgresql" else "lower(hex(randomblob(16)))"
        return self._bound(
            "INSERT INTO score_history (resident_id, id, value, level_id, previous_value, policy_version, as_of_on,"  # noqa: S608 - as above
            f" cause, record_id, at) {self._judged} SELECT j.resident_id, {made}, j.value, j.level_id, s.value,"
            " :policy_version, :as_of, :cause, :record_id, :at"
            " FROM judged j LEFT JOIN scores s ON s.resident_id = j.resident_id"
            " WHERE s.resident_id IS NULL OR s.value <> j.value OR s.level_id <> j.level_id"
        )

    @cached_property
    def settle(self) -> TextClause:
        """The members' scores out of their reasons."""
        told = ("value", "level_id", "policy_version", "as_of_on", "next_change_on", "computed_at")
        return self._bound(
            f"INSERT INTO scores (resident_id, {', '.join(told)}) {self._judged}"  # noqa: S608 - only ids and integers of a linted policy stand in it
            " SELECT j.resident_id, j.value, j.level_id, :policy_version, :as_of, j.next_change_on, :at"
            " FROM judged j WHERE true ON CONFLICT (resident_id) DO UPDATE SET "
            + ", ".join(f"{name} = excluded.{name}" for name in told)
        )

    @property
    def _judged(self) -> str:
        levels = " ".join(f"WHEN value >= {level.from_value} THEN '{level.id}'" for level in reversed(self.plan.levels))
        listed = {"postgresql": "SELECT unnest(:members) AS resident_id",
                  "sqlite": "SELECT value AS resident_id FROM json_each(:members)"}[self.dialect]  # fmt: skip
        return (
            f"WITH members AS ({listed}), totals AS (SELECT m.resident_id,"  # noqa: S608 - only ids and integers of a linted policy stand in it
            f" {self.plan.base} + coalesce(sum(r.points), 0) AS value, min(r.changes_on) AS next_change_on"
            " FROM members m LEFT JOIN score_reasons r ON r.resident_id = m.resident_id GROUP BY m.resident_id),"
            f" judged AS (SELECT totals.*, CASE {levels} END AS level_id FROM totals)"
        )

    def _is_member(self, name: str) -> str:
        return str(is_member(literal_column(name)).compile(dialect=_DIALECTS[self.dialect]))

    def _bound(self, sql: str) -> TextClause:
        used = [param for param in self._params if f":{param.key}" in sql]
        return text(sql).bindparams(*used)

    @cached_property
    def _params(self) -> list[Any]:
        listed: Any = postgresql.ARRAY(Id) if self.dialect == "postgresql" else String()
        types = {"members": listed, "as_of": Date(), "at": UtcDateTime(), "cause": String(),
                 "record_id": Id, "policy_version": String()}  # fmt: skip
        return [bindparam(name, type_=kind) for name, kind in types.items()]

    def members(self, resident_ids: Collection[UUID]) -> Any:
        """The value of the bind ``members``."""
        if self.dialect == "postgresql":
            return list(resident_ids)
        return json.dumps([resident_id.hex for resident_id in resident_ids])


_DIALECTS: dict[str, Any] = {
    "postgresql": postgresql.dialect(paramstyle="named"),
    "sqlite": sqlite.dialect(paramstyle="named"),
}
_LITERALLY = {"literal_binds": True}
