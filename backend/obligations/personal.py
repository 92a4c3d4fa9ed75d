"""What a resident owes or owed, as she may have it; and what stays of it when she leaves."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.kit.db import Reader
from backend.kit.personal import PAGE, Column, Keeper, Kept, Leaving, Page, Section
from backend.obligations import disputes, rules, service

_OBLIGATION = (
    Column("id", "编号"),
    Column("kind", "类别", words=rules.KINDS),
    Column("title", "优惠"),
    Column("partner_name", "商户"),
    Column("state", "状态", words=rules.STATE_TEXT),
    Column("up_to_fen", "最多（分）", "whole"),
    Column("amount_fen", "金额（分）", "whole"),
    Column("charge_reason", "商户报账的事由"),
    Column("used_at", "使用时间", "instant"),
    Column("charged_at", "报账时间", "instant"),
    Column("due_at", "付款期限（不含）", "instant"),
    Column("paid_at", "付清时间", "instant"),
    Column("ended_at", "结束时间", "instant"),
    Column("disputed_at", "提出异议的时间", "instant"),
    Column("dispute_text", "异议内容"),
    Column("decision", "决定", words=rules.DECISION_TEXT),
    Column("decision_reason", "决定的理由"),
    Column("explanation", "说明"),
)


def _page(reader: Reader, resident_id: UUID, after: Any) -> Page:
    found = service.my_obligations(reader, resident_id, PAGE, after)
    rows = [{**vars(one), **_disputed(one.dispute)} for one in found]
    shown = [{column.name: row[column.name] for column in _OBLIGATION} for row in rows]
    return Page(shown, (found[-1].opened_at, found[-1].id) if len(found) == PAGE else None)


def _disputed(one: service.Dispute | None) -> dict[str, Any]:
    if one is None:
        return dict.fromkeys(("disputed_at", "dispute_text", "decision", "decision_reason"))
    return {"disputed_at": one.disputed_at, "dispute_text": one.text, "decision": one.decision,
            "decision_reason": one.reason}  # fmt: skip


def erase(session: Session, leaving: Leaving) -> dict[str, int]:
    """Words go; what is still owed stays as a partner's claim against a number."""
    return {"obligations": disputes.give_up(session, leaving.resident_id)}


_CLAIM = Kept(
    "先享后付和免押的记录",
    "只有编号、商户、优惠、金额和时间；事由、异议和决定的文字随即删除，未决的异议随之终止；再不能对应到您，也不再提醒、不再暂停什么",
    f"了结后 {rules.KEPT_YEARS} 年",
    "商户的债权以编号保留，直到了结（《民法典》第一百八十八条、第五百零九条）；《个人信息保护法》第七十三条（匿名化后不再是个人信息）",
)  # fmt: skip
KEEPER = Keeper(
    room="obligations",
    sections=(
        Section(
            "obligations", "先享后付和免押", "记录您使用后应付多少、付清没有，并在到期前提醒您",
            "为您办理先享后付和免押所必需（《个人信息保护法》第十三条第一款第二项）",
            f"了结后 {rules.KEPT_YEARS} 年；退出后只留编号、商户、金额和时间", _OBLIGATION, _page,
        ),
    ),
    erase=erase,
    kept=dict.fromkeys(("obligations", "obligation_claims"), _CLAIM),
)  # fmt: skip
