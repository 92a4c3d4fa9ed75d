"""One archive per legal entity, and the old codes that lead to it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "entities",
        sa.Column("code", sa.String(length=18), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("known_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Uuid(), nullable=True),
        sa.Column("change_reason", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_entities")),
    )
    op.create_table(
        "entity_aliases",
        sa.Column("scheme", sa.String(length=20), nullable=False),
        sa.Column("value", sa.String(length=40), nullable=False),
        sa.Column("entity_code", sa.String(length=18), nullable=False),
        sa.PrimaryKeyConstraint("scheme", "value", name=op.f("pk_entity_aliases")),
    )
    op.execute(
        """
        INSERT INTO entities (code, name, known_from, changed_at, change_reason)
        SELECT entity_code, entity_name, first_known, known_from, ''
        FROM (
            SELECT entity_code, entity_name, known_from,
                   min(known_from) OVER (PARTITION BY entity_code) AS first_known,
                   row_number() OVER (PARTITION BY entity_code ORDER BY known_from DESC, id DESC) AS place
            FROM entity_records
        ) AS named
        WHERE place = 1
        """
    )
    op.execute(
        """
        INSERT INTO entity_aliases (scheme, value, entity_code)
        SELECT 'organisation_code', substr(code, 9, 9), min(code) FROM entities GROUP BY substr(code, 9, 9)
        """
    )


def downgrade() -> None:
    op.drop_table("entity_aliases")
    op.drop_table("entities")
