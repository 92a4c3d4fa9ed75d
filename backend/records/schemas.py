"""What the archives take and show."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import ValidationError, fields

from backend.records.rules import STATUS_TEXT
from backend.web.schemas import Day, Instant, Request, Text, View

MOST_COLUMNS = 100
_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,59}")


class RecordFieldView(View):
    name = fields.String(required=True)
    title = fields.String(required=True)
    value = fields.Raw(required=True, allow_none=True, metadata={"description": "文本或整数"})


class StatedView(View):
    """What a record says."""

    effect = fields.String(required=True, metadata={"enum": ["favourable", "adverse", "neutral"]})
    title = fields.String(required=True)
    source = fields.String(required=True, metadata={"description": "认定单位"})
    document_no = fields.String(required=True)
    decided_on = Day(required=True)
    ended_on = Day(required=True, allow_none=True, metadata={"description": "行为终止日期"})
    counts_until_on = Day(required=True, metadata={"description": "保存和使用的最后一天"})
    status = fields.String(required=True, metadata={"enum": list(STATUS_TEXT)})
    status_text = fields.String(required=True)
    self_declared = fields.Boolean(required=True, metadata={"description": "本人自主申报，经 source 所写的单位确认"})
    declaration_id = fields.UUID(required=True, allow_none=True, metadata={"description": "出自本人的哪一条申报"})
    changed_at = Instant(required=True)
    change_reason = fields.String(required=True)
    fields_ = fields.List(fields.Nested(RecordFieldView), required=True, data_key="fields", attribute="fields")


class RecordView(StatedView):
    """One record of one's own archive."""

    id = fields.UUID(required=True)
    item_code = fields.String(required=True, metadata={"description": "公共信用信息目录条目"})
    item_title = fields.String(required=True)
    category = fields.String(required=True)
    may_feed_score = fields.Boolean(required=True, metadata={"description": "这类信息是否可以计入信用分"})


class RecordVersionView(StatedView):
    """What one's own record said for a time. ``replaced_at``: until when; null, it says so now."""

    version = fields.Integer(required=True)
    replaced_at = Instant(required=True, allow_none=True)


class EntityRecordView(StatedView):
    """A record of a legal entity, for staff. ``changed_by``: the staff member; null where no one did it by hand."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    item_code = fields.String(required=True)
    item_title = fields.String(required=True)
    category = fields.String(required=True)
    publicity_until_on = Day(required=True, allow_none=True, metadata={"description": "公示的最后一天；空为不公示"})
    batch_id = fields.UUID(required=True, allow_none=True, metadata={"description": "带来现有内容的批次"})
    known_from = Instant(required=True, metadata={"description": "入档时间"})
    changed_by = fields.UUID(required=True, allow_none=True)


class EntityVersionView(EntityRecordView):
    """What a record said for a time, who made it say so, and in which batch."""

    replaced_at = Instant(required=True, allow_none=True)


class EntityView(View):
    code = fields.String(required=True, metadata={"description": "统一社会信用代码"})
    name = fields.String(required=True)
    known_from = Instant(required=True, metadata={"description": "建档时间"})
    changed_at = Instant(required=True, metadata={"description": "名称变更时间"})


class EntityArchiveView(EntityView):
    """A legal entity, and of its records those that the caller may read."""

    items = fields.List(fields.Nested(EntityRecordView), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class ActedView(View):
    """What became of a person's record. What it says is not told."""

    id = fields.UUID(required=True)
    item_code = fields.String(required=True)
    version = fields.Integer(required=True)
    status = fields.String(required=True, metadata={"enum": list(STATUS_TEXT)})
    status_text = fields.String(required=True)
    changed_at = Instant(required=True)


class Columns(fields.Dict):
    """An item's columns by name: texts, integers, or null for none."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) > MOST_COLUMNS:
            raise ValidationError(f"应为对象：列名与值，最多 {MOST_COLUMNS} 列。")
        for name, told in value.items():
            if not _COLUMN.fullmatch(name):
                raise ValidationError("列名应为目录中的 name，例如 honour_name。")
            if isinstance(told, bool) or not (told is None or isinstance(told, str | int)):
                raise ValidationError(f"列 {name} 应为文本、整数或空。")
            if isinstance(told, str) and any("\ud800" <= character <= "\udfff" for character in told):
                raise ValidationError(f"列 {name} 含有无法编码的字符。")
        return value


class ReasonText(Text):
    def __init__(self, **kwargs: Any) -> None:
        said = {"description": "理由；长期保存，记录的主体也看得到，不要写姓名、证件号和手机号"}
        super().__init__(least=2, most=200, required=True, metadata=said, **kwargs)


class CorrectionRequest(Request):
    """The whole content as it should be, not only what changes."""

    document_no = Text(most=120, required=True)
    title = Text(most=200, required=True)
    decided_on = Day(required=True)
    ended_on = Day(load_default=None, allow_none=True, metadata={"description": "行为终止日期；没有或不知道为空"})
    fields_ = Columns(
        required=True, data_key="fields", attribute="fields", metadata={"description": "目录条目的各列，按 name"}
    )
    reason = ReasonText()


class WithdrawalRequest(Request):
    reason = ReasonText()


class RenameRequest(Request):
    name = Text(most=200, required=True, metadata={"description": "登记机关准予变更后的名称"})
    reason = ReasonText()
