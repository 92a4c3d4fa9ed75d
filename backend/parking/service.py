"""What the edge and the composition root ask of this room. Each verb is explained where it is defined."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from backend.admissions.service import Door, door
from backend.kit.db import Reader
from backend.kit.operations import Operation
from backend.parking import answering, plates, rules
from backend.parking.asking import ask
from backend.parking.links import on_consent_changed
from backend.parking.operating import Operator, all_operators, require_car_park, set_operator
from backend.parking.plates import (
    Plate,
    count_confirming,
    count_registering,
    forget_confirming,
    forget_registering,
    listed,
    register,
    remove,
)
from backend.parking.seen import Question, Stay, kept_days, my_questions, my_stays
from backend.parking.stays import Exit, enter, leave

__all__ = [
    "Door", "Exit", "Operator", "Plate", "Question", "Stay", "all_operators", "ask", "confirm_plate",
    "count_confirming", "count_registering", "door", "enter", "forget_confirming", "forget_registering", "kept_days",
    "leave", "lint_policy", "listed", "my_questions", "my_stays", "on_consent_changed", "register", "remove",
    "require_place", "set_operator",
]  # fmt: skip


def lint_policy(content: dict[str, Any], _all: dict[str, dict[str, Any]]) -> list[str]:
    """The check of ``[parking]`` in ``city.toml`` that the composition root registers."""
    return rules.lint(content)


def confirm_plate(session: Session, at_door: Door, text: str, code: str, operation: Operation) -> dict[str, Any]:
    """Confirm a plate at a gate, once; see :func:`plates.confirm`. Raises NotACarPark besides."""

    def act(_made: object, _batch: object) -> dict[str, Any]:
        require_car_park(session, at_door.venue_id)
        return plates.confirm(session, text, code)

    told = answering.once(session, at_door, operation, "confirmation", act)
    plates.forget_confirming(session, at_door.device_id, code)
    return told


def require_place(reader: Reader, at_door: Door) -> None:
    """Raise NotACarPark unless the device stands at one, before anything is counted."""
    require_car_park(reader, at_door.venue_id)
