"""Bodies of settlement's routes. Money is whole fen, points are whole points."""

from __future__ import annotations

from marshmallow import fields, validate

from backend.settlement.rules import MOST_FEN, STATES
from backend.web.paging import PageQuery
from backend.web.schemas import Instant, Key, Request, Text, View, one_of

_MONTH = r"2[01][0-9]{2}-(0[1-9]|1[0-2])\Z"


class StatementsQuery(PageQuery):
    partner_id = Key(load_default=None)
    month = Text(most=7, pattern=_MONTH, load_default=None, metadata={"example": "2026-10"})
    state = fields.String(load_default=None, validate=one_of(*STATES))


class RunningQuery(Request):
    partner_id = Key(load_default=None, metadata={"description": "项目办公室写明是哪一家；合作机构不写就是本单位"})


class PrepareStatementRequest(Request):
    partner_id = Key(required=True)
    month = Text(most=7, pattern=_MONTH, required=True, metadata={"example": "2026-10"})


class LineDisputeRequest(Request):
    line = fields.Integer(required=True, strict=True, validate=validate.Range(min=1, max=2**31 - 1))
    wanted_fen = fields.Integer(
        required=True, strict=True, validate=validate.Range(min=0, max=MOST_FEN),
        metadata={"description": "主张这一行应付多少分"},
    )  # fmt: skip
    text = Text(most=500, required=True)


class LineDecisionRequest(Request):
    """``due_fen``: what the line owes from now on; given exactly when the dispute is upheld."""

    outcome = fields.String(required=True, validate=one_of("upheld", "rejected"))
    due_fen = fields.Integer(
        load_default=None, allow_none=True, strict=True, validate=validate.Range(min=0, max=MOST_FEN)
    )
    reason = Text(most=200, required=True)


class SettledPartnerView(View):
    id = fields.UUID(required=True)
    name = fields.String(required=True)


class SettledOfferView(View):
    id = fields.UUID(required=True)
    title = fields.String(required=True)


class SettlementSumView(View):
    offer = fields.Nested(SettledOfferView, required=True)
    venue = fields.Nested(SettledPartnerView, required=True)
    funding_account = fields.String(required=True, metadata={"description": "付款单位的代号；空为不另行付款"})
    payer = fields.String(required=True)
    lines = fields.Integer(required=True)
    points = fields.Integer(required=True)
    due_fen = fields.Integer(required=True)


class SettlementStatementView(View):
    """``state``: preparing, proposed, agreed, closed. ``digest``: SHA-256 over the lines of a closed statement."""

    id = fields.UUID(required=True)
    partner = fields.Nested(SettledPartnerView, required=True)
    month = fields.String(required=True)
    state = fields.String(required=True, validate=one_of(*STATES))
    state_text = fields.String(required=True)
    lines = fields.Integer(required=True)
    total_fen = fields.Integer(required=True)
    total_points = fields.Integer(required=True)
    open_disputes = fields.Integer(required=True)
    review_until_on = fields.Date(required=True)
    closable = fields.Boolean(required=True, metadata={"description": "现在就可以关账"})
    prepared_at = Instant(required=True, allow_none=True)
    agreed_at = Instant(required=True, allow_none=True)
    closed_at = Instant(required=True, allow_none=True)
    digest = fields.String(required=True)


class SettlementStatementDetailView(SettlementStatementView):
    sums = fields.List(fields.Nested(SettlementSumView), required=True)


class RunningMonthView(View):
    """The month that is going on, so far. It is no statement and may still change."""

    partner = fields.Nested(SettledPartnerView, required=True)
    month = fields.String(required=True)
    sums = fields.List(fields.Nested(SettlementSumView), required=True)


class SettlementLineView(View):
    """``due_fen`` is what is owed after disputes and corrections; ``price_fen`` what the offer promised."""

    number = fields.Integer(required=True)
    kind = fields.String(required=True, validate=one_of("admission", "correction"))
    admission_id = fields.UUID(required=True)
    transfer_id = fields.UUID(
        required=True, allow_none=True, metadata={"description": "积分流水编号；不动积分的为 null"}
    )
    offer = fields.Nested(SettledOfferView, required=True)
    venue = fields.Nested(SettledPartnerView, required=True)
    device_id = fields.UUID(required=True)
    source = fields.String(required=True, validate=one_of("online", "offline", "operator"))
    happened_at = Instant(required=True)
    counted_at = Instant(required=True)
    points = fields.Integer(required=True)
    funding_account = fields.String(required=True)
    payer = fields.String(required=True)
    price_fen = fields.Integer(required=True)
    due_fen = fields.Integer(required=True)
    note = fields.String(required=True)


class LineDisputeView(View):
    id = fields.UUID(required=True)
    line = fields.Integer(required=True, attribute="line_number")
    state = fields.String(required=True, validate=one_of("open", "upheld", "rejected"))
    text = fields.String(required=True)
    wanted_fen = fields.Integer(required=True)
    raised_at = Instant(required=True)
    decided_at = Instant(required=True, allow_none=True)
    reason = fields.String(required=True)
