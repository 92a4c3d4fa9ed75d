"""By which pairs of characters legal entities are found by name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "entity_names",
        sa.Column("entity_code", sa.String(length=18), nullable=False),
        sa.Column("folded", sa.String(length=400), nullable=False),
        sa.Column("named_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rules_mark", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("entity_code", name=op.f("pk_entity_names")),
    )
    op.create_table(
        "entity_name_grams",
        sa.Column("gram", sa.String(length=2), nullable=False),
        sa.Column("entity_code", sa.String(length=18), nullable=False),
        sa.PrimaryKeyConstraint("gram", "entity_code", name=op.f("pk_entity_name_grams")),
    )


def downgrade() -> None:
    op.drop_table("entity_name_grams")
    op.drop_table("entity_names")
