"""A second person for dangerous acts, enrolment codes of devices, and a deduction as a kind of transfer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
KINDS = "'grant', 'award', 'hold', 'release', 'settlement', 'expiry', 'reversal', 'shortfall', 'recovery'"
CHECKS = (
    ("ledger_transfers", "kind", KINDS, f"{KINDS}, 'deduction'", "ck_ledger_transfers_kind_known"),
    ("devices", "status", "'active', 'suspended'", "'active', 'suspended', 'retired'", "ck_devices_status_known"),
)
BESIDE_OLD_CODE = {
    "execute: ALTER TABLE … DROP CONSTRAINT": "Its wider successor is added by the same statement; old words stay good.",
    "execute: ALTER TABLE … VALIDATE CONSTRAINT": "It looks at rows that the narrower check has let in, and locks none.",
    "create_index devices: unique": "A device makes its own key; the version before meets it only by enrolling one twice.",
}


def upgrade() -> None:
    for table, column, narrow, wide, name in CHECKS:
        _swap(table, column, narrow, wide, name)
    _refuse_twins()
    op.create_index("uq_devices_public_key", "devices", ["public_key"], unique=True)
    op.create_table(
        "approvals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("subject_kind", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.Column("summary", JSON, nullable=False),
        sa.Column("changes", JSON, nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decision_reason", sa.String(length=500), nullable=False),
        sa.Column("result", JSON, nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('proposed', 'approved', 'rejected', 'withdrawn')", name=op.f("ck_approvals_state_known")
        ),
        sa.CheckConstraint(
            "(state IN ('approved', 'rejected')) = (decided_by IS NOT NULL)", name=op.f("ck_approvals_decider_named")
        ),
        sa.CheckConstraint(
            "decided_by IS NULL OR decided_by <> proposed_by", name=op.f("ck_approvals_two_accounts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
    )
    op.create_index("ix_approvals_state_proposed_at", "approvals", ["state", "proposed_at"])
    op.create_index(op.f("ix_approvals_proposed_by"), "approvals", ["proposed_by"])
    op.create_table(
        "disclosures",
        sa.Column("approval_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("people", JSON, nullable=False),
        sa.Column("terms", JSON, nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("downloaded_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("approval_id", name=op.f("pk_disclosures")),
    )
    op.create_table(
        "device_enrolment_codes",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("venue_id", sa.Uuid(), nullable=False),
        sa.Column("label", sa.String(length=80), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(used_at IS NULL) = (device_id IS NULL)", name=op.f("ck_device_enrolment_codes_device_named")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_device_enrolment_codes")),
    )
    op.create_index(op.f("ix_device_enrolment_codes_expires_at"), "device_enrolment_codes", ["expires_at"])


def downgrade() -> None:
    op.drop_table("device_enrolment_codes")
    op.drop_table("disclosures")
    op.drop_table("approvals")
    op.drop_index("uq_devices_public_key", "devices")
    for table, column, narrow, wide, name in CHECKS:
        _swap(table, column, wide, narrow, name)


def _swap(table: str, column: str, before: str, after: str, name: str) -> None:
    """Let a column hold other words.

    PostgreSQL holds the table for the moment of the change alone: every old row is looked at afterwards, while others
    write. Each statement is committed by itself, and repeating all of them does no harm.
    """
    if op.get_bind().dialect.name == "postgresql":
        with op.get_context().autocommit_block():
            op.execute(
                f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name},"
                f" ADD CONSTRAINT {name} CHECK ({column} IN ({after})) NOT VALID"
            )
            op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
        return
    _rewrite(table, f"{column} IN ({before})", f"{column} IN ({after})")


def _refuse_twins() -> None:
    """Say which devices share a key, before the index says no more than that some do."""
    twins = sa.text(
        "SELECT id FROM devices WHERE public_key IN"
        " (SELECT public_key FROM devices GROUP BY public_key HAVING count(*) > 1) ORDER BY public_key, id"
    )
    if found := [str(row.id) for row in op.get_bind().execute(twins)]:
        raise RuntimeError(f"devices that share a key with another; enrol all but one of each anew: {', '.join(found)}")


def _rewrite(table: str, before: str, after: str) -> None:
    """SQLite's own way to change a CHECK (lang_altertable, 7): the table is not copied, so nothing that refers to it
    is touched."""
    connection = op.get_bind()
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    changed = connection.execute(
        sa.text("UPDATE sqlite_master SET sql = replace(sql, :before, :after) WHERE type = 'table' AND name = :name"
                " AND instr(sql, :before)"),
        {"before": before, "after": after, "name": table},
    )  # fmt: skip
    if changed.rowcount != 1:
        raise RuntimeError(f"{table} has no such check: {before}")
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = RESET")
