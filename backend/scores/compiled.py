"""A scoring policy's statement in its three uses, rendered once for a database.

* **kept**: numbers are computed, compared with what stands, and written where they differ, with a line of history for
  each change: for one resident inside a request, for a list of residents, or for a stretch of keys of the city. On
  PostgreSQL that is one statement; on SQLite, where a round trip costs nothing, the database computes and what
  differs is written row by row.
* **told**: one resident's number taken apart, with consent and what is left out, today or over the archive as it was
  known at an instant.
* **simulated**: what a draft would make of residents, counted and not written.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Date, String, bindparam, insert, literal_column, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from backend.kit.db import Id, Reader, UtcDateTime, insert_of
from backend.kit.ids import new_id
from backend.kit.prepared import Prepared
from backend.records import service as records
from backend.scores import models
from backend.scoring.rules import Plan
from backend.scoring.statement import ARCHIVE, REASON_COLUMNS, TOLD_ORDER, Text, quoted

PURPOSE = "score"
WHOSE = {
    "one": "{0}.resident_id = :resident",
    "list": "{0}.resident_id {1}",
    "stretch": "{0}.resident_id > :after AND {0}.resident_id <= :upto",
}
"""Of whom, as a condition on a table."""

KEPT = ("value", "level_id", "policy_version", "as_of_on", "next_change_on", "computed_at")
HISTORY = ("resident_id", "id", "value", "level_id", "previous_value", "policy_version", "as_of_on", "cause",
           "record_id", "at")  # fmt: skip
_TYPES: dict[str, Any] = {
    "resident": Id, "after": Id, "upto": Id, "record_id": Id, "as_of": Date(), "at": UtcDateTime(),
    "known_at": UtcDateTime(), "cause": String(), "text_version": String(),
    "base_version": String(),
}  # fmt: skip
_COLUMNS: dict[str, Any] = {
    "record_id": Id, "resident_id": Id, "expires_on": Date(), "changes_on": Date(), "decided_on": Date(),
    "next_change_on": Date(), "previous_change_on": Date(),
}  # fmt: skip
_DIALECTS: dict[str, Any] = {
    "postgresql": postgresql.dialect(paramstyle="named"),
    "sqlite": sqlite.dialect(paramstyle="named"),
}


@dataclass(frozen=True)
class Act:
    """What a computation is of and why. ``text_version``: of the consent in force; whoever gave another is left out."""

    as_of: date
    at: datetime
    text_version: str
    cause: str
    record_id: UUID | None = None


class Tried(NamedTuple):
    """So many residents go from one number and level to others. No level to go from: no number stands."""

    from_level: str | None
    from_value: int | None
    to_level: str
    to_value: int
    residents: int


class Done(NamedTuple):
    """How many residents were computed, and how many numbers or levels changed."""

    computed: int
    changed: int


@dataclass(frozen=True)
class Statements:
    """A plan's statements in one dialect."""

    plan: Plan
    dialect: str

    @cached_property
    def _text(self) -> Text:
        return Text(self.plan, self.dialect)

    def _whose(self, kind: str, table: str) -> str:
        return WHOSE[kind].format(table, self._text.say.members)

    def _members(self, kind: str) -> str:
        """The consenting among those asked for; a stretch of the city is of kept scores, whose rows are its lock."""
        kept = (
            f" JOIN scores k ON k.resident_id = c.resident_id AND {self._whose(kind, 'k')}" if kind == "stretch" else ""
        )
        return (
            f"SELECT c.resident_id FROM consents c{kept} WHERE {self._whose(kind, 'c')} AND c.purpose = '{PURPOSE}'"  # noqa: S608 - no value stands in it
            " AND c.granted AND c.text_version = :text_version"
        )

    def _prepared(self, sql: str, *columns: str) -> Prepared:
        listed: Any = postgresql.ARRAY(Id) if self.dialect == "postgresql" else String()
        types = {**_TYPES, "members": listed}
        used = [bindparam(name, type_=kind) for name, kind in types.items() if f":{name}" in sql]
        statement: Any = text(sql).bindparams(*used)
        if columns:
            statement = statement.columns(**{name: _COLUMNS.get(name, String()) for name in columns})
        return Prepared(statement)

    def listed(self, resident_ids: Collection[UUID]) -> Any:
        """The value of the bind ``members``."""
        if self.dialect == "postgresql":
            return list(resident_ids)
        return json.dumps([resident_id.hex for resident_id in resident_ids])

    # --- kept ---

    def hold_list(self, session: Session, resident_ids: Sequence[UUID]) -> None:
        """Hold the kept scores of these residents, by key. SQLite's one writer holds everything already."""
        if self.dialect == "postgresql":
            self._hold_list.first(session, {"members": self.listed(resident_ids)})

    def hold_stretch(self, session: Session, after: UUID, upto: UUID) -> None:
        """As hold_list, from ``after`` (not included) to ``upto``."""
        if self.dialect == "postgresql":
            self._hold_stretch.first(session, {"after": after, "upto": upto})

    @cached_property
    def _hold_list(self) -> Prepared:
        return self._prepared(_HELD.format(self._whose("list", "scores")), "held")

    @cached_property
    def _hold_stretch(self) -> Prepared:
        return self._prepared(_HELD.format(self._whose("stretch", "scores")), "held")

    def keep_one(self, session: Session, resident_id: UUID, act: Act) -> Any:
        """Compute and keep one resident's number: (value, level_id, next_change_on); None without consent."""
        values = {"resident": resident_id, **vars(act)}
        if self.dialect == "postgresql":
            return self._keep_one.first(session, values)
        rows = self._judged_one.rows(session, {name: values[name] for name in ("resident", "as_of", "text_version")})
        self._write(session, rows, act)
        return rows[0] if rows else None

    def keep_list(self, session: Session, resident_ids: Sequence[UUID], act: Act) -> Done:
        """Compute and keep the numbers of those who consent among some thousands of residents."""
        values = {"members": self.listed(resident_ids), **vars(act)}
        if self.dialect == "postgresql":
            return Done(*self._keep_list.first(session, values))
        return self._write(session, self._judged_list.rows(session, _but(values, "at", "cause", "record_id")), act)

    def keep_stretch(self, session: Session, after: UUID, upto: UUID, act: Act) -> Done:
        """Compute anew and keep the scores from ``after`` (not included) to ``upto``."""
        values = {"after": after, "upto": upto, **vars(act)}
        if self.dialect == "postgresql":
            return Done(*self._keep_stretch.first(session, values))
        return self._write(session, self._judged_stretch.rows(session, _but(values, "at", "cause", "record_id")), act)

    @cached_property
    def _keep_one(self) -> Prepared:
        shown = ("value", "level_id", "next_change_on")
        return self._prepared(self._keeping("one", "SELECT value, level_id, next_change_on FROM judged"), *shown)

    @cached_property
    def _keep_list(self) -> Prepared:
        return self._prepared(self._keeping("list", _COUNTED), "computed", "changed")

    @cached_property
    def _keep_stretch(self) -> Prepared:
        return self._prepared(self._keeping("stretch", _COUNTED), "computed", "changed")

    def _keeping(self, kind: str, shown: str) -> str:
        """On PostgreSQL: compute, compare, write. The rows are written in the order of keys, as they are locked."""
        version = quoted(self.plan.version)
        fresh = ", ".join(f"{name} = excluded.{name}" for name in KEPT)
        return (
            f"WITH {self._text.judged(self._members(kind), self._whose(kind, 'r'))},"  # noqa: S608 - only ids and integers of a linted policy stand in it
            " moved AS MATERIALIZED (SELECT j.*, s.value AS previous_value, s.level_id AS previous_level_id"
            f" FROM judged j LEFT JOIN scores s ON s.resident_id = j.resident_id AND {self._whose(kind, 's')}"
            " WHERE s.resident_id IS NULL"
            f" OR s.value <> j.value OR s.level_id <> j.level_id OR s.policy_version <> {version}"
            " OR s.next_change_on IS DISTINCT FROM j.next_change_on),"
            f" kept AS (INSERT INTO scores (resident_id, {', '.join(KEPT)}) SELECT resident_id, value, level_id,"
            f" {version}, CAST(:as_of AS date), next_change_on, CAST(:at AS timestamptz) FROM moved"
            f" ORDER BY resident_id ON CONFLICT (resident_id) DO UPDATE SET {fresh}),"
            f" noted AS (INSERT INTO score_history ({', '.join(HISTORY)}) SELECT resident_id, gen_random_uuid(), value,"
            f" level_id, previous_value, {version}, CAST(:as_of AS date), :cause, CAST(:record_id AS uuid),"
            " CAST(:at AS timestamptz) FROM moved WHERE previous_value IS NULL OR previous_value <> value"
            f" OR previous_level_id <> level_id RETURNING 1) {shown}"
        )

    @cached_property
    def _judged_one(self) -> Prepared:
        return self._judged("one")

    @cached_property
    def _judged_list(self) -> Prepared:
        return self._judged("list")

    @cached_property
    def _judged_stretch(self) -> Prepared:
        return self._judged("stretch")

    def _judged(self, kind: str) -> Prepared:
        """On SQLite: the numbers beside what stands."""
        columns = ("value", "level_id", "next_change_on", "resident_id", "previous_value", "previous_level_id",
                   "previous_version", "previous_change_on")  # fmt: skip
        sql = (
            f"WITH {self._text.judged(self._members(kind), self._whose(kind, 'r'))}"  # noqa: S608 - as above
            " SELECT j.value, j.level_id, j.next_change_on, j.resident_id, s.value, s.level_id, s.policy_version,"
            " s.next_change_on FROM judged j LEFT JOIN scores s ON s.resident_id = j.resident_id"
        )
        return self._prepared(sql, *columns)

    def _write(self, session: Session, rows: Sequence[Any], act: Act) -> Done:
        stood = (self.plan.version, act.as_of, act.at)
        changed = 0
        for row in rows:
            new = row.previous_value is None
            if not new and (row.value, row.level_id) == (row.previous_value, row.previous_level_id):
                if (self.plan.version, row.next_change_on) == (row.previous_version, row.previous_change_on):
                    continue
            else:
                changed += 1
                line = (row.resident_id, new_id(), row.value, row.level_id, row.previous_value, *stood[:2], act.cause,
                        act.record_id, act.at)  # fmt: skip
                _NOTE.run(session, dict(zip(HISTORY, line, strict=True)))
            kept = (row.value, row.level_id, *stood[:2], row.next_change_on, act.at)
            _SET.run(session, {"resident_id": row.resident_id, **dict(zip(KEPT, kept, strict=True))})
        return Done(len(rows), changed)

    # --- told ---

    @cached_property
    def today(self) -> Prepared:
        """A row of REASON_COLUMNS for each reason of ``resident``; one of nulls where there is none; no row without
        consent. Binds: ``resident``, ``as_of``, ``text_version``."""
        return self._told(ARCHIVE)

    @cached_property
    def known(self) -> Prepared:
        """The same over the archive as it was ``known_at``."""
        known: Any = records.archive_known_at(literal_column(":known_at"))
        return self._told(f"({known.element.compile(dialect=_DIALECTS[self.dialect])})")

    def _told(self, archive: str) -> Prepared:
        sql = (
            f"WITH given AS ({self._members('one')}), {self._text.reasons(archive)}"  # noqa: S608 - as above
            f" SELECT {', '.join(f'q.{name}' for name in REASON_COLUMNS)} FROM given LEFT JOIN told q ON true"
            f" ORDER BY {TOLD_ORDER}"
        )
        return self._prepared(sql, *REASON_COLUMNS)

    # --- simulated ---

    def simulate(
        self, reader: Reader, resident_ids: Sequence[UUID], as_of: date, text_version: str, base_version: str
    ) -> list[Tried]:
        """What becomes of those who consent. What stands counts if it is of ``base_version`` and of today. Writes
        nothing."""
        told = {"members": self.listed(resident_ids), "as_of": as_of, "text_version": text_version,
                "base_version": base_version}  # fmt: skip
        return [Tried(*row) for row in self._simulated.rows(reader, told)]

    @cached_property
    def _simulated(self) -> Prepared:
        sql = (
            f"WITH {self._text.judged(self._members('list'), self._whose('list', 'r'))}"  # noqa: S608 - as above
            " SELECT s.level_id, s.value, j.level_id, j.value, count(*) FROM judged j"
            f" LEFT JOIN scores s ON s.resident_id = j.resident_id AND {self._whose('list', 's')}"
            " AND s.policy_version = :base_version AND (s.next_change_on IS NULL OR s.next_change_on > :as_of)"
            " GROUP BY s.level_id, s.value, j.level_id, j.value"
        )
        return self._prepared(sql, *Tried._fields)


def _but(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


_HELD = "SELECT count(*) FROM (SELECT 1 FROM scores WHERE {} ORDER BY resident_id FOR NO KEY UPDATE) held"
_COUNTED = "SELECT (SELECT count(*) FROM members), (SELECT count(*) FROM noted)"
_NOTE = Prepared(insert(models.history))
_SET = Prepared(
    lambda dialect: insert_of(dialect, models.scores).on_conflict_do_update(
        index_elements=["resident_id"], set_={name: literal_column(f"excluded.{name}") for name in KEPT}
    )
)
