"""The index by which a legal entity's record is found by its document's number, built while the archive is written."""

from __future__ import annotations

from contextlib import nullcontext

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

NAME = "ix_entity_records_document_no"
BESIDE_OLD_CODE = {
    "drop_index": "Only the index of this migration itself, which a try that was broken off has left invalid.",
}


def upgrade() -> None:
    """Nothing else belongs here: what is built CONCURRENTLY stands before the migration is noted as done."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    with op.get_context().autocommit_block() if postgresql else nullcontext():
        op.drop_index(NAME, "entity_records", if_exists=True, postgresql_concurrently=True)
        op.create_index(NAME, "entity_records", ["document_no"], postgresql_concurrently=True)


def downgrade() -> None:
    op.drop_index(NAME, table_name="entity_records")
