"""Messages to people, and acting for another."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "messages",
        sa.Column("recipient_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=40), nullable=False),
        sa.Column("body", sa.String(length=400), nullable=False),
        sa.Column("link", sa.String(length=120), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("recipient_id", "id", name=op.f("pk_messages")),
    )
    op.create_index("ix_messages_recipient_id_created_at", "messages", ["recipient_id", "created_at"], unique=False)
    op.create_index(op.f("ix_messages_created_at"), "messages", ["created_at"], unique=False)
    op.create_table(
        "message_acceptances",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("template", sa.String(length=40), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spent_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_message_acceptances")),
    )
    op.create_index(op.f("ix_message_acceptances_spent_at"), "message_acceptances", ["spent_at"], unique=False)
    op.create_table(
        "message_deliveries",
        sa.Column("recipient_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("template", sa.String(length=40), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("errcode", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("recipient_id", "message_id", name=op.f("pk_message_deliveries")),
    )
    op.create_index(op.f("ix_message_deliveries_at"), "message_deliveries", ["at"], unique=False)
    op.create_table(
        "delegations",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("basis", sa.String(length=120), nullable=False),
        sa.Column("document_no_sealed", sa.Text(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("registered_by", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(length=12), nullable=False),
        sa.CheckConstraint("kind IN ('guardian', 'ward', 'helper')", name=op.f("ck_delegations_kind_known")),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_delegations_has_a_length")),
        sa.PrimaryKeyConstraint("resident_id", "id", name=op.f("pk_delegations")),
    )
    op.create_table(
        "delegation_actors",
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("actor_id", "id", name=op.f("pk_delegation_actors")),
    )
    op.add_column("consent_events", sa.Column("given_by", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("consent_events", "given_by")
    op.drop_table("delegation_actors")
    op.drop_table("delegations")
    op.drop_table("message_deliveries")
    op.drop_table("message_acceptances")
    op.drop_table("messages")
