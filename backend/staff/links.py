"""One-time links: made, found by their token, listed, revoked."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, insert, select, tuple_, update
from sqlalchemy.orm import Session

from backend.kit import clock
from backend.kit.db import Reader, for_update
from backend.kit.ids import new_id
from backend.staff import rules
from backend.staff.errors import InvitationAwaits, InvitationNotValid
from backend.staff.models import InvitationRow

_TOKEN = re.compile(r"xi1\.[A-Za-z0-9_-]{43}")
_base_url = ""


def bind(base_url: str) -> None:
    """Where the page lies that opens links; the composition root says."""
    global _base_url
    _base_url = base_url


@dataclass(frozen=True)
class NewLink:
    """A link that was just made; ``link`` is nowhere else."""

    id: UUID
    link: str = field(repr=False)
    expires_at: datetime
    approval_id: UUID | None = None


@dataclass(frozen=True)
class Invitation:
    """What a link that still works is for."""

    id: UUID
    kind: str
    staff_id: UUID | None
    username: str
    display_name: str
    roles: tuple[tuple[str, UUID], ...]
    resident_id: UUID | None
    created_by: UUID
    expires_at: datetime

    @property
    def renews_authenticator(self) -> bool:
        return self.kind != "password"

    @property
    def subject(self) -> UUID:
        """Whose guesses are counted together."""
        return self.staff_id or self.id


def make(
    session: Session,
    kind: str,
    by: UUID,
    username: str,
    display_name: str,
    *,
    roles: Sequence[tuple[str, UUID]] = (),
    staff_id: UUID | None = None,
    resident_id: UUID | None = None,
) -> NewLink:
    """A one-time link of 72 hours. The token stands behind ``#``, so that no server and no proxy ever logs it."""
    token, identity, now = f"xi1.{secrets.token_urlsafe(32)}", new_id(), clock.now()
    ends_at = now + timedelta(hours=rules.INVITATION_HOURS)
    session.execute(
        insert(InvitationRow).values(
            id=identity, token_digest=_digest(token), kind=kind, staff_id=staff_id, username=username,
            display_name=display_name, roles=[[role, str(where)] for role, where in roles], resident_id=resident_id,
            created_by=by, created_at=now, expires_at=ends_at, used_at=None, revoked_at=None, awaits_approval_id=None,
        )
    )  # fmt: skip
    return NewLink(identity, f"{_base_url}/app/staff#join={token}", ends_at)


def _digest(token: str) -> bytes:
    """A plain digest is enough: the token is 256 random bits, which nobody can search through."""
    return hashlib.sha256(token.encode()).digest()


def _open() -> tuple[ColumnElement[bool], ...]:
    return (
        InvitationRow.used_at.is_(None),
        InvitationRow.revoked_at.is_(None),
        InvitationRow.expires_at > clock.now(),
    )


def find(reader: Reader, token: str, *, lock: bool = False) -> Invitation:
    """What a link that works is for. Raises InvitationNotValid for every other text, and InvitationAwaits."""
    if not _TOKEN.fullmatch(token):
        raise InvitationNotValid()
    return _found(reader, InvitationRow.token_digest == _digest(token), lock)


def find_by_id(session: Session, invitation_id: UUID) -> Invitation:
    """The same for a link that was opened before, held until the transaction ends."""
    return _found(session, InvitationRow.id == invitation_id, True)


def _found(reader: Reader, this: ColumnElement[bool], lock: bool) -> Invitation:
    statement = select(InvitationRow.__table__).where(this, *_open())
    row = reader.execute(for_update(statement) if lock else statement).first()
    if row is None:
        raise InvitationNotValid()
    if row.awaits_approval_id is not None:
        raise InvitationAwaits(
            "须由项目办公室的另一个人批准；批准以后，同一个链接就能用了。",
            "A second person at the programme office has to approve it; the same link works once that is done.",
        )
    roles = tuple((str(role), UUID(where)) for role, where in row.roles)
    return Invitation(
        row.id, row.kind, row.staff_id, row.username, row.display_name, roles, row.resident_id, row.created_by,
        row.expires_at,
    )  # fmt: skip


