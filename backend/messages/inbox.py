"""The inbox: what a person was told, whether or not WeChat told it too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, tuple_, update
from sqlalchemy.orm import Session

from backend.kit import clock, outbox
from backend.kit.db import Reader, insert_if_absent
from backend.kit.errors import NotFound
from backend.kit.ids import new_id
from backend.messages import rules
from backend.messages.models import MessageRow

WRITTEN = "messages.written"
_COLUMNS = tuple(MessageRow.__table__.c)


def write(
    session: Session, recipient_id: UUID, kind: str, *, person: UUID | None = None, message_id: UUID | None = None,
    **facts: Any,
) -> UUID | None:  # fmt: skip
    """Put a message into an inbox and let WeChat be asked after commit; its id.

    ``person``: whose consent decides about WeChat, where the recipient is an account. ``message_id`` makes a repeat
    harmless: None then.
    """
    made, (title, body, link) = message_id or new_id(), rules.text(kind, facts)
    values = dict(recipient_id=recipient_id, id=made, kind=kind, title=title, body=body, link=link,
                  created_at=clock.now(), read_at=None)  # fmt: skip
    if not insert_if_absent(session, MessageRow, values, ("recipient_id", "id")):
        return None
    told = {"recipient_id": str(recipient_id), "message_id": str(made), "person": str(person or recipient_id)}
    outbox.tell(session, WRITTEN, told, shard=recipient_id)
    return made


def messages(
    reader: Reader, recipients: Sequence[UUID], limit: int, before: tuple[datetime, UUID] | None = None
) -> Sequence[Row[Any]]:
    """Up to ``limit`` messages of these recipients, the newest first, those before a position."""
    statement = select(*_COLUMNS).where(MessageRow.recipient_id.in_(recipients))
    if before is not None:
        statement = statement.where(tuple_(MessageRow.created_at, MessageRow.id) < tuple_(*before))
    return reader.execute(statement.order_by(MessageRow.created_at.desc(), MessageRow.id.desc()).limit(limit)).all()


def unread(reader: Reader, recipients: Sequence[UUID]) -> int:
    """How many messages wait to be read."""
    waiting = (MessageRow.recipient_id.in_(recipients), MessageRow.read_at.is_(None))
    return int(reader.execute(select(func.count()).where(*waiting)).scalar_one())


def read_message(session: Session, recipients: Sequence[UUID], message_id: UUID) -> Row[Any]:
    """Mark a message as read, once; the message. Raises NotFound for another's."""
    this = (MessageRow.recipient_id.in_(recipients), MessageRow.id == message_id)
    session.execute(update(MessageRow).where(*this, MessageRow.read_at.is_(None)).values(read_at=clock.now()))
    row = session.execute(select(*_COLUMNS).where(*this)).first()
    if row is None:
        raise NotFound()
    return row
