"""Bodies of the door's routes."""

from __future__ import annotations

from marshmallow import fields, validate

from backend.perks.schemas import CouponOfferView
from backend.web.schemas import Instant, Key, Request, Text, View, one_of

MOST_CODE_CHARACTERS = 400
MOST_ROWS = 100


class ScanRequest(Request):
    """``offer_id`` is needed for a presentation code; with a coupon's code it says which offer is expected."""

    code = Text(most=MOST_CODE_CHARACTERS, required=True)
    offer_id = Key(load_default=None, allow_none=True)


class ScanVenueView(View):
    id = fields.UUID(required=True)
    name = fields.String(required=True)


class VerificationView(View):
    """``reason`` is the slug of the problem that an admission would answer, with its words in ``detail``."""

    verdict = fields.String(required=True, validate=one_of("valid", "refused"))
    reason = fields.String(required=True, allow_none=True)
    title = fields.String(required=True, allow_none=True)
    detail = fields.String(required=True, allow_none=True)
    offer = fields.Nested(CouponOfferView, required=True, allow_none=True)
    uses_left = fields.Integer(required=True, allow_none=True)
    used_at = Instant(allow_none=True)
    venue = fields.Nested(ScanVenueView, allow_none=True)


class AdmissionView(View):
    id = fields.UUID(required=True)
    verdict = fields.String(required=True, validate=one_of("admitted"))
    offer = fields.Nested(CouponOfferView, required=True)
    uses_left = fields.Integer(required=True)
    admitted_at = Instant(required=True)


class UndoneView(View):
    """``uses_left``: of the coupon as it is now."""

    id = fields.UUID(required=True)
    verdict = fields.String(required=True, validate=one_of("undone"))
    offer = fields.Nested(CouponOfferView, required=True)
    uses_left = fields.Integer(required=True)
    undone_at = Instant(required=True)


class OfflinePolicyView(View):
    """``uses``: up to ``max_uses`` admissions. ``value``: what is worth up to ``max_value_fen`` together."""

    mode = fields.String(required=True, validate=one_of("none", "uses", "value"))
    max_uses = fields.Integer(required=True, metadata={"description": "一份离线包内一台设备至多离线放行的次数"})
    max_value_fen = fields.Integer(
        required=True, metadata={"description": "一份离线包内一台设备至多离线放行的价值合计，分"}
    )


class PackOfferView(View):
    id = fields.UUID(required=True)
    title = fields.String(required=True)
    kind = fields.String(required=True)
    benefit_text = fields.String(required=True)
    uses = fields.Integer(required=True)
    value_fen = fields.Integer(required=True, metadata={"description": "用一次的价值，分；按价值限额时逐次累计"})
    offline = fields.Nested(OfflinePolicyView, required=True)


class UsedView(View):
    """``status`` is the number that a code carries: which coupon, without saying whose."""

    status = fields.Integer(required=True)
    used = fields.Integer(required=True)
    last_used_at = fields.String(required=True)


class OfflinePackView(View):
    """``keys``: JWKs (RFC 8037). ``status_lists``: signed Token Status Lists by list number; the first again alone.

    A device counts time from ``server_time`` by its monotonic clock and refuses everything at ``valid_until``.
    """

    keys = fields.List(fields.Dict(keys=fields.String()), required=True)
    status_list = fields.String(required=True)
    status_lists = fields.List(fields.String(), required=True)
    used = fields.List(fields.Nested(UsedView), required=True)
    offers = fields.List(fields.Nested(PackOfferView), required=True)
    venue = fields.Nested(ScanVenueView, required=True)
    undo_seconds = fields.Integer(required=True, metadata={"description": "核销后多少秒内可以撤销"})
    server_time = Instant(required=True)
    valid_until = Instant(required=True)


class UploadRow(Request):
    id = Key(required=True)
    code = Text(most=MOST_CODE_CHARACTERS, required=True)
    at = Instant(required=True)


class UploadRequest(Request):
    admissions = fields.List(
        fields.Nested(UploadRow),
        required=True,
        validate=validate.Length(min=1, max=MOST_ROWS, error=f"一次 1 至 {MOST_ROWS} 行。"),
    )


class UploadVerdictView(View):
    """``verdict``: admitted; conflict (kept, not settled); refused; failed (nothing kept: send it again)."""

    id = fields.UUID(required=True)
    verdict = fields.String(required=True, validate=one_of("admitted", "conflict", "refused", "failed"))
    reason = fields.String(required=True, allow_none=True)
    admission_id = fields.UUID(required=True, allow_none=True)
    offer = fields.Nested(CouponOfferView, required=True, allow_none=True)
    uses_left = fields.Integer(required=True, allow_none=True)


class UploadView(View):
    items = fields.List(fields.Nested(UploadVerdictView), required=True)
