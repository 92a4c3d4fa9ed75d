"""Applications of partners to be, what partners propose, what the office says, and the colleagues they ask for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
STATUS = "status IN ('submitted', 'returned', 'proposed', 'approved', 'refused', 'withdrawn', 'lapsed')"
CLOSED = "(status IN ('approved', 'refused', 'withdrawn', 'lapsed'))"


def upgrade() -> None:
    _applications()
    _proposals()
    op.create_table(
        "partner_decisions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("decision", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("missing", JSON, nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approval_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partner_decisions")),
    )
    op.create_index("ix_partner_decisions_case", "partner_decisions", ["case_id", "decided_at"], unique=False)
    op.create_table(
        "partner_staff_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("username", sa.String(length=40), nullable=False),
        sa.Column("display_name", sa.String(length=60), nullable=False),
        sa.Column("approval_id", sa.Uuid(), nullable=False),
        sa.Column("invitation_id", sa.Uuid(), nullable=True),
        sa.Column("requested_by", sa.Uuid(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partner_staff_requests")),
    )
    op.create_index(
        "ix_partner_staff_requests_organisation",
        "partner_staff_requests",
        ["organisation_id", "requested_at", "id"],
        unique=False,
    )


def _applications() -> None:
    op.create_table(
        "partner_applications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unified_social_credit_code", sa.String(length=18), nullable=False),
        sa.Column("open_code", sa.String(length=18), nullable=True),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("scenes", JSON, nullable=False),
        sa.Column("venues", JSON, nullable=False),
        sa.Column("intends", sa.Text(), nullable=False),
        sa.Column("contact_sealed", sa.Text(), nullable=True),
        sa.Column("contact_until_on", sa.Date(), nullable=True),
        sa.Column("follow_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("approval_id", sa.Uuid(), nullable=True),
        sa.Column("policy_version", sa.String(length=40), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=True),
        sa.Column("invitation_id", sa.Uuid(), nullable=True),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(STATUS, name=op.f("ck_partner_applications_status_known")),
        sa.CheckConstraint(f"(open_code IS NULL) = {CLOSED}", name=op.f("ck_partner_applications_open_named")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partner_applications")),
        sa.UniqueConstraint("open_code", name=op.f("uq_partner_applications_open_code")),
    )
    for column in ("unified_social_credit_code", "contact_until_on"):
        op.create_index(op.f(f"ix_partner_applications_{column}"), "partner_applications", [column], unique=False)
    op.create_index(
        "ix_partner_applications_status", "partner_applications", ["status", "applied_at", "id"], unique=False
    )


def _proposals() -> None:
    op.create_table(
        "partner_proposals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("slug", sa.String(length=60), nullable=False),
        sa.Column("open_key", sa.String(length=80), nullable=True),
        sa.Column("content", JSON, nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("approval_id", sa.Uuid(), nullable=True),
        sa.Column("policy_version", sa.String(length=40), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(STATUS, name=op.f("ck_partner_proposals_status_known")),
        sa.CheckConstraint("kind IN ('offer', 'close', 'venue')", name=op.f("ck_partner_proposals_kind_known")),
        sa.CheckConstraint(f"(open_key IS NULL) = {CLOSED}", name=op.f("ck_partner_proposals_open_named")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partner_proposals")),
        sa.UniqueConstraint("open_key", name=op.f("uq_partner_proposals_open_key")),
    )
    op.create_index(
        "ix_partner_proposals_organisation", "partner_proposals", ["organisation_id", "applied_at", "id"], unique=False
    )
    op.create_index(op.f("ix_partner_proposals_policy_version"), "partner_proposals", ["policy_version"], unique=False)
    op.create_index("ix_partner_proposals_status", "partner_proposals", ["status", "applied_at", "id"], unique=False)


def downgrade() -> None:
    for table in ("partner_staff_requests", "partner_decisions", "partner_proposals", "partner_applications"):
        op.drop_table(table)
