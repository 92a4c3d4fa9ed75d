"""A legal entity's documents are unique in the order by which they are looked up; an index that the key serves goes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

OLD = "uq_entity_records_entity_code_item_code_document_no"
NEW = "uq_entity_records_document_no_item_code_entity_code"
KEYS = ["document_no", "item_code", "entity_code"]
SHOWN = "ix_entity_records_shown"
BESIDE_OLD_CODE = {
    "execute: ALTER TABLE": "One statement: a constraint over the same columns in another order, on an index that stands.",
    "drop_index": "Whoever looked there finds an entity's few records by the primary key, which begins with its code.",
    "drops the constraint": "Only on SQLite, where one process is the whole installation; the same columns stay unique.",
    "create_unique_constraint": "Only on SQLite, over the columns that were unique before, in another order.",
}


def upgrade() -> None:
    op.drop_index(SHOWN, table_name="entity_records")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            sa.text(f"ALTER TABLE entity_records DROP CONSTRAINT {OLD}, ADD CONSTRAINT {NEW} UNIQUE USING INDEX {NEW}")
        )
        return
    with op.batch_alter_table("entity_records") as table:
        table.drop_constraint(OLD, type_="unique")
        table.create_unique_constraint(NEW, KEYS)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            sa.text(
                f"ALTER TABLE entity_records DROP CONSTRAINT {NEW},"
                " ADD CONSTRAINT " + OLD + " UNIQUE (entity_code, item_code, document_no);"
                f"CREATE UNIQUE INDEX {NEW} ON entity_records ({', '.join(KEYS)})"
            )
        )
    else:
        with op.batch_alter_table("entity_records") as table:
            table.drop_constraint(NEW, type_="unique")
            table.create_unique_constraint(OLD, ["entity_code", "item_code", "document_no"])
    op.create_index(SHOWN, "entity_records", ["entity_code", "publicity_until_on"])
