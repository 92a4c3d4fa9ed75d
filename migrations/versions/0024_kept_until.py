"""Indexes by which what is past its day is found, built while the archives are written."""

from __future__ import annotations

from contextlib import nullcontext

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

TABLES = ("records", "record_versions", "entity_records", "entity_record_versions")
BESIDE_OLD_CODE = {
    "drop_index": "Only an index of this migration itself, which a try that was broken off has left invalid.",
}


def upgrade() -> None:
    """Nothing else belongs here: what is built CONCURRENTLY stands before the migration is noted as done."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    with op.get_context().autocommit_block() if postgresql else nullcontext():
        for table in TABLES:
            name = f"ix_{table}_kept_until"
            op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
            op.create_index(name, table, ["item_code", "counts_until_on"], postgresql_concurrently=True)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_index(f"ix_{table}_kept_until", table_name=table)
