"""What was withdrawn with its batch may be reported anew."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

TABLES = ("records", "record_versions", "entity_records", "entity_record_versions")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("recalled", sa.Boolean(), nullable=True))


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_column(table, "recalled")
