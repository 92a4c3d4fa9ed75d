"""The scores that are due, by day and key, so that a nightly run goes through them in stretches of the index."""

from __future__ import annotations

from contextlib import nullcontext

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

BESIDE_OLD_CODE = {
    "drop_index": "The new index serves the nightly question of the version before as well as its own did.",
}


def upgrade() -> None:
    """Nothing else belongs here: what is built CONCURRENTLY stands before the migration is noted as done."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    with op.get_context().autocommit_block() if postgresql else nullcontext():
        op.drop_index("ix_scores_due_keys", "scores", if_exists=True, postgresql_concurrently=True)
        op.create_index("ix_scores_due_keys", "scores", ["next_change_on", "resident_id"], postgresql_concurrently=True)
        op.drop_index("ix_scores_due", "scores", if_exists=True, postgresql_concurrently=True)


def downgrade() -> None:
    op.create_index("ix_scores_due", "scores", ["next_change_on"])
    op.drop_index("ix_scores_due_keys", table_name="scores")
