"""Staff come in by a link, recover by codes, may sign in elsewhere; sessions say where they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("staff", sa.Column("resident_id", sa.Uuid(), nullable=True))
    op.add_column("sessions", sa.Column("agent", sa.String(length=40), nullable=True))
    op.add_column("sessions", sa.Column("refreshed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "staff_invitations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("username", sa.String(length=40), nullable=False),
        sa.Column("display_name", sa.String(length=60), nullable=False),
        sa.Column("roles", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("resident_id", sa.Uuid(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('join', 'password', 'everything')", name=op.f("ck_staff_invitations_kind_known")),
        sa.CheckConstraint(
            "(kind = 'join') = (staff_id IS NULL)", name=op.f("ck_staff_invitations_join_has_no_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_invitations")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_staff_invitations_token_digest")),
    )
    op.create_index(op.f("ix_staff_invitations_expires_at"), "staff_invitations", ["expires_at"], unique=False)
    op.create_index(op.f("ix_staff_invitations_username"), "staff_invitations", ["username"], unique=False)
    op.create_table(
        "staff_pending_secrets",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("secret_sealed", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_staff_pending_secrets")),
    )
    op.create_index(op.f("ix_staff_pending_secrets_expires_at"), "staff_pending_secrets", ["expires_at"], unique=False)
    op.create_table(
        "staff_recovery_codes",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("selector", sa.String(length=4), nullable=False),
        sa.Column("code_hash", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_recovery_codes_staff_id")),
        sa.PrimaryKeyConstraint("staff_id", "selector", name=op.f("pk_staff_recovery_codes")),
    )
    op.create_table(
        "staff_oidc_identities",
        sa.Column("issuer", sa.String(length=250), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_oidc_identities_staff_id")),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_staff_oidc_identities")),
        sa.UniqueConstraint("staff_id", name=op.f("uq_staff_oidc_identities_staff_id")),
    )
    op.create_table(
        "staff_oidc_flows",
        sa.Column("state_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("issuer", sa.String(length=250), nullable=False),
        sa.Column("nonce", sa.String(length=50), nullable=False),
        sa.Column("verifier_sealed", sa.Text(), nullable=False),
        sa.Column("browser_key_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("invitation_id", sa.Uuid(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("state_digest", name=op.f("pk_staff_oidc_flows")),
    )
    op.create_index(op.f("ix_staff_oidc_flows_expires_at"), "staff_oidc_flows", ["expires_at"], unique=False)


def downgrade() -> None:
    for table in ("flows", "identities"):
        op.drop_table(f"staff_oidc_{table}")
    for table in ("recovery_codes", "pending_secrets", "invitations"):
        op.drop_table(f"staff_{table}")
    op.drop_column("sessions", "refreshed_at")
    op.drop_column("sessions", "agent")
    op.drop_column("staff", "resident_id")
