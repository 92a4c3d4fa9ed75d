"""Who has looked at a person's data: written down first, read by the person, searched by the auditor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Select, Table, func, insert, select, tuple_
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.consents import rules
from backend.consents.models import AccessLogRow
from backend.kit import clock
from backend.kit.db import Reader
from backend.kit.evidence import Evidence
from backend.kit.ids import new_id

ROLES = accounts.ROLES | {"guardian": "监护人", "helper": "窗口代办"}
"""Under which name whoever looked is shown."""
KEPT_YEARS = 10
"""How long a look is kept where the city says nothing else (浙江的做法)."""
EVIDENCE = Evidence(cast(Table, AccessLogRow.__table__), ("resident_id", "id"))


def record_look(
    session: Session,
    resident_id: UUID,
    actor_id: UUID,
    role: str,
    purpose: str,
    fields: Sequence[str],
    basis: str,
    organisation_id: UUID | None = None,
    *,
    authorisation: str,
) -> UUID:
    """Write down, before showing it, that someone looks at a person's data.

    ``purpose``: why, in Chinese, for the person to read. ``fields``: what, as names of ``rules.FIELD_WORDS``.
    ``basis``: the law, the consent or the case that allows it, in words. ``organisation_id``: on whose
    behalf. ``authorisation``: which one exactly, as ``kind:number``, e.g. ``consent:community:<id>``,
    ``case:<number>``, ``document:<number>``, ``delegation:<id>``, ``approval:<id>``, ``presence:<what showed it>``;
    never a name. Raises ValueError without one.
    """
    if not rules.is_authorisation(authorisation):
        raise ValueError("a look rests on an authorisation, written kind:number")
    look_id = new_id()
    session.execute(
        insert(AccessLogRow).values(
            resident_id=resident_id, id=look_id, at=clock.now(), actor_id=actor_id, role=role,
            organisation_id=organisation_id, purpose=purpose, fields=list(fields), basis=basis,
            authorisation=authorisation,
        )
    )  # fmt: skip
    return look_id


@dataclass(frozen=True)
class Look:
    """One look: who (``actor``, ``role``), on whose behalf (``organisation``), when, why, at what, on what ground.

    ``fields`` and ``authorisation`` in Chinese words; ``field_ids`` and ``authorisation_id`` as the log has them.
    """

    id: UUID
    at: datetime
    actor: str
    role: str
    organisation: str | None
    purpose: str
    fields: list[str]
    field_ids: list[str]
    basis: str
    authorisation: str | None
    authorisation_id: str | None


def looks(reader: Reader, resident_id: UUID, limit: int, before: tuple[datetime, UUID] | None = None) -> list[Look]:
    """Up to ``limit`` looks at a person, the newest first, those before a position."""
    rows = _newest_first(reader, select(*_COLUMNS).where(AccessLogRow.resident_id == resident_id), limit, before)
    names, places = _names(reader, {row.actor_id for row in rows}), _places(reader, rows)
    return [
        Look(
            row.id, row.at, names.get(row.actor_id, "系统"), ROLES.get(row.role, row.role),
            places.get(row.organisation_id), row.purpose, rules.words_of(row.fields), row.fields, row.basis,
            rules.authorisation_in_words(row.authorisation), row.authorisation,
        )
        for row in rows
    ]  # fmt: skip


def _names(reader: Reader, actor_ids: set[UUID]) -> dict[UUID, str]:
    """What staff are called, and guardians by their masked names."""
    names = accounts.display_names(reader, actor_ids)
    guardians = accounts.people_by_id(reader, actor_ids - set(names))
    return names | {key: known.display_name for key, known in guardians.items()}


def looked_at(reader: Reader, day: date, limit: int, after: UUID | None = None) -> list[tuple[UUID, int]]:
    """Who was looked at on a Shanghai day and how often, up to ``limit`` people by id, those after one."""
    statement = select(AccessLogRow.resident_id, func.count().label("times")).where(
        AccessLogRow.at >= clock.start_of_day(day), AccessLogRow.at < clock.end_of_day(day)
    )
    if after is not None:
        statement = statement.where(AccessLogRow.resident_id > after)
    grouped = statement.group_by(AccessLogRow.resident_id).order_by(AccessLogRow.resident_id).limit(limit)
    return [(row.resident_id, row.times) for row in reader.execute(grouped)]


def on_looked_at(session: Session, news: dict[str, Any]) -> None:
    """A lower room lets its staff look at somebody: write it down in the same transaction."""
    where = news["organisation_id"]
    record_look(
        session, UUID(news["resident_id"]), UUID(news["actor_id"]), news["role"], news["purpose"], news["fields"],
        news["basis"], UUID(where) if where else None, authorisation=news["authorisation"],
    )  # fmt: skip


_COLUMNS = tuple(AccessLogRow.__table__.c)


def _newest_first(
    reader: Reader, found: Select[Any], limit: int, before: tuple[datetime, UUID] | None
) -> Sequence[Any]:
    if before is not None:
        found = found.where(tuple_(AccessLogRow.at, AccessLogRow.id) < before)
    return reader.execute(found.order_by(AccessLogRow.at.desc(), AccessLogRow.id.desc()).limit(limit)).all()


def _places(reader: Reader, rows: Sequence[Any]) -> dict[UUID | None, str]:
    """The names of the organisations on whose behalf the looks were."""
    wanted = {row.organisation_id for row in rows if row.organisation_id}
    return {known.id: known.name for known in accounts.organisations(reader, wanted)} if wanted else {}


# --- for the auditor ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """What an auditor searches for. None: whatever it is. ``from_at`` is included, ``until_at`` is not."""

    resident_id: UUID | None = None
    actor_id: UUID | None = None
    organisation_id: UUID | None = None
    purpose: str | None = None
    from_at: datetime | None = None
    until_at: datetime | None = None


@dataclass(frozen=True)
class LookFound:
    """One look as the auditor sees it: ids and an organisation's name, nobody's. ``batch``: the seal that covers it."""

    id: UUID
    at: datetime
    resident_id: UUID
    actor_id: UUID
    role: str
    organisation_id: UUID | None
    organisation: str | None
    purpose: str
    fields: list[str]
    basis: str
    authorisation: str | None
    batch: int | None

    @property
    def role_name(self) -> str:
        """The role in Chinese; one that has no words stands for itself."""
        return ROLES.get(self.role, self.role)

    @property
    def field_words(self) -> list[str]:
        """The fields in Chinese."""
        return rules.words_of(self.fields)

    @property
    def authorisation_words(self) -> str | None:
        """The authorisation as the person reads it."""
        return rules.authorisation_in_words(self.authorisation)


def search_looks(
    reader: Reader, wanted: Wanted, limit: int, before: tuple[datetime, UUID] | None = None
) -> list[LookFound]:
    """Up to ``limit`` looks at anybody, the newest first, those before a position."""
    found = select(*_COLUMNS)
    for name in ("resident_id", "actor_id", "organisation_id", "purpose"):
        if (value := getattr(wanted, name)) is not None:
            found = found.where(getattr(AccessLogRow, name) == value)
    if wanted.from_at is not None:
        found = found.where(AccessLogRow.at >= wanted.from_at)
    if wanted.until_at is not None:
        found = found.where(AccessLogRow.at < wanted.until_at)
    rows = _newest_first(reader, found, limit, before)
    places = _places(reader, rows)
    return [
        LookFound(
            row.id, row.at, row.resident_id, row.actor_id, row.role, row.organisation_id,
            places.get(row.organisation_id), row.purpose, row.fields, row.basis, row.authorisation, row.sealed_in,
        )
        for row in rows
    ]  # fmt: skip
