"""What the routes of statements give."""

from __future__ import annotations

from marshmallow import fields

from backend.web import paging
from backend.web.schemas import Day, Instant, Key, View


class StatementMonthView(View):
    month = fields.String(required=True, metadata={"description": "YYYY-MM（上海时区）"})
    entries = fields.Integer(required=True, metadata={"description": "这个月的笔数"})
    opening_points = fields.Integer(required=True, metadata={"description": "期初余额"})
    closing_points = fields.Integer(required=True, metadata={"description": "期末余额"})
    made_at = Instant(
        required=True, allow_none=True, metadata={"description": "结账时间，此后内容不变；尚未结账时为 null"}
    )


class KindTotalView(View):
    kind = fields.String(required=True, metadata={"description": "award、hold、release、expiry、reversal 等"})
    title = fields.String(required=True)
    entries = fields.Integer(required=True)
    in_points = fields.Integer(required=True, metadata={"description": "收入合计"})
    out_points = fields.Integer(required=True, metadata={"description": "支出合计"})


class EndView(View):
    expires_on = Day(required=True, allow_none=True, metadata={"description": "最后有效日；长期有效为 null"})
    points = fields.Integer(required=True)


class StatementLineView(View):
    number = fields.Integer(required=True, metadata={"description": "钱包里的第几笔，从 1 起"})
    id = Key(required=True)
    amount_points = fields.Integer(required=True, metadata={"description": "正数为收入，负数为支出"})
    kind = fields.String(required=True)
    code = fields.String(required=True)
    title = fields.String(required=True)
    at = Instant(required=True)
    counterparty = fields.String(required=True)
    balance_after_points = fields.Integer(required=True)
    reason = fields.String(required=True)


class StatementView(StatementMonthView, paging.page_of(StatementLineView)):  # type: ignore[misc]
    """A month and a page of its entries, oldest first."""

    totals = fields.List(fields.Nested(KindTotalView), required=True, metadata={"description": "按类别合计"})
    by_end = fields.List(fields.Nested(EndView), required=True, metadata={"description": "期末余额何时到期"})
