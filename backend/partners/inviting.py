"""Links by which a partner's people come in: made when they are fetched, so that no secret waits in the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Table, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.approvals.service import Actor
from backend.kit.db import Reader
from backend.partners.errors import InvitationUsed
from backend.staff import service as staff
from backend.staff.service import Invited, NewLink, Orderer

ROLE = "partner-manager"


@dataclass(frozen=True)
class Named:
    """Who comes in, and for which organisation."""

    username: str
    display_name: str
    organisation_id: UUID


def state(reader: Reader, is_due: bool, row: Row[Any]) -> str:
    """``none`` before it was approved, ``due``, ``drawn`` while a link is out (another may be drawn), ``used``."""
    if not is_due:
        return "none"
    if row.invitation_id is None:
        return "due"
    return "used" if staff.was_used(reader, row.invitation_id) else "drawn"


def draw(session: Session, table: Table, row: Row[Any], by: Actor, named: Named) -> NewLink:
    """Make a one-time link and void the one before. ``row``: of ``table``, locked; its ``invitation_id`` is renewed.

    ``by``: in whose name it is made; it is void when that account is suspended. Raises InvitationUsed, UsernameTaken.
    """
    orderer = Orderer(by.account_id, by.role, by.person_id)
    if row.invitation_id is not None:
        if staff.was_used(session, row.invitation_id):
            raise InvitationUsed()
        staff.drop_link(session, orderer, row.invitation_id)
    invited = Invited(named.username, named.display_name, [(ROLE, named.organisation_id)])
    made = staff.invite(session, orderer, invited)
    session.execute(update(table).where(table.c.id == row.id).values(invitation_id=made.id))
    return made


def free_username(reader: Reader, organisation_id: UUID) -> str:
    """A sign-in name for an organisation's first manager: its slug and a number. She is shown it with the link."""
    stem = accounts.organisation(reader, organisation_id).slug[:30].rstrip("-")
    names = (f"{stem}.{n}" for n in range(1, 1_000))
    return next(name for name in names if accounts.credentials(reader, username=name) is None)
