"""An admission says what the partner is owed for it, who pays that, and when a conflict was decided."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

TABLE = "perks_admissions"


def upgrade() -> None:
    op.add_column(TABLE, sa.Column("settlement_fen", sa.Integer(), nullable=False, server_default="0"))
    op.add_column(TABLE, sa.Column("funding_account", sa.String(60), nullable=False, server_default=""))
    op.add_column(TABLE, sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for name in ("decided_at", "funding_account", "settlement_fen"):
        op.drop_column(TABLE, name)
