"""An adjustment of a resident's points, as two persons of the programme office order it.

What is frozen when it is proposed and what is done when it is approved; the composition root registers both.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.kit import clock
from backend.kit.errors import FieldError
from backend.ledger import service
from backend.ledger.book import Transfer

CODE = "points.adjust"


def prepare(session: Session, payload: dict[str, Any], _approval_id: UUID) -> tuple[Any, list[str], list[Any]]:
    """Describe it with the budget of the moment. Raises NotFound for a resident nobody knows.

    Whoever reads proposals (the auditor too) learns nothing of the resident but the number. Who has to know more looks
    for it, with a reason and in the access log.
    """
    resident_id, office, points = UUID(payload["resident_id"]), UUID(payload["organisation_id"]), payload["points"]
    accounts.require_known(session, resident_id)
    ends = _ends(payload)
    if ends is not None and ends < clock.today():
        raise FieldError.at("/expires_on", "已经过去。", "It has passed.")
    summary = [f"居民编号 {resident_id}", f"名目：{payload['title']}"]
    if points > 0:
        month = service.budget(session, office, clock.today())
        summary += [
            f"发放 {points} 积分，{f'有效至 {ends}' if ends else '长期有效'}",
            f"从本办公室当月额度里出，现在还剩 {month.granted_points - month.spent_points} 积分",
        ]
    else:
        summary += [
            f"扣减 {-points} 积分，有多少扣多少，余额不会变成负数",
            "扣减只用于更正差错，不能用作处罚",
        ]
    return payload, summary, []


def _ends(payload: Mapping[str, Any]) -> date | None:
    return date.fromisoformat(payload["expires_on"]) if payload["expires_on"] else None


def execute(session: Session, payload: dict[str, Any], approval_id: UUID, by: UUID) -> dict[str, Any]:
    """Do it, in the approval's transaction. Raises BudgetExhausted, NotEnoughPoints, NotFound."""
    done = adjust(session, UUID(payload["resident_id"]), UUID(payload["organisation_id"]), payload["points"],
                  payload["title"], payload["reason"], by, approval_id, _ends(payload))  # fmt: skip
    return {"transfer_id": str(done.id), "points": done.amount_points if payload["points"] > 0 else -done.amount_points}


def adjust(
    session: Session, resident_id: UUID, organisation_id: UUID, points: int, title: str, reason: str, by: UUID,
    approval_id: UUID, expires_on: date | None = None,
) -> Transfer:  # fmt: skip
    """Up: an award out of the office's budget of the month. Down: what is there goes to the office's loss account.

    The statement shows title and reason. ``by``: who proposed it; the approval names who decided.
    """
    accounts.require_known(session, resident_id)
    if points < 0:
        return service.deduct(session, resident_id, organisation_id, -points, CODE, title, reason, by, approval_id)
    return service.award(
        session, resident_id, organisation_id, points, CODE, clock.now(), approval_id, title, expires_on,
        ordered_by=by, reason=reason, limited=False,
    )  # fmt: skip
