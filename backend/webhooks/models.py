"""Webhooks, their secrets, and what is sent.

Webhooks and secrets are few and read within every admission (reference). Deliveries lie by partner, apart from the
resident whose act they tell of: they know no resident.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, distributed, reference


class Webhook(Base):
    """Where a partner listens. ``place``: which of its five it is. ``events``: names, each with a space on both sides.

    ``failing_since``: the first failure after the last success; written only when that turns.
    """

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        UniqueConstraint("partner_id", "place"),
        CheckConstraint("place BETWEEN 1 AND 5", name="five_places"),
        CheckConstraint("(status = 'active') = (disabled_reason IS NULL)", name="reason_given"),
        reference(),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    place: Mapped[int]
    url: Mapped[str] = mapped_column(String(500))
    events: Mapped[str] = mapped_column(String(500))
    description: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(10))
    disabled_reason: Mapped[str | None] = mapped_column(String(20))
    failing_since: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class WebhookSecret(Base):
    """What signs. The one without an end is the newest; the others sign beside it until theirs."""

    __tablename__ = "webhook_secrets"
    __table_args__ = (reference(),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    webhook_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoints.id"), index=True)
    secret_sealed: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]


WAITING = "state = 'waiting'"


class Delivery(Base):
    """One event for one webhook. ``body``: the very bytes that are signed and sent, each time the same.

    No foreign key to the webhook: whoever deletes one must not make an admission fail at that moment. A row whose
    webhook is gone is deleted when its turn comes. ``tries_before``: those before somebody asked for a new round.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index(
            "ix_webhook_deliveries_waiting", "partner_id", "webhook_id", "due_at",
            postgresql_where=text(WAITING), sqlite_where=text(WAITING),
        ),
        Index("ix_webhook_deliveries_log", "partner_id", "webhook_id", "created_at", "id"),
        Index("ix_webhook_deliveries_created_at", "created_at"),
        distributed("partner_id"),
    )  # fmt: skip

    partner_id: Mapped[UUID] = mapped_column(primary_key=True)
    webhook_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    event: Mapped[str] = mapped_column(String(40))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(10))
    tries: Mapped[int]
    tries_before: Mapped[int]
    due_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    last_tried_at: Mapped[datetime | None]
    last_status: Mapped[int | None]
    last_error: Mapped[str | None] = mapped_column(String(40))
    last_answer: Mapped[str | None] = mapped_column(String(500))
    delivered_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
