"""What the catalogue shows."""

from __future__ import annotations

from marshmallow import fields

from backend.catalogue.rules import CATEGORIES, DISCLOSURES, EFFECTS, FIELD_TYPES, SUBJECTS
from backend.web.paging import PageQuery
from backend.web.schemas import Text, View, one_of


class ItemQuery(PageQuery):
    """``subject``: natural_person or legal_entity. ``source_department``: as the catalogue calls it."""

    subject = fields.String(load_default=None, validate=one_of(*SUBJECTS))
    source_department = Text(most=60, load_default=None)


class ColumnView(View):
    """A column of an item, with every check that a value must pass."""

    name = fields.String(required=True, metadata={"description": "接口中的名称"})
    title = fields.String(required=True, metadata={"description": "文件中的列名"})
    type = fields.String(required=True, metadata={"enum": list(FIELD_TYPES)})
    required = fields.Boolean(required=True)
    aliases = fields.List(fields.String(), required=True, metadata={"description": "文件中也认的列名"})
    values = fields.List(fields.String(), required=True, metadata={"description": "只能取的值；空为不限"})
    value_names = fields.Dict(
        keys=fields.String(), values=fields.String(), required=True,
        metadata={"description": "文件中对一个值的叫法，与值都认；没有列出的值就是它自己"},
    )  # fmt: skip
    pattern = fields.String(required=True, allow_none=True, metadata={"description": "整列须符合的正则表达式"})
    minimum = fields.String(required=True, allow_none=True, metadata={"description": "最小的数"})
    maximum = fields.String(required=True, allow_none=True, metadata={"description": "最大的数"})
    longest = fields.Integer(required=True, metadata={"description": "最多几个字符"})
    not_before = fields.String(required=True, allow_none=True, metadata={"description": "不得早于的另一日期列"})
    may_be_future = fields.Boolean(required=True, metadata={"description": "日期可以晚于今天"})


class ItemView(View):
    """An item of the catalogue."""

    code = fields.String(required=True)
    title = fields.String(required=True)
    subject = fields.String(required=True, metadata={"enum": list(SUBJECTS)})
    category = fields.String(required=True, metadata={"enum": sorted({*CATEGORIES["natural_person"],
                                                                      *CATEGORIES["legal_entity"]})})  # fmt: skip
    effect = fields.String(required=True, metadata={"enum": list(EFFECTS)})
    legal_basis = fields.String(required=True)
    source_departments = fields.List(fields.String(), required=True)
    disclosure = fields.String(required=True, metadata={
        "enum": list(DISCLOSURES), "description": "public 社会公开；authorised 本人查询或授权查询；government 部门共享",
    })  # fmt: skip
    publicity_days = fields.Integer(required=True, allow_none=True, metadata={"description": "最长公示天数"})
    retention_days = fields.Integer(required=True, metadata={"description": "自决定或行为终止之日起的保存天数"})
    due_workdays = fields.Integer(required=True, metadata={"description": "决定后几个工作日内报送"})
    may_feed_score = fields.Boolean(required=True, metadata={"description": "是否可以计入信用分"})
    self_declarable = fields.Boolean(required=True, metadata={"description": "主体是否可以自主申报"})


class ItemDetailView(ItemView):
    """An item with its columns, and the version of the catalogue that says so."""

    identity = fields.List(fields.Nested(ColumnView), required=True, metadata={"description": "写明主体的两列"})
    columns = fields.List(fields.Nested(ColumnView), required=True)
    catalogue_version = fields.String(required=True)
