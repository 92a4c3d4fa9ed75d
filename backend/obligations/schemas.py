"""What the routes of obligations take and give."""

from __future__ import annotations

from marshmallow import fields

from backend.web.paging import PageQuery
from backend.web.schemas import Instant, Request, Text, View, Whole, one_of

KINDS = ["pay_after", "deposit_free"]
STATES = ["open", "charged", "arrears", "disputed", "settled", "cured", "released", "withdrawn"]
DECISIONS = ["upheld", "withdrawn"]


# --- asked -----------------------------------------------------------------------------------------------------------


class ObligationQuery(PageQuery):
    """``state``: only those that are so now."""

    state = fields.String(load_default=None, validate=one_of(*STATES))


class ChargeRequest(Request):
    """What is owed, in fen, at most the obligation's ``up_to_fen``; ``reason`` is what the resident will read."""

    amount_fen = Whole(least=1, required=True)
    reason = Text(least=2, most=200, required=True)


class PaymentRequest(Request):
    """``paid_at``: when it was paid, where that is not now."""

    paid_at = Instant(load_default=None)


class ObligationDisputeRequest(Request):
    """What is wrong with the charge. The partner does not see it, the programme's office does."""

    text = Text(least=2, most=1000, required=True)


class ObligationDecisionRequest(Request):
    """``upheld``: the charge stands, and its time to pay begins anew; ``withdrawn``: nothing is owed. The resident
    reads ``reason``."""

    decision = fields.String(required=True, validate=one_of(*DECISIONS))
    reason = Text(least=2, most=200, required=True)


# --- answered --------------------------------------------------------------------------------------------------------


class _ObligationFields(View):
    """What all who may see an obligation see of it. Amounts in fen; ``charge_until_at`` and ``due_at`` are the first
    instants that are too late."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True, metadata={"enum": KINDS})
    kind_text = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": STATES})
    state_text = fields.String(required=True)
    title = fields.String(required=True, metadata={"description": "优惠的名称"})
    venue_id = fields.UUID(required=True)
    admission_id = fields.UUID(required=True)
    up_to_fen = fields.Integer(required=True)
    amount_fen = fields.Integer(required=True, allow_none=True, metadata={"description": "报账以前为 null"})
    used_at = Instant(required=True)
    opened_at = Instant(required=True)
    charge_until_at = Instant(required=True, metadata={"description": "到这一刻还没有报账的，自动了结"})
    charged_at = Instant(required=True, allow_none=True)
    due_at = Instant(required=True, allow_none=True, metadata={"description": "到这一刻还没有付清的，即为逾期"})
    paid_at = Instant(required=True, allow_none=True)
    ended_at = Instant(required=True, allow_none=True)


class ObligationDisputeView(View):
    """``decision`` is null until the office has decided."""

    text = fields.String(required=True, allow_none=True)
    disputed_at = Instant(required=True)
    decision = fields.String(required=True, allow_none=True, metadata={"enum": [*DECISIONS, None]})
    reason = fields.String(required=True, allow_none=True)
    decided_at = Instant(required=True, allow_none=True)


class ObligationView(_ObligationFields):
    """An obligation as its resident sees it. ``explanation``: what it means and what comes next, in Chinese."""

    partner_name = fields.String(required=True)
    charge_reason = fields.String(required=True, allow_none=True)
    dispute = fields.Nested(ObligationDisputeView, required=True, allow_none=True)
    may_dispute = fields.Boolean(required=True)
    explanation = fields.String(required=True)


class PartnerObligationView(_ObligationFields):
    """An obligation as the partner sees it: never whose it is. ``acts``: what the partner may do now."""

    disputed_at = Instant(required=True, allow_none=True)
    decision = fields.String(required=True, allow_none=True, metadata={"enum": [*DECISIONS, None]})
    acts = fields.List(fields.String(metadata={"enum": ["charge", "pay", "release", "withdraw"]}), required=True)


class DisputedObligationView(View):
    """A dispute that awaits a decision. ``pseudonym``: the same for all disputes of one person, and of no other use."""

    id = fields.UUID(required=True)
    pseudonym = fields.String(required=True)
    kind = fields.String(required=True, metadata={"enum": KINDS})
    kind_text = fields.String(required=True)
    title = fields.String(required=True)
    partner_id = fields.UUID(required=True)
    partner_name = fields.String(required=True)
    up_to_fen = fields.Integer(required=True)
    amount_fen = fields.Integer(required=True)
    used_at = Instant(required=True)
    charged_at = Instant(required=True)
    disputed_at = Instant(required=True)


class ObligationDisputeShownView(View):
    """A dispute with both sides' words. ``own``: the caller stands on one of the sides and may not decide."""

    dispute = fields.Nested(DisputedObligationView, required=True)
    state = fields.String(required=True, metadata={"enum": STATES})
    charge_reason = fields.String(required=True, allow_none=True)
    text = fields.String(required=True, allow_none=True)
    own = fields.Boolean(required=True)
    decision = fields.String(required=True, allow_none=True, metadata={"enum": [*DECISIONS, None]})
    decided_at = Instant(required=True, allow_none=True)


class ObligationDecidedView(View):
    """What stands after a decision. ``due_at``: by when an upheld charge is to be paid."""

    id = fields.UUID(required=True)
    state = fields.String(required=True, metadata={"enum": STATES})
    state_text = fields.String(required=True)
    decision = fields.String(required=True, metadata={"enum": DECISIONS})
    decision_text = fields.String(required=True)
    due_at = Instant(required=True, allow_none=True)
    decided_at = Instant(required=True)
