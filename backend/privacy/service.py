"""The front of this room."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.accounts.rules import Limit
from backend.kit import trail
from backend.privacy import rules
from backend.privacy.copies import SCHEMA_PATH, json_chunks, schema, zip_chunks
from backend.privacy.departure import Departure, Notice, departure, leave, notice, sweep
from backend.privacy.looks import Clerk, PersonLook, Request, judge, look
from backend.privacy.looks import count as count_look
from backend.privacy.rooms import policy

__all__ = [
    "SCHEMA_PATH", "Clerk", "Departure", "Notice", "PersonLook", "Request", "begin_copy", "count_look", "departure",
    "json_chunks", "judge", "leave", "lint_policy", "look", "notice", "policy", "schema", "sweep", "zip_chunks",
]  # fmt: skip

COPIES_A_DAY = Limit(10, timedelta(days=1))


def lint_policy(content: dict[str, Any], contents: dict[str, dict[str, Any]]) -> list[str]:
    """The check of ``city.toml`` that the composition root registers."""
    return rules.lint(content, contents)


def begin_copy(session: Session, resident_id: UUID, account_id: UUID, form: str) -> Mapping[str, Any]:
    """Count and note that a person takes a copy (``form``: json or zip); the city's file for its texts.

    Raises TooManyAttempts after ten within a day, NotFound for who has left.
    """
    content = policy(session)
    accounts.require_standing(session, resident_id)
    accounts.count_attempt(session, "copy-of-data", str(resident_id), COPIES_A_DAY)
    trail.note(session, account_id, "resident", "privacy.copy", "resident", resident_id, {"form": form})
    return content
