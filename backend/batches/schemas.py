"""What batches are asked for, and what they show."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate

from backend.web.paging import PageQuery
from backend.web.schemas import Instant, Key, QueryWhole, Request, Text, View, one_of

MODES = ("report", "correction", "check")
STATUSES = ("received", "working", "done", "failed", "withdrawing", "withdrawn")
MOST_ROWS = 1_000
MOST_CELLS = 200
MOST_HEAD = 100
MOST_CELL = 5_000
_ITEM = r"^[A-Z]{2}-[A-Z]{3}-[0-9]{2}\Z"


class BatchQuery(Request):
    """How a file or a body of rows is to be taken."""

    item_code = Text(most=10, pattern=_ITEM, required=True, metadata={"description": "目录条目，例如 LE-PEN-01"})
    mode = fields.String(
        load_default="report", validate=one_of(*MODES),
        metadata={"description": "report 报送；correction 更正本单位报过的；check 只审核，不入档"},
    )  # fmt: skip
    file_name = Text(most=200, load_default=None, metadata={"description": "文件名，只用于显示"})


class _Cell(fields.Field[Any]):
    """A text, a number or null."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:
                raise ValidationError("含有无法编码的字符。") from None
            if len(value) > MOST_CELL:
                raise ValidationError(f"最长 {MOST_CELL} 个字符。")
            return value
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            if isinstance(value, int) and abs(value) > 10**18:
                raise ValidationError("数太大；编号请写成文本。")
            return value
        raise ValidationError("应为文本、数或 null。")


_HEAD = validate.Length(min=1, max=MOST_HEAD, error=f"列名应为 1 至 {MOST_HEAD} 个字符。")
_WIDTH = validate.Length(min=1, max=MOST_CELLS, error=f"一行应有 1 至 {MOST_CELLS} 列。")


class RowsBody(Request):
    """Rows from a department's own system."""

    item_code = Text(most=10, pattern=_ITEM, load_default=None)
    rows = fields.List(
        fields.Dict(keys=fields.String(validate=_HEAD), values=_Cell(allow_none=True), validate=_WIDTH),
        required=True, validate=validate.Length(min=1, max=MOST_ROWS, error=f"应有 1 至 {MOST_ROWS} 行。"),
    )  # fmt: skip


class BatchesQuery(PageQuery):
    item_code = Text(most=10, pattern=_ITEM, load_default=None)
    status = fields.String(load_default=None, validate=one_of(*STATUSES))
    organisation_id = Key(load_default=None)


class QuarantineQuery(Request):
    limit = QueryWhole(least=1, most=100, load_default=20)
    cursor = Text(most=400, load_default=None)


class WithdrawalBody(Request):
    reason = Text(most=200, required=True)


class DecisionBody(Request):
    decision = fields.String(required=True, validate=one_of("accept", "reject"))
    reason = Text(most=200, required=True)


class ProblemOfBatchView(View):
    """Why a batch failed as a whole."""

    reason = fields.String(required=True)
    problems = fields.List(fields.String(), required=True)


class CatalogueChangeView(View):
    version = fields.String(required=True)
    from_row = fields.Integer(required=True, metadata={"description": "从文件的第几行起按这一版审核"})


def _count(text: str) -> fields.Integer:
    return fields.Integer(required=True, metadata={"description": text})


class BatchView(View):
    """A batch: how far it is, and what became of its rows."""

    id = fields.UUID(required=True)
    organisation_id = fields.UUID(required=True)
    organisation = fields.String(required=True, metadata={"description": "报送单位"})
    item_code = fields.String(required=True)
    item_title = fields.String(required=True)
    mode = fields.String(required=True, metadata={"enum": list(MODES)})
    format = fields.String(required=True, metadata={"enum": ["csv", "xlsx", "json"]})
    file_name = fields.String(required=True)
    size_bytes = fields.Integer(required=True)
    digest = fields.String(required=True, metadata={"description": "内容的 SHA-256"})
    status = fields.String(
        required=True,
        metadata={
            "enum": list(STATUSES),
            "description": "received 已收到；working 处理中；done 处理完；failed 不能受理；withdrawing、withdrawn 撤回",
        },
    )
    rows_total = fields.Integer(
        required=True, allow_none=True, metadata={"description": "文件的行数；还不知道时为 null"}
    )
    rows_judged = _count("已审核的行；下面五项之和")
    rows_added = _count("入档的；check 时为可以入档的")
    rows_corrected = _count("更正了已有记录的")
    rows_unchanged = _count("已有相同内容的，或同一文件里重复的")
    rows_rejected = _count("退回的")
    rows_quarantined = _count("名称与代码（姓名与号码）不符，等项目办公室裁定的")
    rows_duplicate = _count("同一文件里同一文书出现第二次以上的")
    rows_late = _count("新入档的行里，超过报送时限的")
    rows_related = _count("主体在此之前已有档案的")
    rows_bad_code = _count("重错码：代码校验不符，或同一代码两个名称")
    cells_expected = _count("必填的单元格")
    cells_filled = _count("已填的必填单元格")
    problem = fields.Nested(ProblemOfBatchView, required=True, allow_none=True)
    catalogue_version = fields.String(required=True, metadata={"description": "开始审核时的目录版本"})
    catalogue_changes = fields.List(fields.Nested(CatalogueChangeView), required=True)
    upload_kept = fields.Boolean(required=True, metadata={"description": "上传的内容和退回的行是否还在（三十天）"})
    received_at = Instant(required=True)
    started_at = Instant(required=True, allow_none=True)
    finished_at = Instant(required=True, allow_none=True)
    withdrawal_reason = fields.String(required=True)


class FindingView(View):
    column = fields.String(required=True, metadata={"description": "目录的列；空为整行"})
    title = fields.String(required=True)
    fault = fields.String(required=True)
    rows = fields.Integer(required=True)
    detail = fields.String(required=True)


class RowFaultView(View):
    column = fields.String(required=True)
    title = fields.String(required=True)
    fault = fields.String(required=True)
    detail = fields.String(required=True)


class VerdictView(View):
    """What became of one row that came as JSON."""

    row = fields.Integer(required=True, metadata={"description": "rows 里的第几行，从 1 起"})
    verdict = fields.String(
        required=True,
        metadata={"enum": ["added", "corrected", "unchanged", "rejected", "quarantined", "accepted"]},
    )
    faults = fields.List(fields.Nested(RowFaultView), required=True)


class BatchDetailView(BatchView):
    """A batch with what was found in it."""

    findings = fields.List(fields.Nested(FindingView), required=True)
    verdicts = fields.List(fields.Nested(VerdictView), required=True, metadata={"description": "JSON 报送时逐行的结果"})


class QuarantinedView(View):
    """A row whose name is not that of its code. Names and codes are told of legal entities alone."""

    row_number = fields.Integer(required=True, metadata={"description": "文件的第几行"})
    reason = fields.String(required=True)
    document_no = fields.String(required=True, metadata={"description": "裁定后不再保存，为空"})
    subject_code = fields.String(required=True, allow_none=True)
    reported_name = fields.String(required=True, allow_none=True)
    known_name = fields.String(required=True, allow_none=True)
    created_at = Instant(required=True)
    decision = fields.String(required=True, allow_none=True)
    decision_reason = fields.String(required=True)
    decided_at = Instant(required=True, allow_none=True)
