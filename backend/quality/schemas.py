"""What is asked of the report, and what it shows."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from backend.quality.rules import COUNTED, FIGURES
from backend.web.schemas import Instant, Key, Request, Text, View

_MONTH = r"2[01][0-9]{2}-(0[1-9]|1[0-2])\Z"
_ITEM = r"[A-Z]{2}-[A-Z]{3}-[0-9]{2}\Z"
_COUNTS = {
    "batches": "计入的批次数", "rows": "计入批次的全部行数", "judged": "已审核的行数", "accepted": "审核通过的行数",
    "rejected": "退回的行数", "quarantined": "待核实的行数（名称与代码不符）", "added": "新入库的行数",
    "corrected": "更正入库的行数", "unchanged": "与档案或本文件前面的行相同、没有变化的行数",
    "on_time": "新入库的行里按期报送的", "duplicates": "重复的行数", "related": "对应到已有档案的行数",
    "bad_codes": "重码、错码的行数", "cells_expected": "应填的必填格数", "cells_filled": "已填的必填格数",
    "unfinished": "不计入的批次数：正在处理或没有办成", "withdrawn_batches": "不计入的批次数：已撤回",
    "withdrawn_rows": "已撤回批次的行数", "trials": "不计入的批次数：试审",
}  # fmt: skip


def _whole(words: str, **more: Any) -> fields.Integer:
    return fields.Integer(required=True, metadata={"description": words}, **more)


class QualityQuery(Request):
    """Months of receipt in Shanghai, both included."""

    from_ = Text(
        most=7, pattern=_MONTH, data_key="from", load_default=None,
        metadata={"description": "起始月份（含），例如 2026-10；不写就从第一批算起", "example": "2026-10"},
    )  # fmt: skip
    to = Text(
        most=7, pattern=_MONTH, load_default=None,
        metadata={"description": "截止月份（含）；不写就到本月", "example": "2026-11"},
    )  # fmt: skip
    organisation_id = Key(load_default=None, metadata={"description": "只看一个单位"})
    item_code = Text(most=10, pattern=_ITEM, load_default=None, metadata={"description": "只看一个目录条目"})


QualityFiguresView = View.from_dict(
    {
        **{name: _whole(_COUNTS[name]) for name in COUNTED},
        **{
            f"{f.name}_per_10000": _whole(f"{f.title}，万分之几：{f.formula}；没有分母时为 null", allow_none=True)
            for f in FIGURES
        },
        "keeps_to_line": fields.Boolean(
            required=True, allow_none=True, metadata={"description": "重错码率没有超过警戒线；没有行时为 null"}
        ),
    },
    name="QualityFiguresView",
)
"""Sums, and the rates worked out from them."""


class QualityMonthView(View):
    month = fields.String(required=True, metadata={"example": "2026-10"})
    figures = fields.Nested(QualityFiguresView, required=True)


class QualityOrganisationView(View):
    organisation_id = fields.UUID(required=True)
    organisation = fields.String(required=True)
    figures = fields.Nested(QualityFiguresView, required=True)


class QualityItemView(View):
    item_code = fields.String(required=True)
    item_title = fields.String(required=True)
    figures = fields.Nested(QualityFiguresView, required=True)


class QualitySourceView(QualityOrganisationView):
    """One source's reports of one item."""

    item_code = fields.String(required=True)
    item_title = fields.String(required=True)


class QualityFaultView(View):
    item_code = fields.String(required=True)
    item_title = fields.String(required=True)
    column = fields.String(required=True, metadata={"description": "列；整行的问题为空"})
    column_title = fields.String(required=True)
    fault = fields.String(required=True, metadata={"description": "问题代码"})
    text = fields.String(required=True, metadata={"description": "问题的说明"})
    rows = fields.Integer(required=True, metadata={"description": "有这个问题的行数"})


class QualityDefinitionView(View):
    """What a figure means. ``part`` and ``whole`` name the sums that it divides."""

    name = fields.String(required=True)
    title = fields.String(required=True)
    part = fields.String(required=True)
    whole = fields.String(required=True)
    good = fields.String(required=True, metadata={"enum": ["high", "low"], "description": "高好还是低好"})
    formula = fields.String(required=True)
    meaning = fields.String(required=True)
    source = fields.String(required=True)


class QualityLineView(View):
    permille = fields.Integer(required=True, metadata={"description": "每一千行里最多几行，含本数"})
    basis = fields.String(required=True)


class QualityReportView(View):
    from_ = fields.String(required=True, data_key="from", attribute="from")
    to = fields.String(required=True)
    since = fields.String(required=True, metadata={"description": "本人能看的第一批是哪个月收到的；还没有就是本月"})
    made_at = Instant(required=True)
    line = fields.Nested(QualityLineView, required=True, metadata={"description": "重错码率的警戒线"})
    total = fields.Nested(QualityFiguresView, required=True)
    months = fields.List(fields.Nested(QualityMonthView), required=True)
    organisations = fields.List(
        fields.Nested(QualityOrganisationView), required=True, metadata={"description": "没有报送的单位也在其中"}
    )
    catalogue_items = fields.List(fields.Nested(QualityItemView), required=True)
    sources = fields.List(
        fields.Nested(QualitySourceView), required=True, metadata={"description": "每个单位的每个目录条目"}
    )
    faults = fields.List(fields.Nested(QualityFaultView), required=True, metadata={"description": "行数最多的问题"})
    definitions = fields.List(fields.Nested(QualityDefinitionView), required=True)
    notes = fields.List(fields.String(), required=True)
