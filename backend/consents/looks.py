"""Who has looked at a person's data: written down first, read by the person, searched by the auditor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Select, Table, insert, select, tuple_
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.consents.models import AccessLogRow
from backend.kit import clock
from backend.kit.db import Reader
from backend.kit.evidence import Evidence
from backend.kit.ids import new_id

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

    ``purpose``: why, in Chinese, for the person to read. ``fields``: what, as field names. ``basis``: the law, the
    consent or the case that allows it, in words. ``organisation_id``: on whose behalf. ``authorisation``: which one
    exactly, as ``kind:number``, e.g. ``consent:community:<id>``, ``case:<number>``, ``document:<number>``,
    ``delegation:<id>``; never a name. Raises ValueError without one.
    """
    if not authorisation:
        raise ValueError("a look rests on an authorisation")
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
    """One look: who (``actor``, ``role``, ``organisation`` by name), when, why, at what, on what ground."""

    id: UUID
    at: datetime
    actor: str
    role: str
    organisation: str | None
    purpose: str
    fields: list[str]
    basis: str
    authorisation: str | None


def looks(reader: Reader, resident_id: UUID, limit: int, before: tuple[datetime, UUID] | None = None) -> list[Look]:
    """Up to ``limit`` looks at a person, the newest first, those before a position."""
    rows = _newest_first(reader, select(*_COLUMNS).where(AccessLogRow.resident_id == resident_id), limit, before)
    names = accounts.display_names(reader, {row.actor_id for row in rows})
    places = _places(reader, rows)
    return [
        Look(
            row.id, row.at, names.get(row.actor_id, "系统"), accounts.ROLES.get(row.role, row.role),
            places.get(row.organisation_id), row.purpose, row.fields, row.basis, row.authorisation,
        )
        for row in rows
    ]  # fmt: skip


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
