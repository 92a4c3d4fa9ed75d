"""Declarations of residents and merchants, and what records say of coming from one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "declaration_queue",
        sa.Column("item_code", sa.String(length=40), nullable=False),
        sa.Column("declaration_id", sa.Uuid(), nullable=False),
        sa.Column("resident_id", sa.Uuid(), nullable=True),
        sa.Column("entity_code", sa.String(length=18), nullable=True),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("emptied_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(resident_id IS NULL) <> (entity_code IS NULL)", name=op.f("ck_declaration_queue_one_declarer")
        ),
        sa.PrimaryKeyConstraint("item_code", "declaration_id", name=op.f("pk_declaration_queue")),
    )
    op.create_index(
        "ix_declaration_queue_closed",
        "declaration_queue",
        ["closed_at"],
        unique=False,
        postgresql_where=sa.text("emptied_at IS NULL"),
        sqlite_where=sa.text("emptied_at IS NULL"),
    )
    op.create_index("ix_declaration_queue_declaration", "declaration_queue", ["declaration_id"], unique=False)
    op.create_index(
        "ix_declaration_queue_open",
        "declaration_queue",
        ["due_on", "declaration_id"],
        unique=False,
        postgresql_where=sa.text("closed_at IS NULL"),
        sqlite_where=sa.text("closed_at IS NULL"),
    )
    op.create_index("ix_declaration_queue_resident", "declaration_queue", ["resident_id"], unique=False)
    op.create_table(
        "declarations",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("content_sealed", sa.Text(), nullable=True),
        sa.Column("reason_sealed", sa.Text(), nullable=True),
        sa.Column("end_reason_sealed", sa.Text(), nullable=True),
        sa.Column("item_code", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("policy_version", sa.String(length=40), nullable=False),
        sa.Column("pledge_version", sa.String(length=40), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_for", sa.Uuid(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'confirmed', 'rejected', 'withdrawn', 'revoked')",
            name=op.f("ck_declarations_status_known"),
        ),
        sa.PrimaryKeyConstraint("resident_id", "id", name=op.f("pk_declarations")),
    )
    op.create_index("ix_declarations_resident_declared", "declarations", ["resident_id", "declared_at"], unique=False)
    op.create_table(
        "entity_declarations",
        sa.Column("entity_code", sa.String(length=18), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entity_name", sa.String(length=200), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("declared_by", sa.Uuid(), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("item_code", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("policy_version", sa.String(length=40), nullable=False),
        sa.Column("pledge_version", sa.String(length=40), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_for", sa.Uuid(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'confirmed', 'rejected', 'withdrawn', 'revoked')",
            name=op.f("ck_entity_declarations_status_known"),
        ),
        sa.PrimaryKeyConstraint("entity_code", "id", name=op.f("pk_entity_declarations")),
    )
    op.create_index(
        "ix_entity_declarations_declared", "entity_declarations", ["entity_code", "declared_at"], unique=False
    )
    op.create_table(
        "declaration_pictures",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("declaration_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resident_id", "declaration_id"],
            ["declarations.resident_id", "declarations.id"],
            name=op.f("fk_declaration_pictures_resident_id_declaration_id"),
        ),
        sa.PrimaryKeyConstraint("resident_id", "file_id", name=op.f("pk_declaration_pictures")),
    )
    op.create_index(
        "ix_declaration_pictures_declaration", "declaration_pictures", ["resident_id", "declaration_id"], unique=False
    )
    op.create_table(
        "entity_declaration_pictures",
        sa.Column("entity_code", sa.String(length=18), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("declaration_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entity_code", "declaration_id"],
            ["entity_declarations.entity_code", "entity_declarations.id"],
            name=op.f("fk_entity_declaration_pictures_entity_code_declaration_id"),
        ),
        sa.PrimaryKeyConstraint("entity_code", "file_id", name=op.f("pk_entity_declaration_pictures")),
    )
    op.create_index(
        "ix_entity_declaration_pictures_declaration",
        "entity_declaration_pictures",
        ["entity_code", "declaration_id"],
        unique=False,
    )
    op.add_column("entity_record_versions", sa.Column("declaration_id", sa.Uuid(), nullable=True))
    op.add_column("entity_records", sa.Column("declaration_id", sa.Uuid(), nullable=True))
    op.add_column("record_versions", sa.Column("declaration_id", sa.Uuid(), nullable=True))
    op.add_column("records", sa.Column("declaration_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("records", "declaration_id")
    op.drop_column("record_versions", "declaration_id")
    op.drop_column("entity_records", "declaration_id")
    op.drop_column("entity_record_versions", "declaration_id")
    op.drop_index("ix_entity_declaration_pictures_declaration", table_name="entity_declaration_pictures")
    op.drop_table("entity_declaration_pictures")
    op.drop_index("ix_declaration_pictures_declaration", table_name="declaration_pictures")
    op.drop_table("declaration_pictures")
    op.drop_index("ix_entity_declarations_declared", table_name="entity_declarations")
    op.drop_table("entity_declarations")
    op.drop_index("ix_declarations_resident_declared", table_name="declarations")
    op.drop_table("declarations")
    op.drop_index("ix_declaration_queue_resident", table_name="declaration_queue")
    op.drop_index(
        "ix_declaration_queue_open",
        table_name="declaration_queue",
        postgresql_where=sa.text("closed_at IS NULL"),
        sqlite_where=sa.text("closed_at IS NULL"),
    )
    op.drop_index("ix_declaration_queue_declaration", table_name="declaration_queue")
    op.drop_index(
        "ix_declaration_queue_closed",
        table_name="declaration_queue",
        postgresql_where=sa.text("emptied_at IS NULL"),
        sqlite_where=sa.text("emptied_at IS NULL"),
    )
    op.drop_table("declaration_queue")
