"""Tables of messages. A recipient is a person, or a WeChat account that is nobody's any more."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, distributed


class MessageRow(Base):
    __tablename__ = "messages"
    __table_args__ = (
        Index("ix_messages_recipient_id_created_at", "recipient_id", "created_at"),
        distributed("recipient_id"),
    )

    recipient_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(40))
    body: Mapped[str] = mapped_column(String(400))
    link: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime] = mapped_column(index=True)
    read_at: Mapped[datetime | None]


class AcceptanceRow(Base):
    """One *yes* to a template in WeChat's dialogue: good for one message."""

    __tablename__ = "message_acceptances"
    __table_args__ = (distributed("account_id"),)

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    template: Mapped[str] = mapped_column(String(40))
    accepted_at: Mapped[datetime]
    spent_at: Mapped[datetime | None] = mapped_column(index=True)


class DeliveryRow(Base):
    """What became of a message on its way through WeChat. It is written before the call: none is sent twice."""

    __tablename__ = "message_deliveries"
    __table_args__ = (distributed("recipient_id"),)

    recipient_id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID]
    template: Mapped[str] = mapped_column(String(40))
    outcome: Mapped[str] = mapped_column(String(20))
    errcode: Mapped[int | None]
    at: Mapped[datetime] = mapped_column(index=True)
