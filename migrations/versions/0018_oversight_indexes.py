"""Indexes by which looks and acts are searched and sealed, built while both tables are written."""

from __future__ import annotations

from contextlib import nullcontext

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_access_log_actor_id_at", "access_log", ["actor_id", "at"]),
    ("ix_access_log_organisation_id_at", "access_log", ["organisation_id", "at"]),
    ("ix_access_log_sealed_in_at_resident_id_id", "access_log", ["sealed_in", "at", "resident_id", "id"]),
    ("ix_trail_sealed_in_at_id", "trail", ["sealed_in", "at", "id"]),
)
BESIDE_OLD_CODE = {
    "drop_index": "Only an index of this migration itself, which a try that was broken off has left invalid.",
}


def upgrade() -> None:
    """Nothing else belongs here: what is built CONCURRENTLY stands before the migration is noted as done."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    with op.get_context().autocommit_block() if postgresql else nullcontext():
        for name, table, columns in INDEXES:
            op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
            op.create_index(name, table, columns, postgresql_concurrently=True)


def downgrade() -> None:
    for name, table, _ in reversed(INDEXES):
        op.drop_index(name, table_name=table)
