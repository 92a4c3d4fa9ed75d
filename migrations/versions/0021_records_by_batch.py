"""Indexes by which a batch's records are found, built while both tables are written."""

from __future__ import annotations

from contextlib import nullcontext

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TABLES = ("records", "entity_records")
BESIDE_OLD_CODE = {
    "drop_index": "Only an index of this migration itself, which a try that was broken off has left invalid.",
}


def upgrade() -> None:
    """Nothing else belongs here: what is built CONCURRENTLY stands before the migration is noted as done."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    reported = sa.text("batch_id IS NOT NULL")
    with op.get_context().autocommit_block() if postgresql else nullcontext():
        for table in TABLES:
            name = f"ix_{table}_batch_id"
            op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
            op.create_index(
                name, table, ["batch_id", "status"], postgresql_where=reported, sqlite_where=reported,
                postgresql_concurrently=True,
            )  # fmt: skip


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_index(f"ix_{table}_batch_id", table_name=table)
