"""The community room's tables.

Communities, covenants and activities are small and read by everybody; what a resident does is kept resident first;
a worker's queue is kept community first, and only names the resident.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, distributed, reference


class Community(Base):
    """A community as the city's file names it. ``id`` follows from the slug, so that a reload finds it again."""

    __tablename__ = "communities"
    __table_args__ = (reference(),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(80))
    district_id: Mapped[str] = mapped_column(String(40))


class Covenant(Base):
    """One version of a community's covenant; never changed, so that a signature says what was signed."""

    __tablename__ = "covenants"
    __table_args__ = (reference(),)

    community_id: Mapped[UUID] = mapped_column(ForeignKey("communities.id"), primary_key=True)
    version: Mapped[str] = mapped_column(String(40), primary_key=True)
    articles: Mapped[list[Any]]
    published_at: Mapped[datetime]


class CovenantSignature(Base):
    """A resident's signature: she belongs to the community from the first one on."""

    __tablename__ = "covenant_signatures"
    __table_args__ = (
        UniqueConstraint("resident_id", "community_id", "version"),
        ForeignKeyConstraint(["community_id", "version"], ["covenants.community_id", "covenants.version"]),
        distributed(),
    )

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    community_id: Mapped[UUID]
    version: Mapped[str] = mapped_column(String(40))
    signed_at: Mapped[datetime]


class Activity(Base):
    __tablename__ = "activities"
    __table_args__ = (
        Index("ix_activities_community_starts", "community_id", "starts_at"),
        Index("ix_activities_ends", "ends_at", "id"),
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        CheckConstraint("check_in_closes_at > check_in_opens_at", name="check_in_closes_after_opening"),
        reference(),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    community_id: Mapped[UUID] = mapped_column(ForeignKey("communities.id"))
    title: Mapped[str] = mapped_column(String(80))
    place: Mapped[str] = mapped_column(String(120))
    behaviour: Mapped[str] = mapped_column(String(60))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    check_in_opens_at: Mapped[datetime]
    check_in_closes_at: Mapped[datetime]
    created_at: Mapped[datetime]


class CheckIn(Base):
    """That a resident was there. Kept whether or not points could be granted for it."""

    __tablename__ = "check_ins"
    __table_args__ = (distributed(),)

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    activity_id: Mapped[UUID] = mapped_column(ForeignKey("activities.id"), primary_key=True)
    checked_in_at: Mapped[datetime]
    points: Mapped[int]
    remark: Mapped[str] = mapped_column(String(200))


class Submission(Base):
    __tablename__ = "submissions"
    __table_args__ = (
        Index(
            "uq_submissions_resident_id_activity_id",
            "resident_id",
            "activity_id",
            unique=True,
            postgresql_where=text("status IN ('pending', 'approved')"),
            sqlite_where=text("status IN ('pending', 'approved')"),
        ),
        Index("ix_submissions_resident_submitted", "resident_id", "submitted_at"),
        CheckConstraint("status IN ('pending', 'approved', 'rejected', 'withdrawn')", name="status_known"),
        distributed(),
    )

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    community_id: Mapped[UUID] = mapped_column(ForeignKey("communities.id"))
    activity_id: Mapped[UUID | None] = mapped_column(ForeignKey("activities.id"))
    behaviour: Mapped[str] = mapped_column(String(60))
    happened_at: Mapped[datetime]
    text: Mapped[str] = mapped_column(String(1000))
    status: Mapped[str] = mapped_column(String(10))
    policy_version: Mapped[str] = mapped_column(String(40))
    submitted_at: Mapped[datetime]


class SubmissionPhoto(Base):
    __tablename__ = "submission_photos"
    __table_args__ = (
        ForeignKeyConstraint(["resident_id", "submission_id"], ["submissions.resident_id", "submissions.id"]),
        distributed(),
    )

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    submission_id: Mapped[UUID] = mapped_column(primary_key=True)
    file_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int]


class Review(Base):
    """A worker's decision. Where the behaviour asks for two reviewers, the first approval grants nothing yet."""

    __tablename__ = "submission_reviews"
    __table_args__ = (
        UniqueConstraint("resident_id", "submission_id", "reviewer_id"),
        ForeignKeyConstraint(["resident_id", "submission_id"], ["submissions.resident_id", "submissions.id"]),
        CheckConstraint("points >= 0", name="points_not_negative"),
        CheckConstraint("decision IN ('approve', 'reject')", name="decision_known"),
        distributed(),
    )

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    submission_id: Mapped[UUID]
    reviewer_id: Mapped[UUID]
    decision: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(200))
    points: Mapped[int]
    remark: Mapped[str] = mapped_column(String(200))
    reviewed_at: Mapped[datetime]


class CommunityAward(Base):
    """Points granted for one deed, on the day of the deed: what the caps are counted on."""

    __tablename__ = "community_awards"
    __table_args__ = (
        Index("ix_community_awards_resident_behaviour_happened", "resident_id", "behaviour", "happened_on"),
        CheckConstraint("points > 0", name="points_positive"),
        distributed(),
    )

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    """The submission or, for a check-in that grants by itself, the activity: at most one award each."""
    community_id: Mapped[UUID]
    behaviour: Mapped[str] = mapped_column(String(60))
    happened_on: Mapped[date]
    points: Mapped[int]
    transfer_id: Mapped[UUID]
    awarded_at: Mapped[datetime]


class QueueEntry(Base):
    """Where a community's workers find what awaits them, and afterwards whose it was."""

    __tablename__ = "review_queue"
    __table_args__ = (
        Index(
            "ix_review_queue_open",
            "community_id",
            "submitted_at",
            "submission_id",
            postgresql_where=text("closed_at IS NULL"),
            sqlite_where=text("closed_at IS NULL"),
        ),
        distributed("community_id"),
    )

    community_id: Mapped[UUID] = mapped_column(primary_key=True)
    submission_id: Mapped[UUID] = mapped_column(primary_key=True)
    resident_id: Mapped[UUID]
    submitted_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class BudgetGrant(Base):
    """That a community's budget for a month was granted, once."""

    __tablename__ = "community_budget_grants"
    __table_args__ = (CheckConstraint("points > 0", name="points_positive"), distributed("community_id"))

    community_id: Mapped[UUID] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    points: Mapped[int]
    granted_at: Mapped[datetime]
