"""Communities, covenants, activities, submissions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "community_awards",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("community_id", sa.Uuid(), nullable=False),
        sa.Column("behaviour", sa.String(length=60), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("awarded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("points > 0", name=op.f("ck_community_awards_points_positive")),
        sa.PrimaryKeyConstraint("resident_id", "subject_id", name=op.f("pk_community_awards")),
    )
    op.create_index(
        "ix_community_awards_resident_behaviour_happened",
        "community_awards",
        ["resident_id", "behaviour", "happened_on"],
        unique=False,
    )
    op.create_table(
        "community_budget_grants",
        sa.Column("community_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("points > 0", name=op.f("ck_community_budget_grants_points_positive")),
        sa.PrimaryKeyConstraint("community_id", "month", name=op.f("pk_community_budget_grants")),
    )
    op.create_table(
        "review_queue",
        sa.Column("community_id", sa.Uuid(), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("community_id", "submission_id", name=op.f("pk_review_queue")),
    )
    op.create_index(
        "ix_review_queue_open",
        "review_queue",
        ["community_id", "submitted_at", "submission_id"],
        unique=False,
        postgresql_where=sa.text("closed_at IS NULL"),
        sqlite_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "communities",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(length=60), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("district_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name=op.f("fk_communities_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_communities")),
        sa.UniqueConstraint("slug", name=op.f("uq_communities_slug")),
    )
    op.create_index(op.f("ix_communities_organisation_id"), "communities", ["organisation_id"], unique=False)
    op.create_table(
        "activities",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("community_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("place", sa.String(length=120), nullable=False),
        sa.Column("behaviour", sa.String(length=60), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("check_in_opens_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("check_in_closes_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "check_in_closes_at > check_in_opens_at", name=op.f("ck_activities_check_in_closes_after_opening")
        ),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_activities_ends_after_start")),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name=op.f("fk_activities_community_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activities")),
    )
    op.create_index("ix_activities_community_starts", "activities", ["community_id", "starts_at"], unique=False)
    op.create_index("ix_activities_ends", "activities", ["ends_at", "id"], unique=False)
    op.create_table(
        "covenants",
        sa.Column("community_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("articles", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name=op.f("fk_covenants_community_id")),
        sa.PrimaryKeyConstraint("community_id", "version", name=op.f("pk_covenants")),
    )
    op.create_table(
        "check_ins",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("activity_id", sa.Uuid(), nullable=False),
        sa.Column("checked_in_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("remark", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["activity_id"], ["activities.id"], name=op.f("fk_check_ins_activity_id")),
        sa.PrimaryKeyConstraint("resident_id", "activity_id", name=op.f("pk_check_ins")),
    )
    op.create_table(
        "covenant_signatures",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("community_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "version"],
            ["covenants.community_id", "covenants.version"],
            name=op.f("fk_covenant_signatures_community_id_version"),
        ),
        sa.PrimaryKeyConstraint("resident_id", "id", name=op.f("pk_covenant_signatures")),
        sa.UniqueConstraint(
            "resident_id",
            "community_id",
            "version",
            name=op.f("uq_covenant_signatures_resident_id_community_id_version"),
        ),
    )
    op.create_table(
        "submissions",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("community_id", sa.Uuid(), nullable=False),
        sa.Column("activity_id", sa.Uuid(), nullable=True),
        sa.Column("behaviour", sa.String(length=60), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.String(length=1000), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("policy_version", sa.String(length=40), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'approved', 'rejected', 'withdrawn')", name=op.f("ck_submissions_status_known")
        ),
        sa.ForeignKeyConstraint(["activity_id"], ["activities.id"], name=op.f("fk_submissions_activity_id")),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name=op.f("fk_submissions_community_id")),
        sa.PrimaryKeyConstraint("resident_id", "id", name=op.f("pk_submissions")),
    )
    op.create_index("ix_submissions_resident_submitted", "submissions", ["resident_id", "submitted_at"], unique=False)
    op.create_index(
        "uq_submissions_resident_id_activity_id",
        "submissions",
        ["resident_id", "activity_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('pending', 'approved')"),
        sqlite_where=sa.text("status IN ('pending', 'approved')"),
    )
    op.create_table(
        "submission_photos",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resident_id", "submission_id"],
            ["submissions.resident_id", "submissions.id"],
            name=op.f("fk_submission_photos_resident_id_submission_id"),
        ),
        sa.PrimaryKeyConstraint("resident_id", "submission_id", "file_id", name=op.f("pk_submission_photos")),
    )
    op.create_table(
        "submission_reviews",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("reviewer_id", sa.Uuid(), nullable=False),
        sa.Column("decision", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("remark", sa.String(length=200), nullable=False),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("decision IN ('approve', 'reject')", name=op.f("ck_submission_reviews_decision_known")),
        sa.CheckConstraint("points >= 0", name=op.f("ck_submission_reviews_points_not_negative")),
        sa.ForeignKeyConstraint(
            ["resident_id", "submission_id"],
            ["submissions.resident_id", "submissions.id"],
            name=op.f("fk_submission_reviews_resident_id_submission_id"),
        ),
        sa.PrimaryKeyConstraint("resident_id", "id", name=op.f("pk_submission_reviews")),
        sa.UniqueConstraint(
            "resident_id",
            "submission_id",
            "reviewer_id",
            name=op.f("uq_submission_reviews_resident_id_submission_id_reviewer_id"),
        ),
    )


def downgrade() -> None:
    op.drop_table("submission_reviews")
    op.drop_table("submission_photos")
    op.drop_table("submissions")
    op.drop_table("covenant_signatures")
    op.drop_table("check_ins")
    op.drop_table("covenants")
    op.drop_table("activities")
    op.drop_table("communities")
    op.drop_table("review_queue")
    op.drop_table("community_budget_grants")
    op.drop_table("community_awards")
