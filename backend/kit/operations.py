"""Idempotency: an act that the caller named beforehand happens once.

The row is inserted first, in the act's own transaction, so that of two equal requests one waits for the other and
then finds what it made. A refusal that is raised rolls the row back and is thus not remembered.
"""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import LargeBinary, String, bindparam, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from backend.kit import clock
from backend.kit.db import Base, distributed, insert_if_absent
from backend.kit.errors import IdempotencyConflict
from backend.kit.prepared import Prepared

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


_ROW: Any = OperationRow.__table__
_SAID = Prepared(
    select(_ROW.c.digest, _ROW.c.kind, _ROW.c.result_id).where(
        _ROW.c.actor_id == bindparam("actor"), _ROW.c.key == bindparam("named")
    )
)
_NAME_RESULT = Prepared(
    update(_ROW)
    .where(_ROW.c.actor_id == bindparam("actor"), _ROW.c.key == bindparam("named"))
    .values(result_id=bindparam("result"))
)


def begin(session: Session, operation: Operation, kind: str, makes: UUID | None = None) -> UUID | None:
    """None when this is the first time; otherwise the id of what the same request made before.

    ``makes``: the id of what will be made, where the caller has chosen it already; ``finish`` is then not needed.
    Raises IdempotencyConflict when the key was used for another request.
    """
    values: dict[str, Any] = {**operation._asdict(), "kind": kind, "result_id": makes, "created_at": clock.now()}
    if insert_if_absent(session, OperationRow, values, ("actor_id", "key")):
        return None
    row = _SAID.first(session, {"actor": operation.actor_id, "named": operation.key})
    if row.kind != kind or not hmac.compare_digest(row.digest, operation.digest):
        raise IdempotencyConflict()
    if row.result_id is None:
        raise RuntimeError(f"{kind} committed an operation without saying what it made")
    result: UUID = row.result_id
    return result


def finish(session: Session, operation: Operation, result_id: UUID) -> None:
    """Name what the operation made, so that a repeat can be shown it."""
    _NAME_RESULT.run(session, {"actor": operation.actor_id, "named": operation.key, "result": result_id})


def forget_old(session: Session) -> int:
    """Delete the operations that nobody repeats any more (30 days)."""
    result = session.execute(
        delete(OperationRow).where(OperationRow.created_at < clock.now() - timedelta(days=KEPT_DAYS))
    )
    return int(getattr(result, "rowcount", 0))