def use(session: Session, invitation: Invitation) -> None:
    """A link works once. Raises InvitationNotValid when another was faster."""
    good = (InvitationRow.id == invitation.id, InvitationRow.awaits_approval_id.is_(None), *_open())
    this = update(InvitationRow).where(*good).values(used_at=clock.now())
    if session.execute(this.returning(InvitationRow.id)).first() is None:
        raise InvitationNotValid()


def hold(session: Session, made: NewLink, approval_id: UUID, until: datetime) -> NewLink:
    """Let a link that was just made not work before a second person approves, nor after ``until``."""
    held = update(InvitationRow).where(InvitationRow.id == made.id)
    session.execute(held.values(awaits_approval_id=approval_id, expires_at=until))
    return replace(made, approval_id=approval_id, expires_at=until)


def release(session: Session, invitation_id: UUID, approval_id: UUID) -> datetime:
    """Let a held link work from now on, and say until when. Raises InvitationNotValid when it is void meanwhile."""
    ends_at = clock.now() + timedelta(hours=rules.INVITATION_HOURS)
    held = (InvitationRow.id == invitation_id, InvitationRow.awaits_approval_id == approval_id, *_open())
    free = update(InvitationRow).where(*held).values(awaits_approval_id=None, expires_at=ends_at)
    if session.execute(free.returning(InvitationRow.id)).first() is None:
        raise InvitationNotValid()
    return ends_at


def held_by(reader: Reader, invitation_id: UUID) -> UUID | None:
    """The proposal that an open link waits for, if any."""
    this = (InvitationRow.id == invitation_id, *_open())
    return reader.execute(select(InvitationRow.awaits_approval_id).where(*this)).scalar()


def held_for(reader: Reader, staff_id: UUID) -> list[UUID]:
    """The proposals that open links of an account wait for."""
    this = (InvitationRow.staff_id == staff_id, InvitationRow.awaits_approval_id.is_not(None), *_open())
    return [one for one in reader.execute(select(InvitationRow.awaits_approval_id).where(*this)).scalars() if one]


def used_since(reader: Reader, staff_id: UUID, since: datetime) -> bool:
    """Whether an account took new credentials by a link after an instant."""
    this = (InvitationRow.staff_id == staff_id, InvitationRow.used_at > since)
    return reader.execute(select(InvitationRow.id).where(*this)).first() is not None


def was_used(reader: Reader, invitation_id: UUID) -> bool:
    """Whether somebody has accepted a link."""
    this = (InvitationRow.id == invitation_id, InvitationRow.used_at.is_not(None))
    return reader.execute(select(InvitationRow.id).where(*this)).first() is not None


def person_of(reader: Reader, invitation_id: UUID) -> UUID | None:
    """The natural person whom an invitation is for, where known."""
    return reader.execute(select(InvitationRow.resident_id).where(InvitationRow.id == invitation_id)).scalar()


def username_is_invited(reader: Reader, username: str) -> bool:
    """Whether an open link would make an account of this name."""
    this = (InvitationRow.username == username, InvitationRow.kind == "join")
    return reader.execute(select(InvitationRow.id).where(*this, *_open())).first() is not None


def open_links(reader: Reader, limit: int, after: tuple[datetime, UUID] | None = None) -> list[Row[Any]]:
    """Links that still work, the newest first."""
    place = tuple_(InvitationRow.created_at, InvitationRow.id)
    statement = select(InvitationRow.__table__).where(*_open())
    statement = statement.where(place < after) if after else statement
    ordered = statement.order_by(InvitationRow.created_at.desc(), InvitationRow.id.desc())
    return list(reader.execute(ordered.limit(limit)))


def revoke(session: Session, invitation_id: UUID) -> bool:
    """Void an open link; False when there is none."""
    return _revoke(session, InvitationRow.id == invitation_id) == 1


def revoke_made_by(session: Session, staff_id: UUID) -> int:
    """Void what somebody made who may no longer: whoever leaves keeps no door open."""
    return _revoke(session, InvitationRow.created_by == staff_id)


def revoke_made_for(session: Session, staff_id: UUID) -> int:
    """Void the reset links of an account."""
    return _revoke(session, InvitationRow.staff_id == staff_id)


def _revoke(session: Session, this: ColumnElement[bool]) -> int:
    voided = update(InvitationRow).where(this, *_open()).values(revoked_at=clock.now()).returning(InvitationRow.id)
    return len(session.execute(voided).all())
