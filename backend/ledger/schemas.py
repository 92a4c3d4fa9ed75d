"""What the ledger's routes take and give."""

from __future__ import annotations

from marshmallow import fields

from backend.ledger.rules import MOST_POINTS
from backend.web.schemas import Day, Instant, Key, Request, Text, View, Whole

MONTH = r"^(20|21)[0-9]{2}-(0[1-9]|1[0-2])$"


class ExpiringView(View):
    points = fields.Integer(required=True, metadata={"description": "积分"})
    expires_on = Day(required=True, metadata={"description": "最后有效日（上海时区，含当日）"})


class WalletView(View):
    balance_points = fields.Integer(required=True, metadata={"description": "现在可用的积分；到期的、冻结的不计在内"})
    expiring = fields.List(
        fields.Nested(ExpiringView),
        required=True,
        metadata={"description": "有期限的积分，先到期的在前；长期有效的不列出"},
    )


class WalletEntryView(View):
    id = Key(required=True)
    amount_points = fields.Integer(required=True, metadata={"description": "正数为收入，负数为支出"})
    code = fields.String(required=True, metadata={"description": "事由代码，例如 perks.redeem、ledger.expiry"})
    title = fields.String(required=True, metadata={"description": "说明"})
    at = Instant(required=True, metadata={"description": "入账时间"})
    counterparty = fields.String(required=True, metadata={"description": "对方"})
    balance_after_points = fields.Integer(required=True, metadata={"description": "这一笔之后的账面余额"})
    reason = fields.String(required=True, metadata={"description": "更正或调整的理由；其他时候为空"})


class BudgetRequest(Request):
    organisation_id = Key(required=True, metadata={"description": "发放单位"})
    month = Text(most=7, pattern=MONTH, required=True, metadata={"description": "月份，YYYY-MM", "example": "2026-03"})
    points = Whole(least=1, most=MOST_POINTS, required=True, metadata={"description": "追加的积分"})
    reason = Text(least=0, most=500, load_default="", metadata={"description": "依据，例如文件号"})


class BudgetView(View):
    id = Key(required=True, metadata={"description": "这次下达的流水编号"})
    organisation_id = Key(required=True)
    month = fields.String(required=True, metadata={"description": "YYYY-MM"})
    granted_points = fields.Integer(required=True, metadata={"description": "本月累计下达"})
    spent_points = fields.Integer(required=True, metadata={"description": "本月已发放（已扣除更正）"})


class ReversalRequest(Request):
    """An award or a settlement of one resident, to be undone by a transfer of the same amount that names it."""

    resident_id = Key(required=True)
    transfer_id = Key(required=True, metadata={"description": "要更正的发放或结算"})
    reason = Text(least=2, most=300, required=True, metadata={"description": "理由；居民在积分明细上看得到"})
