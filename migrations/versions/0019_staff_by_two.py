"""Links that wait for a second person."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("staff_invitations", sa.Column("awaits_approval_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("staff_invitations", "awaits_approval_id")
