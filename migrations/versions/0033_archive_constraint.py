"""The constraint on a person's documents stands on the index that says whether a record counts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

NAME = "uq_records_resident_id_item_code_document_no"
KEYS = "resident_id, item_code, document_no"
BESIDE_OLD_CODE = {
    "execute: ALTER TABLE": "One statement: the same constraint of the same name over the same columns, on a wider index.",
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            sa.text(
                f"ALTER TABLE records DROP CONSTRAINT {NAME}, ADD CONSTRAINT {NAME} UNIQUE USING INDEX uq_records_archive"
            )
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            sa.text(
                f"ALTER TABLE records DROP CONSTRAINT {NAME}, ADD CONSTRAINT {NAME} UNIQUE ({KEYS});"
                f"CREATE UNIQUE INDEX uq_records_archive ON records ({KEYS}) INCLUDE (decided_on, counts_until_on, status)"
            )
        )
