"""The door: what becomes of a conflict, and finding an admission by its device and a conflict by its partner."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

CLAIMS = "perks_conflict_claims"
OF_DEVICE = "admission_id IS NOT NULL"
CONFLICT = "conflict_reason <> ''"


def upgrade() -> None:
    op.create_table(
        CLAIMS,
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("admission_id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.String(length=10), nullable=False),
        sa.Column("claim", sa.String(length=400), nullable=False),
        sa.Column("claimed_by", sa.Uuid(), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", sa.String(length=400), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "step IN ('claimed', 'waived', 'accepted', 'rejected')", name=op.f("ck_perks_conflict_claims_step_known")
        ),
        sa.ForeignKeyConstraint(
            ["resident_id", "admission_id"],
            ["perks_admissions.resident_id", "perks_admissions.id"],
            name=op.f("fk_perks_conflict_claims_resident_id_admission_id"),
        ),
        sa.PrimaryKeyConstraint("resident_id", "admission_id", name=op.f("pk_perks_conflict_claims")),
    )
    op.create_index("ix_perks_conflict_claims_step", CLAIMS, ["step", "claimed_at", "admission_id"])
    op.create_index("ix_perks_conflict_claims_admission", CLAIMS, ["admission_id"])
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_perks_admissions_conflicts", "perks_admissions", ["partner_id", "recorded_at", "id"],
            postgresql_where=sa.text(CONFLICT), sqlite_where=sa.text(CONFLICT), postgresql_concurrently=True,
        )  # fmt: skip
        op.create_index(
            "ix_perks_scans_device_admission", "perks_scans", ["device_id", "admission_id"],
            postgresql_where=sa.text(OF_DEVICE), sqlite_where=sa.text(OF_DEVICE), postgresql_concurrently=True,
        )  # fmt: skip


def downgrade() -> None:
    op.drop_index("ix_perks_scans_device_admission", "perks_scans")
    op.drop_index("ix_perks_admissions_conflicts", "perks_admissions")
    op.drop_table(CLAIMS)
