"""Contacts of applications under the master key of today."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.kit import rotation, seal
from backend.kit.rotation import Progress
from backend.partners.models import applications

_BOUND = {"table": applications.name, "column": "contact_sealed"}


def rewrap_contacts(session: Session, after: UUID | None, limit: int) -> Progress:
    """Seal the contacts of the next applications under the current master key."""
    query = select(applications.c.id, applications.c.contact_sealed).where(applications.c.contact_sealed.is_not(None))
    if after is not None:
        query = query.where(applications.c.id > after)
    rows = session.execute(query.order_by(applications.c.id).limit(limit)).all()
    changed = 0
    for row in rows:
        if seal.current().is_current(row.contact_sealed):
            continue
        new: Any = seal.seal_system(seal.open_system(row.contact_sealed, **_BOUND, row=row.id), **_BOUND, row=row.id)
        this = (applications.c.id == row.id, applications.c.contact_sealed == row.contact_sealed)
        told = update(applications).where(*this).values(contact_sealed=new).returning(applications.c.id)
        changed += session.execute(told).first() is not None
    return Progress(rows[-1].id if len(rows) == limit else None, len(rows), changed)


def register() -> None:
    """Tell the kit what this room keeps under the master key."""
    each = rotation.Pass("合作申请的联系人", ("partner_applications.contact_sealed",), rewrap_contacts)
    rotation.rewraps("partners.contacts", each)
