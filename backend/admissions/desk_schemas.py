"""Bodies of reports and conflicts."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from backend.admissions.schemas import ScanVenueView
from backend.web.paging import PageQuery
from backend.web.problems import title_of
from backend.web.schemas import Day, Flag, Instant, Key, Request, Text, View, one_of

STEPS = ("open", "claimed", "waived", "accepted", "rejected")


class ProblemTitle(fields.String):
    """What the kind of problem that stands in ``reason`` is called in the caller's language."""

    def get_value(self, obj: Any, *_: Any, **__: Any) -> str:
        return title_of(obj.reason)


class ReportQuery(Request):
    """A Shanghai day (today by default), or a shift of at most 24 hours."""

    on = Day(load_default=None, metadata={"description": "上海的一天，默认今天"})
    since = Instant(load_default=None, metadata={"description": "一班的开始（含），与 on 只写一个"})
    until = Instant(load_default=None, metadata={"description": "一班的结束（不含），默认现在；至多 24 小时"})


class PartnerReportQuery(ReportQuery):
    venue = Key(load_default=None, metadata={"description": "只看一个场馆"})


class RefusedView(View):
    reason = fields.String(required=True, metadata={"description": "问题类型"})
    title = fields.String(required=True)
    count = fields.Integer(required=True)


class ReportFiguresView(View):
    """``settlement_fen``: of what was admitted and of conflicts that were accepted."""

    admitted = fields.Integer(required=True)
    offline = fields.Integer(required=True, metadata={"description": "admitted 中由离线设备放行的"})
    undone = fields.Integer(required=True)
    conflicts = fields.Integer(required=True, metadata={"description": "离线放行而不该放行的，不论后来如何决定"})
    points = fields.Integer(required=True, metadata={"description": "结算给合作机构的积分"})
    settlement_fen = fields.Integer(required=True, metadata={"description": "应付合作机构，分"})
    refused = fields.List(fields.Nested(RefusedView), required=True)
    first_at = Instant(required=True, allow_none=True)
    last_at = Instant(required=True, allow_none=True)


class ReportOfferView(View):
    id = fields.UUID(required=True)
    title = fields.String(required=True)


class ReportLineView(ReportFiguresView):
    offer = fields.Nested(
        ReportOfferView, required=True, allow_none=True, metadata={"description": "null：不属于本处任何优惠的码"}
    )


class ReportView(View):
    since = Instant(required=True)
    until = Instant(required=True)
    venue = fields.Nested(ScanVenueView, required=True, allow_none=True)
    offers = fields.List(fields.Nested(ReportLineView), required=True)
    total = fields.Nested(ReportFiguresView, required=True)
    open_conflicts = fields.Integer(required=True, metadata={"description": "此刻待合作机构处理的冲突"})


class ConflictQuery(PageQuery):
    step = fields.String(load_default=None, validate=one_of(*STEPS))


class ClaimQuery(PageQuery):
    step = fields.String(load_default="claimed", validate=one_of(*STEPS[1:]))


class ClaimRequest(Request):
    text = Text(most=400, least=2, required=True, metadata={"description": "为什么仍应结算"})


class ConflictDecisionRequest(Request):
    accepted = Flag(required=True)
    reason = Text(most=400, least=2, required=True)


class ConflictPartnerView(View):
    id = fields.UUID(required=True)
    name = fields.String(required=True)


class ConflictDeviceView(View):
    id = fields.UUID(required=True)
    label = fields.String(required=True)


class ConflictView(View):
    """``points``: what one use of the coupon is worth; they never move. ``settlement_fen``: what is at stake."""

    id = fields.UUID(required=True)
    partner = fields.Nested(ConflictPartnerView, required=True)
    venue = fields.Nested(ScanVenueView, required=True)
    device = fields.Nested(ConflictDeviceView, required=True)
    offer = fields.Nested(ReportOfferView, required=True)
    reason = fields.String(required=True, metadata={"description": "为什么当时不该放行：问题类型"})
    title = ProblemTitle(required=True, metadata={"description": "问题类型的名称"})
    points = fields.Integer(required=True, validate=validate.Range(min=0))
    settlement_fen = fields.Integer(required=True)
    step = fields.String(required=True, validate=one_of(*STEPS))
    claim = fields.String(required=True, allow_none=True)
    claimed_at = Instant(required=True, allow_none=True)
    decision = fields.String(required=True, allow_none=True)
    decided_at = Instant(required=True, allow_none=True)
    happened_at = Instant(required=True)
    recorded_at = Instant(required=True)
