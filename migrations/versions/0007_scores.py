"""Scores, their reasons and history."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "score_history",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("level_id", sa.String(length=20), nullable=False),
        sa.Column("previous_value", sa.Integer(), nullable=True),
        sa.Column("policy_version", sa.String(length=40), nullable=False),
        sa.Column("as_of_on", sa.Date(), nullable=False),
        sa.Column("cause", sa.String(length=40), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("resident_id", "id", name=op.f("pk_score_history")),
    )
    op.create_index("ix_score_history_newest", "score_history", ["resident_id", "at"], unique=False)
    op.create_table(
        "score_reasons",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("dimension_id", sa.String(length=40), nullable=False),
        sa.Column("indicator_id", sa.String(length=40), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=True),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("capped_by", sa.String(length=10), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("changes_on", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "capped_by IN ('', 'period', 'total', 'dimension')", name=op.f("ck_score_reasons_capped_by_known")
        ),
        sa.PrimaryKeyConstraint("resident_id", "position", name=op.f("pk_score_reasons")),
    )
    op.create_table(
        "scores",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("level_id", sa.String(length=20), nullable=False),
        sa.Column("policy_version", sa.String(length=40), nullable=False),
        sa.Column("as_of_on", sa.Date(), nullable=False),
        sa.Column("next_change_on", sa.Date(), nullable=True),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("resident_id", name=op.f("pk_scores")),
    )
    op.create_index("ix_scores_due", "scores", ["next_change_on"], unique=False)


def downgrade() -> None:
    op.drop_table("scores")
    op.drop_table("score_reasons")
    op.drop_table("score_history")
