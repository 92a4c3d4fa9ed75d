"""The index by which a legal entity's record is found by its document's number, built while the archive is written.

It is that of the documents' uniqueness too, in the next step: an archive that takes a million rows at once pays for
each index that it has.
"""

from __future__ import annotations

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

NAME = "uq_entity_records_document_no_item_code_entity_code"
KEYS = ["document_no", "item_code", "entity_code"]
BESIDE_OLD_CODE = {
    "drop_index": "Only the index of this migration itself, which a try that was broken off has left invalid.",
    "create_index": "Unique over the columns of the constraint that stands; it takes its place in a later migration.",
}


def upgrade() -> None:
    """Nothing else belongs here: what is built CONCURRENTLY stands before the migration is noted as done."""
    if op.get_bind().dialect.name != "postgresql":
        return
    with op.get_context().autocommit_block():
        op.drop_index(NAME, "entity_records", if_exists=True, postgresql_concurrently=True)
        op.create_index(NAME, "entity_records", KEYS, unique=True, postgresql_concurrently=True)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index(NAME, table_name="entity_records", if_exists=True)
