"""What ties a running stay to its driver, and its end."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.parking import rules
from backend.parking.models import operators, stays, tickets


def unlink(session: Session, resident_id: UUID, plate_id: UUID | None = None, partner_id: UUID | None = None) -> None:
    """Her running stays (of one plate, at one operator) are no longer hers to any car park: tickets forget her."""
    mine = [stays.c.resident_id == resident_id, stays.c.state == rules.INSIDE]
    if plate_id is not None:
        mine.append(stays.c.plate_id == plate_id)
    if partner_id is not None:
        mine.append(stays.c.partner_id == partner_id)
    running = session.execute(select(stays.c.id, stays.c.venue_id, stays.c.ticket).where(*mine)).all()
    for row in sorted(running, key=lambda each: (each.venue_id, each.ticket)):
        this = (tickets.c.venue_id == row.venue_id, tickets.c.ticket == row.ticket, tickets.c.stay_id == row.id)
        session.execute(update(tickets).where(*this).values(resident_id=None))
    if running:
        session.execute(update(stays).where(*mine).values(state=rules.UNLINKED))


def on_consent_changed(session: Session, news: dict[str, Any]) -> None:
    """The general consent was withdrawn: whatever was allowed to any operator ends with it, at once."""
    if news["purpose"] != "parking" or news["granted"]:
        return
    resident_id = UUID(news["resident_id"])
    mine = (operators.c.resident_id == resident_id, operators.c.granted)
    session.execute(update(operators).where(*mine).values(granted=False))
    unlink(session, resident_id)
