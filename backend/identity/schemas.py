"""Bodies of the identity routes."""

from __future__ import annotations

from marshmallow import fields

from backend.accounts.schemas import TokensView
from backend.web.schemas import Instant, Request, Text, View, one_of


class ProofRequest(Request):
    """``value``: the code of WeChat's phone button, the code of a service counter, or the government's token."""

    kind = fields.String(required=True, validate=one_of("wechat_phone", "counter_code", "government"))
    value = Text(most=2000, required=True)


class IdentityRequest(Request):
    name = Text(most=60, required=True)
    id_number = Text(most=40, required=True)
    proof = fields.Nested(ProofRequest, required=True)


class RecoveryView(TokensView):
    """The new session, the only one of this account. Until ``spending_paused_until`` nothing can be redeemed."""

    spending_paused_until = Instant(required=True, allow_none=True)


class PauseLiftRequest(Request):
    """As on the card that the person showed."""

    name = Text(most=60, required=True)
    id_number = Text(most=40, required=True)


class CounterCodeRequest(Request):
    """As on the card that the person showed."""

    name = Text(most=60, required=True)
    id_number = Text(most=40, required=True)


class CounterCodeView(View):
    code = fields.String(required=True)
    expires_at = Instant(required=True)
