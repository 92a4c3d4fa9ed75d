"""Archives of credit information."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "entity_record_versions",
        sa.Column("entity_code", sa.String(length=18), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("entity_name", sa.String(length=200), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("item_code", sa.String(length=40), nullable=False),
        sa.Column("effect", sa.String(length=12), nullable=False),
        sa.Column("source_organisation_id", sa.Uuid(), nullable=True),
        sa.Column("source_name", sa.String(length=120), nullable=False),
        sa.Column("document_no", sa.String(length=120), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("counts_until_on", sa.Date(), nullable=False),
        sa.Column("publicity_until_on", sa.Date(), nullable=True),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("fields", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.Column("known_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Uuid(), nullable=True),
        sa.Column("change_reason", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("entity_code", "id", "version", name=op.f("pk_entity_record_versions")),
    )
    op.create_table(
        "entity_records",
        sa.Column("entity_code", sa.String(length=18), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entity_name", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("item_code", sa.String(length=40), nullable=False),
        sa.Column("effect", sa.String(length=12), nullable=False),
        sa.Column("source_organisation_id", sa.Uuid(), nullable=True),
        sa.Column("source_name", sa.String(length=120), nullable=False),
        sa.Column("document_no", sa.String(length=120), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("counts_until_on", sa.Date(), nullable=False),
        sa.Column("publicity_until_on", sa.Date(), nullable=True),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("fields", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.Column("known_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Uuid(), nullable=True),
        sa.Column("change_reason", sa.String(length=200), nullable=False),
        sa.CheckConstraint(
            "effect IN ('favourable', 'adverse', 'neutral')", name=op.f("ck_entity_records_effect_known")
        ),
        sa.CheckConstraint(
            "status IN ('active', 'disputed', 'repaired', 'withdrawn', 'expired')",
            name=op.f("ck_entity_records_status_known"),
        ),
        sa.PrimaryKeyConstraint("entity_code", "id", name=op.f("pk_entity_records")),
        sa.UniqueConstraint(
            "entity_code", "item_code", "document_no", name=op.f("uq_entity_records_entity_code_item_code_document_no")
        ),
    )
    op.create_index("ix_entity_records_shown", "entity_records", ["entity_code", "publicity_until_on"], unique=False)
    op.create_table(
        "record_versions",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("item_code", sa.String(length=40), nullable=False),
        sa.Column("effect", sa.String(length=12), nullable=False),
        sa.Column("source_organisation_id", sa.Uuid(), nullable=True),
        sa.Column("source_name", sa.String(length=120), nullable=False),
        sa.Column("document_no", sa.String(length=120), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("counts_until_on", sa.Date(), nullable=False),
        sa.Column("publicity_until_on", sa.Date(), nullable=True),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("fields", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.Column("known_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Uuid(), nullable=True),
        sa.Column("change_reason", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("resident_id", "id", "version", name=op.f("pk_record_versions")),
    )
    op.create_table(
        "records",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("item_code", sa.String(length=40), nullable=False),
        sa.Column("effect", sa.String(length=12), nullable=False),
        sa.Column("source_organisation_id", sa.Uuid(), nullable=True),
        sa.Column("source_name", sa.String(length=120), nullable=False),
        sa.Column("document_no", sa.String(length=120), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("counts_until_on", sa.Date(), nullable=False),
        sa.Column("publicity_until_on", sa.Date(), nullable=True),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("fields", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.Column("known_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Uuid(), nullable=True),
        sa.Column("change_reason", sa.String(length=200), nullable=False),
        sa.CheckConstraint("effect IN ('favourable', 'adverse', 'neutral')", name=op.f("ck_records_effect_known")),
        sa.CheckConstraint(
            "status IN ('active', 'disputed', 'repaired', 'withdrawn', 'expired')", name=op.f("ck_records_status_known")
        ),
        sa.PrimaryKeyConstraint("resident_id", "id", name=op.f("pk_records")),
        sa.UniqueConstraint(
            "resident_id", "item_code", "document_no", name=op.f("uq_records_resident_id_item_code_document_no")
        ),
    )


def downgrade() -> None:
    op.drop_table("records")
    op.drop_table("record_versions")
    op.drop_table("entity_records")
    op.drop_table("entity_record_versions")
