"""What a counter sees of those who act and are acted for, written into their access logs before it is read."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from backend.consents import service as consents
from backend.delegation import rules

SEEN = ("masked_name", "delegations")
CARD, CODE = "presence:card", "presence:code"
BASES = {CARD: "本人持身份证在窗口", CODE: "本人在窗口出示身份码"}


class Clerk(NamedTuple):
    """The member of staff at the counter, and where it stands. ``person_id``: who that is, where known."""

    account_id: UUID
    role: str
    organisation_id: UUID | None
    person_id: UUID | None = None


class Desk(NamedTuple):
    """A clerk with what she does there, in words for whomever she looks at."""

    clerk: Clerk
    purpose: str

    def look(self, session: Session, resident_id: UUID, authorisation: str, basis: str = "") -> None:
        """Write down a look at one person. ``basis``: in words, where it is no presence."""
        consents.record_look(
            session, resident_id, self.clerk.account_id, self.clerk.role, self.purpose, SEEN,
            basis or BASES[authorisation], self.clerk.organisation_id, authorisation=authorisation,
        )  # fmt: skip

    def look_at_sides(self, session: Session, rows: Iterable[Any], noted: Collection[UUID] = ()) -> None:
        """Write down a look at both sides of each row that is shown, but for those ``noted`` already; once each."""
        seen = set(noted)
        for row in rows:
            for one in (row.resident_id,) if row.kind == rules.HELPER else (row.resident_id, row.actor_id):
                if one not in seen:
                    seen.add(one)
                    self.look(session, one, f"delegation:{row.id}", f"代办登记（{row.basis}）")
