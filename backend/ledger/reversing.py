"""The correction of one award or settlement, as two persons of the programme office order it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.kit import outbox
from backend.ledger import service

CODE = "points.reverse"


def prepare(session: Session, payload: dict[str, Any], _approval_id: UUID) -> tuple[Any, list[str], list[Any]]:
    """Say what is undone. Raises NotFound, NotReversible, AlreadyReversed.

    As with every proposal about a resident, whoever reads it learns the number and nothing else of her.
    """
    resident_id, transfer_id = UUID(payload["resident_id"]), UUID(payload["transfer_id"])
    accounts.require_known(session, resident_id)
    wrong = service.reversible(session, resident_id, transfer_id)
    summary = [
        f"居民编号 {resident_id}",
        f"冲正一笔{'发放' if wrong.kind == 'award' else '结算'}：{wrong.title}，{wrong.amount_points} 积分",
        "原流水不变，明细上两笔都看得到；已被用掉的部分由发放单位的差额账户承担，余额不会变成负数",
    ]
    return payload, summary, []


def execute(session: Session, payload: dict[str, Any], _approval_id: UUID, by: UUID) -> dict[str, Any]:
    """Do it, in the approval's transaction. Raises AlreadyReversed, and NotFound for who has left meanwhile."""
    resident_id, transfer_id = UUID(payload["resident_id"]), UUID(payload["transfer_id"])
    accounts.require_standing(session, resident_id)
    undone = service.reverse(session, resident_id, transfer_id, by, payload["reason"])
    if undone.hold_id is not None:  # a settlement: whoever counts what the partner is owed follows at once
        told = {
            "resident_id": str(resident_id), "transfer_id": str(transfer_id),
            "partner_id": str(service.owner_of(session, undone.debit_account_id)),
        }  # fmt: skip
        outbox.tell(session, "ledger.settlement-reversed", told, shard=resident_id)
    return {"transfer_id": str(undone.id), "points": undone.amount_points}
