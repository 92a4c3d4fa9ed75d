"""Sessions: opened by a sign-in, carried on by refreshing, ended by whoever may.

Whether an account, a device or a session still stands is asked anew with every request, in the one statement that
also says who is asking.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, insert, select, update
from sqlalchemy.orm import Session

from backend.accounts import rules, tokens
from backend.accounts.errors import RefreshRefused
from backend.accounts.models import (
    DeviceRow,
    MembershipRow,
    RefreshTokenRow,
    SessionRow,
    StaffRow,
    WechatAccountRow,
)
from backend.kit import city, clock
from backend.kit.db import Reader
from backend.kit.ids import new_id
from backend.kit.prepared import Prepared

STAFF_HOURS = 12
"""Staff prove themselves anew each working day, however often they refresh."""
DEVICE_DAYS = 30
RESIDENT_DAYS = 30
"""Where the city's ``limits.refresh_days`` says nothing else."""


@dataclass(frozen=True)
class SignedIn:
    """Who holds a session that stands. ``roles``: (role, organisation id) of staff; ``person_id``: the person who is
    that staff member, where known. It opens nothing: whoever works here is a resident only by the way residents take.
    """

    kind: str
    account_id: UUID
    session_id: UUID
    display_name: str
    resident_id: UUID | None = None
    roles: tuple[tuple[str, UUID], ...] = ()
    organisation_id: UUID | None = None
    device_id: UUID | None = None
    venue_id: UUID | None = None
    person_id: UUID | None = None


@dataclass(frozen=True)
class OpenSession:
    """A session that stands, as its owner sees it. ``agent``: a few words about browser or phone."""

    id: UUID
    kind: str
    agent: str | None
    created_at: datetime
    refreshed_at: datetime | None
    expires_at: datetime


@dataclass(frozen=True)
class Grant:
    """What a sign-in or a refresh gives; the tokens themselves are nowhere else."""

    access_token: str
    refresh_token: str
    expires_in: int
    who: SignedIn


def _standing() -> tuple[Any, ...]:
    return (
        SessionRow.account_id == bindparam("account_id"),
        SessionRow.id == bindparam("session_id"),
        SessionRow.kind == bindparam("kind"),
        SessionRow.ended_at.is_(None),
        SessionRow.expires_at > bindparam("now"),
    )


_WHO = {
    "resident": Prepared(
        select(WechatAccountRow.resident_id)
        .join(SessionRow, SessionRow.account_id == WechatAccountRow.id)
        .where(WechatAccountRow.status == "active", *_standing())
    ),
    "staff": Prepared(
        select(StaffRow.display_name, StaffRow.resident_id, MembershipRow.role, MembershipRow.organisation_id)
        .join(SessionRow, SessionRow.account_id == StaffRow.id)
        .outerjoin(MembershipRow, MembershipRow.staff_id == StaffRow.id)
        .where(StaffRow.status == "active", *_standing())
        .order_by(MembershipRow.role, MembershipRow.organisation_id)
    ),
    "device": Prepared(
        select(DeviceRow.label, DeviceRow.organisation_id, DeviceRow.venue_id)
        .join(SessionRow, SessionRow.account_id == DeviceRow.id)
        .where(DeviceRow.status == "active", *_standing())
    ),
}


def who(reader: Reader, claims: tokens.Claims) -> SignedIn | None:
    """Who a token's session belongs to now; None when session or account no longer stands. One statement."""
    values = {**vars(claims), "now": clock.now()}
    rows = _WHO[claims.kind].rows(reader, values)
    return _signed_in(claims, rows) if rows else None


def _signed_in(claims: tokens.Claims, rows: Sequence[Any]) -> SignedIn:
    first, ids = rows[0], (claims.kind, claims.account_id, claims.session_id)
    if claims.kind == "resident":
        return SignedIn(*ids, display_name="", resident_id=first.resident_id)
    if claims.kind == "staff":
        roles = tuple((row.role, row.organisation_id) for row in rows if row.role is not None)
        return SignedIn(*ids, display_name=first.display_name, roles=roles, person_id=first.resident_id)
    return SignedIn(
        *ids, display_name=first.label, organisation_id=first.organisation_id, device_id=claims.account_id,
        venue_id=first.venue_id,
    )  # fmt: skip


def resolve(reader: Reader, token: str) -> SignedIn | None:
    """Who an access token stands for; None when it is not genuine, has ended, or its session or account has."""
    claims = tokens.read_access_token(token)
    return who(reader, claims) if claims else None


def who_now(session: Session, kind: str, account_id: UUID, session_id: UUID) -> SignedIn | None:
    """Who a session stands for at this moment of a transaction, and keep it from ending until that is over.

    None when it has ended meanwhile: what was done in its name must not be kept.
    """
    this = (SessionRow.account_id == account_id, SessionRow.id == session_id)
    session.execute(select(SessionRow.id).where(*this).with_for_update(read=True))
    return who(session, tokens.Claims(kind, account_id, session_id))


