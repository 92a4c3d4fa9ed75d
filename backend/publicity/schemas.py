"""What is asked about public records and what is answered."""

from __future__ import annotations

from marshmallow import fields

from backend.publicity.rules import KINDS
from backend.web.paging import PageQuery
from backend.web.schemas import Day, Request, Text, View, one_of

KIND = {"enum": ["licence", "penalty", "other"]}


class KindQuery(Request):
    kind = fields.String(
        load_default="all", validate=one_of(*KINDS),
        metadata={"description": "licence 行政许可，penalty 行政处罚，all 全部公开的条目"},
    )  # fmt: skip


class PublicityQuery(KindQuery, PageQuery):
    """``name``, ``code`` or ``document_no``, or several of them."""

    name = Text(
        most=60, load_default=None,
        metadata={"description": "名称中的一部分：至少两个连续的字，不能只有城市名和“有限公司”"},
    )  # fmt: skip
    code = Text(most=40, load_default=None, metadata={"description": "统一社会信用代码，或 9 至 20 位的旧代码"})
    document_no = Text(most=120, load_default=None, metadata={"description": "文书号，全文；括号和全角半角不必一致"})


class PublicRecordView(View):
    """A record that is shown today."""

    entity_code = fields.String(required=True, metadata={"description": "统一社会信用代码"})
    entity_name = fields.String(required=True)
    id = fields.UUID(required=True)
    kind = fields.String(required=True, metadata=KIND)
    item_code = fields.String(required=True, metadata={"description": "公共信用信息目录条目"})
    item_title = fields.String(required=True)
    effect = fields.String(required=True, metadata={"enum": ["favourable", "adverse", "neutral"]})
    title = fields.String(required=True)
    document_no = fields.String(required=True)
    authority = fields.String(required=True, metadata={"description": "作出决定或认定的单位"})
    decided_on = Day(required=True)
    publicity_until_on = Day(required=True, metadata={"description": "公示的最后一天；次日起不再公示"})
    disputed = fields.Boolean(required=True, metadata={"description": "异议处理中：照常公示，并这样标明"})
    self_declared = fields.Boolean(
        required=True, metadata={"description": "由该主体自主申报；authority 写明经哪个单位确认"}
    )  # fmt: skip


class PublicRecordPage(View):
    """``as_of``: the Shanghai day for which the list holds."""

    items = fields.List(fields.Nested(PublicRecordView), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    as_of = Day(required=True)


class PublicColumnView(View):
    """A column of the publicity standard under its official name; ``value`` is null where nothing was reported."""

    name = fields.String(required=True)
    title = fields.String(required=True)
    value = fields.Raw(required=True, allow_none=True, metadata={"description": "文本或整数"})


class PublicRepairView(View):
    """How the publicity may be ended before its last day."""

    severity = fields.String(required=True, metadata={"description": "失信严重程度；文书没有写明时为空"})
    from_on = Day(required=True, allow_none=True, metadata={"description": "从这一天起可以申请修复"})
    decision_workdays = fields.Integer(required=True, allow_none=True)
    feedback_workdays = fields.Integer(required=True, allow_none=True)
    basis = fields.List(fields.String(), required=True)


class PublicRecordDetailView(PublicRecordView):
    """A record with all that is published of it. ``repair`` is null for what is not adverse."""

    legal_basis = fields.String(required=True, metadata={"description": "为什么公示"})
    content = fields.List(fields.Nested(PublicColumnView), required=True)
    repair = fields.Nested(PublicRepairView, required=True, allow_none=True)
    as_of = Day(required=True)
