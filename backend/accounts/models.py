"""Tables of people, organisations, accounts and sessions.

A person is keyed by ``resident_id``; a WeChat account and its sessions by the account. What must be unique over all
shards (an id number, an openid) stands in a look-up table keyed by that very value.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, distributed, local, reference


class PersonRow(Base):
    """A natural person, from first sight on. Without its data key nothing sealed can be read again.

    ``spending_paused_until``: after an account was recovered, points cannot be spent before this instant.
    """

    __tablename__ = "people"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'erased')", name="status_known"),
        CheckConstraint("status = 'erased' OR data_key IS NOT NULL", name="active_has_key"),
        distributed(),
    )

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    data_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    name_sealed: Mapped[str] = mapped_column(Text)
    id_number_sealed: Mapped[str] = mapped_column(Text)
    phone_sealed: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(10))
    wechat_account_id: Mapped[UUID | None]
    bound_at: Mapped[datetime | None]
    spending_paused_until: Mapped[datetime | None]
    created_at: Mapped[datetime]


class PersonLookupRow(Base):
    """From a keyed digest to the person. An id number has one person; a phone names its latest verified holder."""

    __tablename__ = "person_lookups"
    __table_args__ = (CheckConstraint("kind IN ('id_number', 'phone')", name="kind_known"), distributed("digest"))

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    key_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    resident_id: Mapped[UUID]


class WechatAccountRow(Base):
    __tablename__ = "wechat_accounts"
    __table_args__ = (CheckConstraint("status IN ('active', 'suspended')", name="status_known"), distributed("id"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    openid: Mapped[str] = mapped_column(String(64))
    unionid: Mapped[str | None] = mapped_column(String(64))
    resident_id: Mapped[UUID | None]
    status: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime]


class WechatOpenidRow(Base):
    __tablename__ = "wechat_openids"
    __table_args__ = (distributed("openid"),)

    openid: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[UUID]


class OrganisationRow(Base):
    __tablename__ = "organisations"
    __table_args__ = (
        CheckConstraint("kind IN ('office', 'department', 'community', 'partner', 'market')", name="kind_known"),
        UniqueConstraint("slug"),
        reference(),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(60))
    kind: Mapped[str] = mapped_column(String(12))
    name: Mapped[str] = mapped_column(String(120))
    unified_social_credit_code: Mapped[str | None] = mapped_column(String(18))
    created_at: Mapped[datetime]


class StaffRow(Base):
    """``otp_last_step`` is the last 30-second step whose one-time code was accepted; none before it is again.

    ``resident_id``: the person who works here, where that is known. Empty ``password_hash`` and
    ``otp_secret_sealed``: another provider vouches for her, and no password is hers.
    """

    __tablename__ = "staff"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'suspended')", name="status_known"),
        UniqueConstraint("username"),
        reference(),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(40))
    password_hash: Mapped[str] = mapped_column(String(200))
    otp_secret_sealed: Mapped[str] = mapped_column(Text)
    otp_last_step: Mapped[int | None]
    display_name: Mapped[str] = mapped_column(String(60))
    status: Mapped[str] = mapped_column(String(10))
    resident_id: Mapped[UUID | None]
    created_at: Mapped[datetime]


class MembershipRow(Base):
    __tablename__ = "memberships"
    __table_args__ = (reference(),)

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(30), primary_key=True)


class DeviceRow(Base):
    """A venue's device. ``venue_id`` names a row of an upper room, so it is no foreign key. A key is one device's."""

    __tablename__ = "devices"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'suspended', 'retired')", name="status_known"),
        Index("uq_devices_public_key", "public_key", unique=True),
        reference(),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    venue_id: Mapped[UUID | None]
    label: Mapped[str] = mapped_column(String(80))
    public_key: Mapped[bytes] = mapped_column(LargeBinary(32))
    status: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime]


class DeviceNonceRow(Base):
    """Nonces that have been used. Giving one out writes nothing: it carries its own proof and end."""

    __tablename__ = "device_nonces"
    __table_args__ = (local(),)

    device_id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str] = mapped_column(String(80), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class SessionRow(Base):
    """One sign-in and everything refreshed from it. ``account_id``: a WeChat account, a staff member or a device.

    ``agent`` is a few words about the browser or phone, so that its owner knows it again; it goes when the session
    ends.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        CheckConstraint("kind IN ('resident', 'staff', 'device')", name="kind_known"),
        distributed("account_id"),
    )

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    agent: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime]
    refreshed_at: Mapped[datetime | None]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    ended_because: Mapped[str] = mapped_column(String(20))


class RefreshTokenRow(Base):
    """Refresh tokens by digest; used ones stay as long as their session, for their reuse is what must be noticed."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "session_id"], ["sessions.account_id", "sessions.id"], ondelete="CASCADE"),
        Index("ix_refresh_tokens_session", "account_id", "session_id"),
        distributed("account_id"),
    )

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    session_id: Mapped[UUID]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class AttemptRow(Base):
    """How often something that can be guessed was tried within a window. ``subject`` is a keyed digest."""

    __tablename__ = "attempts"
    __table_args__ = (local(),)

    kind: Mapped[str] = mapped_column(String(30), primary_key=True)
    subject: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    tries: Mapped[int]
    window_ends_at: Mapped[datetime] = mapped_column(index=True)
