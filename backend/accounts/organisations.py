"""Organisations: the programme office, departments, communities, partners, markets."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.accounts.errors import AccountRefused
from backend.accounts.models import OrganisationRow
from backend.accounts.rules import ORGANISATION_KINDS
from backend.kit import clock
from backend.kit.db import Reader, insert_if_absent
from backend.kit.errors import NotFound
from backend.kit.ids import new_id


@dataclass(frozen=True)
class Organisation:
    id: UUID
    slug: str
    kind: str
    name: str
    unified_social_credit_code: str | None


_COLUMNS = (
    OrganisationRow.id,
    OrganisationRow.slug,
    OrganisationRow.kind,
    OrganisationRow.name,
    OrganisationRow.unified_social_credit_code,
)


def ensure_organisation(session: Session, slug: str, kind: str, name: str, code: str | None = None) -> UUID:
    """The organisation called ``slug``, made or brought up to date. ``code``: unified social credit code.

    Raises AccountRefused when ``kind`` is none of office, department, community, partner, market, or differs from
    what the organisation already is.
    """
    if kind not in ORGANISATION_KINDS:
        raise AccountRefused(f"没有这种单位：{kind}", problems=[f"kind: {kind}"])
    values: dict[str, Any] = dict(kind=kind, name=name, unified_social_credit_code=code or None)
    made_id = new_id()
    if insert_if_absent(session, OrganisationRow, {**values, "id": made_id, "slug": slug, "created_at": clock.now()},
                        ("slug",)):  # fmt: skip
        return made_id
    known = session.execute(select(*_COLUMNS).where(OrganisationRow.slug == slug)).one()
    if known.kind != kind:
        raise AccountRefused(f"{slug} 已是另一种单位：{known.kind}", problems=[f"slug: {slug}"])
    if (known.name, known.unified_social_credit_code) != (name, code or None):
        session.execute(update(OrganisationRow).where(OrganisationRow.id == known.id).values(**values))
    organisation_id: UUID = known.id
    return organisation_id


def organisation(reader: Reader, organisation_id: UUID) -> Organisation:
    """One organisation. Raises NotFound."""
    row = reader.execute(select(*_COLUMNS).where(OrganisationRow.id == organisation_id)).first()
    if row is None:
        raise NotFound()
    return Organisation(*row)


def organisation_by_slug(reader: Reader, slug: str) -> Organisation:
    """One organisation by its slug. Raises NotFound."""
    row = reader.execute(select(*_COLUMNS).where(OrganisationRow.slug == slug)).first()
    if row is None:
        raise NotFound()
    return Organisation(*row)


def organisations(reader: Reader, ids: Collection[UUID] | None = None, kind: str | None = None) -> list[Organisation]:
    """Organisations by id or by kind, all of them when neither is given, by name."""
    statement = select(*_COLUMNS).order_by(OrganisationRow.name, OrganisationRow.id)
    if ids is not None:
        statement = statement.where(OrganisationRow.id.in_(ids))
    if kind is not None:
        statement = statement.where(OrganisationRow.kind == kind)
    return [Organisation(*row) for row in reader.execute(statement)]
