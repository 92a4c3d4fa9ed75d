"""The index by which a partner's accepted conflicts are found, built while admissions are written."""

from __future__ import annotations

from contextlib import nullcontext

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0041"
branch_labels = None
depends_on = None

NAME = "ix_perks_admissions_accepted"
BESIDE_OLD_CODE = {
    "drop_index": "Only the index of this migration itself, which a try that was broken off has left invalid.",
}


def upgrade() -> None:
    """Nothing else belongs here: what is built CONCURRENTLY stands before the migration is noted as done."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    accepted = sa.text("standing = 'accepted'")
    with op.get_context().autocommit_block() if postgresql else nullcontext():
        op.drop_index(NAME, "perks_admissions", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            NAME, "perks_admissions", ["partner_id", "decided_at"], postgresql_where=accepted, sqlite_where=accepted,
            postgresql_concurrently=True,
        )  # fmt: skip


def downgrade() -> None:
    op.drop_index(NAME, table_name="perks_admissions")
