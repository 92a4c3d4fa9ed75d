"""Counting how often one person redeems an offer: one conditional statement that asks RETURNING."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from backend.kit import db
from backend.kit.db import Reader
from backend.kit.prepared import Prepared
from backend.perks import rules
from backend.perks.errors import LimitReached
from backend.perks.models import RedemptionLimit

_LIMITS: Any = RedemptionLimit.__table__


def _counting(dialect: str) -> Any:
    return (
        db.insert_of(dialect, _LIMITS)
        .on_conflict_do_update(
            index_elements=["resident_id", "offer_id", "window_start_on"],
            set_={"used": _LIMITS.c.used + 1},
            where=_LIMITS.c.used < bindparam("most"),
        )
        .returning(_LIMITS.c.used)
    )


_COUNT_TURN = Prepared(_counting, ("resident_id", "offer_id", "window_start_on", "used"))


def take(session: Session, resident_id: UUID, offer_id: UUID, limit: int, window: str, today: date) -> date:
    """Count one more redemption of the offer in the window and return the window's first day. Raises LimitReached."""
    start = rules.window_start(window, today)
    row = {"resident_id": resident_id, "offer_id": offer_id, "window_start_on": start, "used": 1, "most": limit}
    if _COUNT_TURN.first(session, row) is None:
        again = rules.next_window(window, today)
        raise LimitReached(
            f"每人{rules.WINDOWS[window]}限 {limit} 份。", f"At most {limit} per person and {window}.",
            limit=limit, window=window, again_on=again.isoformat() if again else None,
        )  # fmt: skip
    return start


def give_back(session: Session, resident_id: UUID, offer_id: UUID, window_start_on: date | None) -> None:
    """Uncount a redemption that was cancelled, in the window in which it was counted."""
    if window_start_on is not None:
        session.execute(
            update(RedemptionLimit)
            .where(
                RedemptionLimit.resident_id == resident_id,
                RedemptionLimit.offer_id == offer_id,
                RedemptionLimit.window_start_on == window_start_on,
                RedemptionLimit.used > 0,
            )
            .values(used=RedemptionLimit.used - 1)
            .execution_options(synchronize_session=False)
        )


def counted(reader: Reader, resident_id: UUID, windows: dict[UUID, date]) -> dict[UUID, int]:
    """How often the resident has redeemed each offer in the window that starts on the given day."""
    if not windows:
        return {}
    rows = reader.execute(
        select(RedemptionLimit.offer_id, RedemptionLimit.window_start_on, RedemptionLimit.used).where(
            RedemptionLimit.resident_id == resident_id, RedemptionLimit.offer_id.in_(list(windows))
        )
    )
    return {row.offer_id: row.used for row in rows if windows[row.offer_id] == row.window_start_on}
