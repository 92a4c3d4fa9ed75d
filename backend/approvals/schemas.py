"""Bodies of the proposals and of what becomes of them."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate

from backend.approvals.rules import DECISIONS, STATES
from backend.kit.city import KINDS
from backend.web import paging
from backend.web.schemas import Day, Instant, Key, Request, Text, View, Whole, one_of

MOST_POINTS = 1_000_000
MOST_PEOPLE = 1000
EXPORT_FIELDS = ("name", "id_number", "phone", "wallet", "records", "consents")


class Reason(Text):
    """Why, for colleagues and auditors."""

    def __init__(self, **kwargs: Any) -> None:
        said = {"description": "理由；办理记录里长期保存，不要写姓名、证件号和手机号"}
        super().__init__(least=2, most=500, required=True, metadata=said, **kwargs)


class TomlText(fields.String):
    """The text of a city file. Its size is limited by bytes; what it may hold, by TOML."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            raise ValidationError("应为 TOML 文本。")
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise ValidationError("含有无法编码的字符。") from None
        return value


class ContentField(fields.Dict):
    """The structure of a city file as JSON."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, dict) or not value:
            raise ValidationError("应为对象，结构与 TOML 文件相同。")
        return value


class PolicyRequest(Request):
    """``toml``: the file's text; or ``content``: the same structure as JSON, dates as ``YYYY-MM-DD``."""

    kind = fields.String(required=True, validate=one_of(*KINDS))
    toml = TomlText(metadata={"description": "文件全文，最多 200000 字节"})
    content = ContentField(metadata={"description": "与 TOML 文件相同的结构；toml 与 content 给出其一"})
    reason = Reason()


class AdjustmentRequest(Request):
    """``give``: out of the office's own budget of the month. ``take``: what is there, never more."""

    resident_id = Key(required=True)
    direction = fields.String(required=True, validate=one_of("give", "take"))
    points = Whole(least=1, most=MOST_POINTS, required=True)
    title = Text(least=2, most=60, required=True, metadata={"description": "居民在积分明细上看到的名目"})
    reason = Text(least=2, most=300, required=True, metadata={"description": "理由；居民在积分明细上也看得到"})
    expires_on = Day(
        load_default=None, allow_none=True, metadata={"description": "发放的积分最后有效日；不填则长期有效"}
    )
    organisation_id = Key(load_default=None, allow_none=True, metadata={"description": "在几个办公室任职时须写明"})


class SoughtRequest(Request):
    """A resident, by exactly one of the two."""

    resident_id = Key()
    id_number = Text(least=18, most=18, pattern=r"^[0-9]{17}[0-9Xx]$")


class ExportRequest(Request):
    people = fields.List(
        fields.Nested(SoughtRequest), required=True,
        validate=validate.Length(min=1, max=MOST_PEOPLE, error=f"1 至 {MOST_PEOPLE} 人。"),
    )  # fmt: skip
    fields_ = fields.List(
        fields.String(validate=one_of(*EXPORT_FIELDS)), required=True, data_key="fields", attribute="fields",
        validate=validate.Length(min=1, max=len(EXPORT_FIELDS), error="至少一项，不重复。"),
    )  # fmt: skip
    purpose = Text(least=4, most=120, required=True, metadata={"description": "用途；被导出的人看得到"})
    legal_basis = Text(least=4, most=150, required=True, metadata={"description": "法律依据；被导出的人看得到"})
    document_no = Text(least=2, most=80, required=True, metadata={"description": "批准文件或来函的文号"})
    reason = Reason()
    organisation_id = Key(load_default=None, allow_none=True, metadata={"description": "在几个办公室任职时须写明"})


class DecisionRequest(Request):
    """``digest``: as read with the proposal; it says what exactly is decided."""

    decision = fields.String(required=True, validate=one_of(*DECISIONS))
    reason = Reason()
    digest = Text(least=64, most=64, pattern=r"^[0-9a-fA-F]{64}$", required=True)


class ApprovalsQuery(paging.PageQuery):
    state = fields.String(load_default=None, validate=one_of(*STATES))


class OfficerView(View):
    id = fields.UUID(required=True)
    display_name = fields.String(required=True)


class ChangeView(View):
    """``before`` or ``after`` is null where there is nothing."""

    path = fields.String(required=True)
    before = fields.String(required=True, allow_none=True)
    after = fields.String(required=True, allow_none=True)


class ApprovalView(View):
    """``summary``: what will happen, line by line. ``own``: the caller proposed it, and so does not decide it."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True)
    kind_title = fields.String(required=True)
    state = fields.String(required=True, validate=one_of(*STATES))
    summary = fields.List(fields.String(), required=True)
    reason = fields.String(required=True)
    proposer = fields.Nested(OfficerView, required=True)
    own = fields.Boolean(required=True)
    proposed_at = Instant(required=True)
    expires_at = Instant(required=True)
    decider = fields.Nested(OfficerView, required=True, allow_none=True)
    decision_reason = fields.String(required=True)
    closed_at = Instant(required=True, allow_none=True)


class ApprovalDetailView(ApprovalView):
    """``digest``: of everything below and of kind, reason and summary; a decision names it."""

    subject_kind = fields.String(required=True)
    subject_id = fields.String(required=True)
    payload = fields.Dict(required=True)
    changes = fields.List(fields.Nested(ChangeView), required=True)
    digest = fields.String(required=True)
    result = fields.Dict(required=True)


class PolicyVersionView(View):
    """``in_force``: it holds today."""

    kind = fields.String(required=True, validate=one_of(*KINDS))
    title = fields.String(required=True)
    version = fields.String(required=True)
    effective_on = Day(required=True)
    loaded_at = Instant(required=True)
    in_force = fields.Boolean(required=True)


class PolicyContentView(PolicyVersionView):
    content = fields.Dict(required=True)
