"""An act of an operator's device: done once, answered alike whenever it is repeated."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import Session

from backend.admissions.service import Door
from backend.kit import clock, operations
from backend.kit.ids import new_id
from backend.kit.operations import Operation
from backend.kit.prepared import Batch, Prepared
from backend.parking.models import answers, questions

Told = dict[str, Any]
Act = Callable[[UUID, Batch], Told]
_WRITE = Prepared(insert(answers))
_ASKED = Prepared(insert(questions))
_ONE = Prepared(
    select(answers.c.told).where(answers.c.device_id == bindparam("device"), answers.c.id == bindparam("named"))
)


def once(session: Session, at_door: Door, operation: Operation, kind: str, act: Act) -> Told:
    """Do ``act`` (given the answer's id and what is written last) unless this key has done it; what was answered.

    What it raises leaves nothing. The answer names no driver and no plate. Raises IdempotencyConflict.
    """
    made = new_id()
    if (done := operations.begin(session, operation, kind=f"parking.{kind}", makes=made)) is not None:
        return _read(_ONE.first(session, {"device": at_door.device_id, "named": done}).told)
    batch = Batch()
    told = {"id": made, **act(made, batch)}
    written = {"device_id": at_door.device_id, "id": made, "told": _plain(told), "answered_at": clock.now()}
    batch.add(_WRITE, written)
    batch.run(session)
    return told


def note(
    batch: Batch, at_door: Door, resident_id: UUID, plate_id: UUID, purpose: str, answered_yes: bool, made: UUID
) -> None:
    """Let the driver see that she was asked about."""
    row = {
        "resident_id": resident_id, "id": made, "plate_id": plate_id, "partner_id": at_door.partner_id,
        "venue_id": at_door.venue_id, "purpose": purpose, "answered_yes": answered_yes, "asked_at": clock.now(),
    }  # fmt: skip
    batch.add(_ASKED, row)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, datetime) else str(value) if isinstance(value, UUID) else value


def _read(told: Told) -> Told:
    """Instants again, whose names end in ``_at`` or ``_until``."""
    timed = ("_at", "_until")
    return {
        key: datetime.fromisoformat(value) if key.endswith(timed) and isinstance(value, str) else value
        for key, value in told.items()
    }
