"""What the archives show."""

from __future__ import annotations

from marshmallow import fields

from backend.web.schemas import Day, Instant, View


class RecordFieldView(View):
    name = fields.String(required=True)
    title = fields.String(required=True)
    value = fields.Raw(required=True, allow_none=True, metadata={"description": "文本或整数"})


class RecordView(View):
    """One record of one's own archive."""

    id = fields.UUID(required=True)
    item_code = fields.String(required=True, metadata={"description": "公共信用信息目录条目"})
    item_title = fields.String(required=True)
    category = fields.String(required=True)
    effect = fields.String(required=True, metadata={"enum": ["favourable", "adverse", "neutral"]})
    title = fields.String(required=True)
    source = fields.String(required=True, metadata={"description": "认定单位"})
    document_no = fields.String(required=True)
    decided_on = Day(required=True)
    ended_on = Day(required=True, allow_none=True, metadata={"description": "行为终止日期"})
    counts_until_on = Day(required=True, metadata={"description": "保存和使用的最后一天"})
    status = fields.String(required=True, metadata={"enum": ["active", "disputed", "repaired", "withdrawn", "expired"]})
    status_text = fields.String(required=True)
    changed_at = Instant(required=True)
    change_reason = fields.String(required=True)
    may_feed_score = fields.Boolean(required=True, metadata={"description": "这类信息是否可以计入信用分"})
    fields_ = fields.List(fields.Nested(RecordFieldView), required=True, data_key="fields", attribute="fields")
