"""Signing keys, status lists, printed codes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "code_keys",
        sa.Column("kid", sa.String(length=8), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("issuer", sa.String(length=12), nullable=False),
        sa.Column("public_jwk", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("secret_sealed", sa.Text(), nullable=True),
        sa.Column("pointer_sealed", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("active_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verifies_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(retires_at IS NULL) = (verifies_until IS NULL)", name=op.f("ck_code_keys_retires_and_ends")
        ),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_code_keys")),
    )
    op.create_table(
        "code_revocations",
        sa.Column("list_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("status_index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("list_id", "status_index", name=op.f("pk_code_revocations")),
    )
    op.create_table(
        "code_status_lists",
        sa.Column("list_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size_bits", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("size_bits > 0 AND size_bits % 8 = 0", name=op.f("ck_code_status_lists_whole_bytes")),
        sa.PrimaryKeyConstraint("list_id", name=op.f("pk_code_status_lists")),
    )
    op.create_table(
        "code_statuses",
        sa.Column("list_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("status_index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("list_id", "status_index", name=op.f("pk_code_statuses")),
    )
    op.create_index("ix_code_statuses_expires_at", "code_statuses", ["expires_at"], unique=False)
    op.create_table(
        "printed_codes",
        sa.Column("code", sa.String(length=10), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.CheckConstraint("(revoked_at IS NULL) = (reason = '')", name=op.f("ck_printed_codes_revoked_with_reason")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_printed_codes")),
    )
    op.create_index("ix_printed_codes_subject", "printed_codes", ["kind", "subject_id"], unique=False)


def downgrade() -> None:
    op.drop_table("printed_codes")
    op.drop_table("code_statuses")
    op.drop_table("code_status_lists")
    op.drop_table("code_revocations")
    op.drop_table("code_keys")
