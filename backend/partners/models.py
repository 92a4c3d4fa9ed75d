"""The tables of partners to be and of what partners propose. Few rows, written by hand: the coordinator keeps them.

No row belongs to a resident. A contact is somebody at work at the applicant's, sealed, and deleted when its period is
over.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, String, Table, Text
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, local

_STATUS = "status IN ('submitted', 'returned', 'proposed', 'approved', 'refused', 'withdrawn', 'lapsed')"


class ApplicationRow(Base):
    """One organisation's wish to take part.

    ``open_code``: its credit code while it is in progress, so that there is one at a time. ``follow_digest``: SHA-256
    of the token by which the applicant follows it. ``contact_until_on``: the day after which the contact is deleted.
    """

    __tablename__ = "partner_applications"
    __table_args__ = (
        CheckConstraint(_STATUS, name="status_known"),
        CheckConstraint(
            "(open_code IS NULL) = (status IN ('approved', 'refused', 'withdrawn', 'lapsed'))", name="open_named"
        ),
        Index("ix_partner_applications_status", "status", "applied_at", "id"),
        local(),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    unified_social_credit_code: Mapped[str] = mapped_column(String(18), index=True)
    open_code: Mapped[str | None] = mapped_column(String(18), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    scenes: Mapped[list[Any]]
    venues: Mapped[list[Any]]
    intends: Mapped[str] = mapped_column(Text)
    contact_sealed: Mapped[str | None] = mapped_column(Text)
    contact_until_on: Mapped[date | None] = mapped_column(index=True)
    follow_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    status: Mapped[str] = mapped_column(String(10))
    approval_id: Mapped[UUID | None]
    policy_version: Mapped[str] = mapped_column(String(40))
    organisation_id: Mapped[UUID | None]
    invitation_id: Mapped[UUID | None]
    applied_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class ProposalRow(Base):
    """What a partner would change: an offer, its end, a venue. ``content``: as the city's file writes it."""

    __tablename__ = "partner_proposals"
    __table_args__ = (
        CheckConstraint(_STATUS, name="status_known"),
        CheckConstraint("kind IN ('offer', 'close', 'venue')", name="kind_known"),
        CheckConstraint(
            "(open_key IS NULL) = (status IN ('approved', 'refused', 'withdrawn', 'lapsed'))", name="open_named"
        ),
        Index("ix_partner_proposals_organisation", "organisation_id", "applied_at", "id"),
        Index("ix_partner_proposals_status", "status", "applied_at", "id"),
        local(),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organisation_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(10))
    slug: Mapped[str] = mapped_column(String(60))
    open_key: Mapped[str | None] = mapped_column(String(80), unique=True)
    content: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(String(10))
    approval_id: Mapped[UUID | None]
    policy_version: Mapped[str] = mapped_column(String(40), index=True)
    proposed_by: Mapped[UUID]
    applied_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class DecisionRow(Base):
    """What the office said to an application or a proposal. ``missing``: what is still to be handed in."""

    __tablename__ = "partner_decisions"
    __table_args__ = (Index("ix_partner_decisions_case", "case_id", "decided_at"), local())

    id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID]
    decision: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(500))
    missing: Mapped[list[Any]]
    decided_by: Mapped[UUID]
    decided_at: Mapped[datetime]
    approval_id: Mapped[UUID | None]


class StaffRequestRow(Base):
    """A partner's manager asks for a colleague's account; how it stands is what its approval says."""

    __tablename__ = "partner_staff_requests"
    __table_args__ = (Index("ix_partner_staff_requests_organisation", "organisation_id", "requested_at", "id"), local())

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organisation_id: Mapped[UUID]
    username: Mapped[str] = mapped_column(String(40))
    display_name: Mapped[str] = mapped_column(String(60))
    approval_id: Mapped[UUID]
    invitation_id: Mapped[UUID | None]
    requested_by: Mapped[UUID]
    requested_at: Mapped[datetime]


applications = cast(Table, ApplicationRow.__table__)
proposals = cast(Table, ProposalRow.__table__)
decisions = cast(Table, DecisionRow.__table__)
staff_requests = cast(Table, StaffRequestRow.__table__)
