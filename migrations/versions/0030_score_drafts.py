"""Drafts of the scoring policy, and what they would do to the city."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "score_drafts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=True),
        sa.Column("content", JSON, nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("base_version", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("problems", JSON, nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approval_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("state IN ('faulty', 'checked')", name=op.f("ck_score_drafts_state_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_score_drafts")),
    )
    op.create_index(op.f("ix_score_drafts_digest"), "score_drafts", ["digest"])
    op.create_index("ix_score_drafts_newest", "score_drafts", ["created_at", "id"])
    op.create_table(
        "score_simulations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("draft_id", sa.Uuid(), nullable=False),
        sa.Column("base_version", sa.String(length=40), nullable=False),
        sa.Column("known_versions", JSON, nullable=False),
        sa.Column("as_of_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("failure", sa.String(length=40), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("residents_total", sa.Integer(), nullable=False),
        sa.Column("residents_done", sa.Integer(), nullable=False),
        sa.Column("after_id", sa.Uuid(), nullable=False),
        sa.Column("tally", JSON, nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'done', 'failed')", name=op.f("ck_score_simulations_state_known")
        ),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["score_drafts.id"], name=op.f("fk_score_simulations_draft_id_score_drafts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_score_simulations")),
    )
    op.create_index("ix_score_simulations_draft_newest", "score_simulations", ["draft_id", "created_at"])
    op.create_index("ix_score_simulations_state_lease_until", "score_simulations", ["state", "lease_until"])


def downgrade() -> None:
    op.drop_table("score_simulations")
    op.drop_table("score_drafts")
