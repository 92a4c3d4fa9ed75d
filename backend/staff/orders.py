"""Who gives an order about somebody else's account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.kit import trail
from backend.staff.errors import NotYourself

RoleHeld = tuple[str, UUID]
ADMIN = "account-admin"


@dataclass(frozen=True)
class Orderer:
    """Who gives an order about somebody else's account. ``person_id``: the person behind, where known."""

    account_id: UUID
    role: str
    person_id: UUID | None = None

    def note(self, session: Session, action: str, subject: UUID, detail: dict[str, Any] | None = None) -> None:
        trail.note(session, self.account_id, self.role, action, "staff", subject, detail)

    def require_other(self, staff_id: UUID) -> None:
        """Raise NotYourself when the order is about the orderer's own account."""
        if staff_id == self.account_id:
            raise NotYourself()
