"""What says whether a record counts, in the index by which a person's archive is found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

KEYS = ["resident_id", "item_code", "document_no"]
BESIDE_OLD_CODE = {
    "drop_index": "Only an index of this migration itself, which a try that was broken off has left invalid.",
    "create_index": "Unique over the columns of the constraint that stands; it takes its place in the next migration.",
}


def upgrade() -> None:
    """Nothing else belongs here: what is built CONCURRENTLY stands before the migration is noted as done."""
    if op.get_bind().dialect.name != "postgresql":
        return
    with op.get_context().autocommit_block():
        op.drop_index("uq_records_archive", "records", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            "uq_records_archive", "records", KEYS, unique=True, postgresql_concurrently=True,
            postgresql_include=["decided_on", "counts_until_on", "status"],
        )  # fmt: skip


def downgrade() -> None:
    op.execute(sa.text("DROP INDEX IF EXISTS uq_records_archive"))