def _lifetime(reader: Reader, kind: str) -> timedelta:
    if kind == "staff":
        return timedelta(hours=STAFF_HOURS)
    if kind == "device":
        return timedelta(days=DEVICE_DAYS)
    try:
        limits = city.get(reader, "city").content.get("limits", {})
    except city.CityMissing:
        limits = {}
    return timedelta(days=int(limits.get("refresh_days", RESIDENT_DAYS)))


def open_session(session: Session, kind: str, account_id: UUID, user_agent: str = "") -> Grant:
    """Begin a session for an account that has just proved itself. Of ``user_agent`` two words are kept."""
    now, session_id = clock.now(), new_id()
    session.execute(
        insert(SessionRow).values(
            account_id=account_id, id=session_id, kind=kind, created_at=now, ended_at=None, ended_because="",
            expires_at=now + _lifetime(session, kind), agent=rules.agent_summary(user_agent), refreshed_at=None,
        )
    )  # fmt: skip
    return _grant(session, tokens.Claims(kind, account_id, session_id), now)


def _grant(session: Session, claims: tokens.Claims, now: datetime) -> Grant:
    signed_in = who(session, claims)
    if signed_in is None:
        raise RefreshRefused()
    refresh_token, digest = tokens.new_refresh_token(claims.account_id)
    session.execute(
        insert(RefreshTokenRow).values(
            account_id=claims.account_id, digest=digest, session_id=claims.session_id, created_at=now, used_at=None
        )
    )
    access_token = tokens.new_access_token(claims.kind, claims.account_id, claims.session_id)
    return Grant(access_token, refresh_token, tokens.LIFETIME_SECONDS, signed_in)


def refresh(session: Session, refresh_token: str) -> Grant | RefreshRefused:
    """Exchange a refresh token for new tokens. Each works once.

    A refusal is *returned*: when a used token comes again, the session it belongs to ends in this transaction, and
    that must be kept. Two exchanges of one token at once are a reuse too.
    """
    if (parsed := tokens.read_refresh_token(refresh_token)) is None:
        return RefreshRefused()
    account_id, digest = parsed
    now = clock.now()
    this = (RefreshTokenRow.account_id == account_id, RefreshTokenRow.digest == digest)
    taken = update(RefreshTokenRow).where(*this, RefreshTokenRow.used_at.is_(None)).values(used_at=now)
    session_id = session.execute(taken.returning(RefreshTokenRow.session_id)).scalar()
    if session_id is None:
        reused = session.execute(select(RefreshTokenRow.session_id).where(*this)).scalar()
        if reused is not None:
            end_session(session, account_id, reused, "refresh-reuse")
        return RefreshRefused()
    kind = _carry_on(session, account_id, session_id, now)
    if kind is None or who(session, claims := tokens.Claims(kind, account_id, session_id)) is None:
        return RefreshRefused()
    return _grant(session, claims, now)


def _carry_on(session: Session, account_id: UUID, session_id: UUID, now: datetime) -> str | None:
    """The kind of a session that stands, after moving its end (a staff member's stays). None when it has ended."""
    this = (SessionRow.account_id == account_id, SessionRow.id == session_id)
    standing = (*this, SessionRow.ended_at.is_(None), SessionRow.expires_at > now)
    kind = session.execute(select(SessionRow.kind).where(*standing).with_for_update()).scalar()
    if kind is not None:
        moved = {} if kind == "staff" else {"expires_at": now + _lifetime(session, kind)}
        session.execute(update(SessionRow).where(*this).values(refreshed_at=now, **moved))
    return kind


def open_sessions(reader: Reader, account_id: UUID) -> list[OpenSession]:
    """The sessions of an account that stand, the newest first."""
    mine = (SessionRow.account_id == account_id, SessionRow.ended_at.is_(None), SessionRow.expires_at > clock.now())
    columns = (SessionRow.id, SessionRow.kind, SessionRow.agent, SessionRow.created_at, SessionRow.refreshed_at)
    rows = reader.execute(
        select(*columns, SessionRow.expires_at).where(*mine).order_by(SessionRow.created_at.desc(), SessionRow.id)
    )
    return [OpenSession(*row) for row in rows]


def end_session(session: Session, account_id: UUID, session_id: UUID, because: str = "signed-out") -> bool:
    """End one session; its access tokens fail from the next request on. False when no such session stood."""
    return _end(session, because, SessionRow.account_id == account_id, SessionRow.id == session_id) == 1


def end_sessions(session: Session, account_id: UUID, because: str, but: UUID | None = None) -> int:
    """End every session of an account, all but one if told, and return how many there were."""
    others = (SessionRow.id != but,) if but else ()
    return _end(session, because, SessionRow.account_id == account_id, *others)


def _end(session: Session, because: str, *which: ColumnElement[bool]) -> int:
    """What was known of the browser or phone is forgotten with the session."""
    now = clock.now()
    standing = (SessionRow.ended_at.is_(None), SessionRow.expires_at > now)
    ended = update(SessionRow).where(*which, *standing).values(ended_at=now, ended_because=because, agent=None)
    return len(session.execute(ended.returning(SessionRow.id)).all())


def end_all_sessions(session: Session, because: str) -> int:
    """End every open session of everybody, as after a restore. Returns how many."""
    return _end(session, because)
