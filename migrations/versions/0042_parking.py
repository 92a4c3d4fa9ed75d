"""Plates, what operators of car parks may ask about them, and what they asked."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def _column(name: str, kind: Any, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=nullable)


def upgrade() -> None:
    _drivers()
    _seen()
    _operators()


def _drivers() -> None:
    op.create_table(
        "parking_plates",
        _column("resident_id", sa.Uuid()), _column("id", sa.Uuid()), _column("plate_sealed", sa.Text()),
        _column("state", sa.String(10)), _column("created_at", INSTANT), _column("confirmed_at", INSTANT, True),
        _column("ended_at", INSTANT, True),
        sa.CheckConstraint(
            "state IN ('pending', 'confirmed', 'ended')", name=op.f("ck_parking_plates_state_known")
        ),
        sa.CheckConstraint(
            "state <> 'confirmed' OR confirmed_at IS NOT NULL", name=op.f("ck_parking_plates_confirmed_has_time")
        ),
        sa.PrimaryKeyConstraint("resident_id", "id", name=op.f("pk_parking_plates")),
    )
    op.create_index("ix_parking_plates_state_created", "parking_plates", ["state", "created_at"])
    op.create_table(
        "parking_plate_lookups",
        _column("key_id", sa.String(16)), _column("digest", sa.LargeBinary(32)), _column("resident_id", sa.Uuid()),
        _column("plate_id", sa.Uuid()), _column("confirmed", sa.Boolean()),
        sa.PrimaryKeyConstraint("key_id", "digest", "resident_id", name=op.f("pk_parking_plate_lookups")),
    )
    confirmed = sa.text("confirmed")
    op.create_index(
        "uq_parking_plate_lookups_confirmed", "parking_plate_lookups", ["key_id", "digest"], unique=True,
        postgresql_where=confirmed, sqlite_where=confirmed,
    )
    op.create_index("ix_parking_plate_lookups_resident", "parking_plate_lookups", ["resident_id"])
    op.create_table(
        "parking_operators",
        _column("resident_id", sa.Uuid()), _column("plate_id", sa.Uuid()), _column("partner_id", sa.Uuid()),
        _column("granted", sa.Boolean()), _column("text_version", sa.String(40)), _column("changed_at", INSTANT),
        sa.PrimaryKeyConstraint("resident_id", "plate_id", "partner_id", name=op.f("pk_parking_operators")),
    )


def _seen() -> None:
    op.create_table(
        "parking_questions",
        _column("resident_id", sa.Uuid()), _column("id", sa.Uuid()), _column("plate_id", sa.Uuid()),
        _column("partner_id", sa.Uuid()), _column("venue_id", sa.Uuid()), _column("purpose", sa.String(12)),
        _column("answered_yes", sa.Boolean()), _column("asked_at", INSTANT),
        sa.PrimaryKeyConstraint("resident_id", "id", name=op.f("pk_parking_questions")),
    )
    op.create_index("ix_parking_questions_resident_asked", "parking_questions", ["resident_id", "asked_at", "id"])
    op.create_index("ix_parking_questions_asked_at", "parking_questions", ["asked_at"])
    op.create_table(
        "parking_stays",
        _column("resident_id", sa.Uuid()), _column("id", sa.Uuid()), _column("plate_id", sa.Uuid()),
        _column("partner_id", sa.Uuid()), _column("venue_id", sa.Uuid()), _column("ticket", sa.String(64)),
        _column("state", sa.String(10)), _column("entered_at", INSTANT), _column("exited_at", INSTANT, True),
        _column("fee_fen", sa.BigInteger(), True), _column("offer_id", sa.Uuid(), True),
        _column("admission_id", sa.Uuid(), True), _column("obligation_id", sa.Uuid(), True),
        _column("recorded_at", INSTANT),
        sa.CheckConstraint("state IN ('inside', 'left', 'unlinked')", name=op.f("ck_parking_stays_state_known")),
        sa.PrimaryKeyConstraint("resident_id", "id", name=op.f("pk_parking_stays")),
    )
    op.create_index("ix_parking_stays_resident_entered", "parking_stays", ["resident_id", "entered_at", "id"])
    op.create_index("ix_parking_stays_recorded_at", "parking_stays", ["recorded_at"])


def _operators() -> None:
    op.create_table(
        "parking_tickets",
        _column("venue_id", sa.Uuid()), _column("ticket", sa.String(64)), _column("partner_id", sa.Uuid()),
        _column("device_id", sa.Uuid()), _column("stay_id", sa.Uuid()), _column("resident_id", sa.Uuid(), True),
        _column("entered_at", INSTANT), _column("exited_at", INSTANT, True),
        _column("fee_fen", sa.BigInteger(), True), _column("recorded_at", INSTANT),
        sa.CheckConstraint("fee_fen >= 0", name=op.f("ck_parking_tickets_fee_not_negative")),
        sa.CheckConstraint("(exited_at IS NULL) = (fee_fen IS NULL)", name=op.f("ck_parking_tickets_exit_has_fee")),
        sa.PrimaryKeyConstraint("venue_id", "ticket", name=op.f("pk_parking_tickets")),
    )
    op.create_index("ix_parking_tickets_resident", "parking_tickets", ["resident_id"])
    op.create_index("ix_parking_tickets_recorded_at", "parking_tickets", ["recorded_at"])
    op.create_table(
        "parking_answers",
        _column("device_id", sa.Uuid()), _column("id", sa.Uuid()),
        _column("told", sa.JSON().with_variant(postgresql.JSONB(), "postgresql")), _column("answered_at", INSTANT),
        sa.PrimaryKeyConstraint("device_id", "id", name=op.f("pk_parking_answers")),
    )
    op.create_index("ix_parking_answers_answered_at", "parking_answers", ["answered_at"])


def downgrade() -> None:
    for table in ("answers", "tickets", "stays", "questions", "operators", "plate_lookups", "plates"):
        op.drop_table(f"parking_{table}")
