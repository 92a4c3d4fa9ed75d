"""How many people hold which role: what an operator must know before somebody leaves."""

from __future__ import annotations

from sqlalchemy import func, select

from backend.accounts.models import MembershipRow, StaffRow
from backend.kit.db import Reader


def active_staff_by_role(reader: Reader) -> dict[str, int]:
    """How many active staff members hold each role in any organisation; a person with two roles counts in both."""
    counted = (
        select(MembershipRow.role, func.count(MembershipRow.staff_id.distinct()))
        .join(StaffRow, StaffRow.id == MembershipRow.staff_id)
        .where(StaffRow.status == "active")
        .group_by(MembershipRow.role)
    )
    return {row[0]: row[1] for row in reader.execute(counted)}
