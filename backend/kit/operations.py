"""Idempotency: an act that the caller named beforehand happens once.

The row is inserted first, in the act's own transaction, so that of two equal requests one waits for the other and
then finds what it made. A refusal that is raised rolls the row back and is thus not remembered.
"""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import LargeBinary, String, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from backend.kit import clock
from backend.kit.db import Base, distributed, insert_if_absent
from backend.kit.errors import IdempotencyConflict

KEPT_DAYS = 30


class Operation(NamedTuple):
    """Who acts, under which key, and a keyed digest of method, path and body."""

    actor_id: UUID
    key: UUID
    digest: bytes


class OperationRow(Base):
    __tablename__ = "operations"
    __table_args__ = (distributed("actor_id"),)

    actor_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[UUID] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    kind: Mapped[str] = mapped_column(String(60))
    result_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(index=True)


def begin(session: Session, operation: Operation, kind: str) -> UUID | None:
    """None when this is the first time; otherwise the id of what the same request made before.

    Raises IdempotencyConflict when the key was used for another request.
    """
    values: dict[str, Any] = {**operation._asdict(), "kind": kind, "result_id": None, "created_at": clock.now()}
    if insert_if_absent(session, OperationRow, values, ("actor_id", "key")):
        return None
    row = session.execute(
        select(OperationRow.digest, OperationRow.kind, OperationRow.result_id).where(
            OperationRow.actor_id == operation.actor_id, OperationRow.key == operation.key
        )
    ).one()
    if row.kind != kind or not hmac.compare_digest(row.digest, operation.digest):
        raise IdempotencyConflict()
    if row.result_id is None:
        raise RuntimeError(f"{kind} committed an operation without saying what it made")
    result: UUID = row.result_id
    return result


def finish(session: Session, operation: Operation, result_id: UUID) -> None:
    """Name what the operation made, so that a repeat can be shown it."""
    session.execute(
        update(OperationRow)
        .where(OperationRow.actor_id == operation.actor_id, OperationRow.key == operation.key)
        .values(result_id=result_id)
    )


def forget_old(session: Session) -> int:
    """Delete the operations that nobody repeats any more (30 days)."""
    result = session.execute(
        delete(OperationRow).where(OperationRow.created_at < clock.now() - timedelta(days=KEPT_DAYS))
    )
    return int(getattr(result, "rowcount", 0))
