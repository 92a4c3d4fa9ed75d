"""Settlement: statements, their lines, what was corrected and what is disputed of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "settlement_statements",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("total_fen", sa.BigInteger(), nullable=False),
        sa.Column("total_points", sa.BigInteger(), nullable=False),
        sa.Column("open_disputes", sa.Integer(), nullable=False),
        sa.Column("review_until_on", sa.Date(), nullable=False),
        sa.Column("lines_through_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lines_through_id", sa.Uuid(), nullable=True),
        sa.Column("prepared_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("agreed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("agreed_by", sa.Uuid(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "(state = 'closed') = (closed_at IS NOT NULL)", name=op.f("ck_settlement_statements_closed_has_instant")
        ),
        sa.CheckConstraint(
            "(state = 'closed') = (digest <> '')", name=op.f("ck_settlement_statements_closed_has_digest")
        ),
        sa.CheckConstraint(
            "state <> 'closed' OR open_disputes = 0", name=op.f("ck_settlement_statements_closed_without_disputes")
        ),
        sa.CheckConstraint(
            "state IN ('preparing', 'proposed', 'agreed', 'closed')", name=op.f("ck_settlement_statements_state_known")
        ),
        sa.CheckConstraint("open_disputes >= 0", name=op.f("ck_settlement_statements_disputes_not_negative")),
        sa.ForeignKeyConstraint(["partner_id"], ["organisations.id"], name=op.f("fk_settlement_statements_partner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement_statements")),
        sa.UniqueConstraint("partner_id", "month", name=op.f("uq_settlement_statements_partner_id_month")),
        info={"citus": ("reference",)},
    )
    op.create_index("ix_settlement_statements_month", "settlement_statements", ["month"], unique=False)
    op.create_table(
        "settlement_corrections",
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("admission_id", sa.Uuid(), nullable=False),
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("line_number", sa.Integer(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("placed_in", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["placed_in"], ["settlement_statements.id"], name=op.f("fk_settlement_corrections_placed_in")
        ),
        sa.ForeignKeyConstraint(
            ["statement_id"], ["settlement_statements.id"], name=op.f("fk_settlement_corrections_statement_id")
        ),
        sa.PrimaryKeyConstraint("partner_id", "admission_id", name=op.f("pk_settlement_corrections")),
        info={"citus": ("hash", "partner_id")},
    )
    op.create_table(
        "settlement_disputes",
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("line_number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("text", sa.String(length=500), nullable=False),
        sa.Column("wanted_fen", sa.Integer(), nullable=False),
        sa.Column("raised_by", sa.Uuid(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.CheckConstraint(
            "(state = 'open') = (decided_at IS NULL)", name=op.f("ck_settlement_disputes_decided_has_instant")
        ),
        sa.CheckConstraint("state IN ('open', 'upheld', 'rejected')", name=op.f("ck_settlement_disputes_state_known")),
        sa.ForeignKeyConstraint(
            ["statement_id"], ["settlement_statements.id"], name=op.f("fk_settlement_disputes_statement_id")
        ),
        sa.PrimaryKeyConstraint("partner_id", "id", name=op.f("pk_settlement_disputes")),
        sa.UniqueConstraint(
            "partner_id",
            "statement_id",
            "line_number",
            name=op.f("uq_settlement_disputes_partner_id_statement_id_line_number"),
        ),
        info={"citus": ("hash", "partner_id")},
    )
    op.create_table(
        "settlement_lines",
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("admission_id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("venue_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=True),
        sa.Column("funding_account", sa.String(length=60), nullable=False),
        sa.Column("price_fen", sa.Integer(), nullable=False),
        sa.Column("due_fen", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.CheckConstraint("kind IN ('admission', 'correction')", name=op.f("ck_settlement_lines_kind_known")),
        sa.ForeignKeyConstraint(["offer_id"], ["perks_offers.id"], name=op.f("fk_settlement_lines_offer_id")),
        sa.ForeignKeyConstraint(
            ["statement_id"], ["settlement_statements.id"], name=op.f("fk_settlement_lines_statement_id")
        ),
        sa.ForeignKeyConstraint(["venue_id"], ["perks_venues.id"], name=op.f("fk_settlement_lines_venue_id")),
        sa.PrimaryKeyConstraint("partner_id", "statement_id", "number", name=op.f("pk_settlement_lines")),
        sa.UniqueConstraint(
            "partner_id", "admission_id", "kind", name=op.f("uq_settlement_lines_partner_id_admission_id_kind")
        ),
        info={"citus": ("hash", "partner_id")},
    )
    op.create_index("ix_settlement_lines_transfer", "settlement_lines", ["partner_id", "transfer_id"], unique=False)


def downgrade() -> None:
    for name in ("lines", "disputes", "corrections", "statements"):
        op.drop_table(f"settlement_{name}")
