"""Bodies of this room's routes."""

from __future__ import annotations

from marshmallow import fields

from backend.web.paging import PageQuery
from backend.web.schemas import Day, Instant, Key, QueryFlag, Request, Text, View, one_of


class SceneView(View):
    id = fields.String(required=True)
    name = fields.String(required=True)
    description = fields.String(required=True)
    offers = fields.Integer(required=True, metadata={"description": "正在开放的优惠数"})


class OffersQuery(PageQuery):
    scene = Text(most=20, load_default=None)
    venue = Key(load_default=None)
    entitled = QueryFlag(load_default=None)


class ReasonView(View):
    slug = fields.String(required=True)
    ok = fields.Boolean(required=True)
    text = fields.String(required=True)
    remedy = fields.String(required=True, metadata={"description": "可以怎样做到；没有则为空"})


class EntitledView(View):
    """``verdict``: entitled, not-entitled, or sign-in when nobody is signed in and bound."""

    verdict = fields.String(required=True, attribute="word", validate=one_of("entitled", "not-entitled", "sign-in"))
    reasons = fields.List(fields.Nested(ReasonView), required=True)


class VenueView(View):
    id = fields.UUID(required=True)
    name = fields.String(required=True)
    address = fields.String(required=True)
    lat = fields.Float(required=True)
    lon = fields.Float(required=True)


class PartnerView(View):
    id = fields.UUID(required=True)
    name = fields.String(required=True)


class LimitView(View):
    limit = fields.Integer(required=True)
    window = fields.String(required=True, validate=one_of("day", "month", "year", "ever"))


class AgeView(View):
    """Whole years on the day of redemption, both included. What is told of a person is yes or no."""

    from_ = fields.Integer(required=True, data_key="from", attribute="from")
    to = fields.Integer(required=True)


class NoShowView(View):
    strikes = fields.Integer(required=True)
    within_days = fields.Integer(required=True)
    pause_days = fields.Integer(required=True)


class SlotRuleView(View):
    """``open``: spans of the Shanghai day; ``weekdays``: 1 Monday to 7 Sunday."""

    minutes = fields.Integer(required=True)
    open = fields.List(fields.String(), required=True)
    weekdays = fields.List(fields.Integer(), required=True)
    days_ahead = fields.Integer(required=True)
    early_minutes = fields.Integer(required=True)
    no_show = fields.Nested(NoShowView, required=True, allow_none=True)


class BlackoutView(View):
    days = fields.List(fields.String(), required=True)
    weekdays = fields.List(fields.Integer(), required=True)
    use_too = fields.Boolean(required=True, metadata={"description": "这些日子也不能使用"})


class OfferObligationView(View):
    kind = fields.String(required=True, validate=one_of("pay_after", "deposit_free"))
    up_to_fen = fields.Integer(required=True)
    due_hours = fields.Integer(required=True)
    remind_hours_before = fields.List(fields.Integer(), required=True)


class LateRefundView(View):
    to = fields.String(required=True, validate=one_of("expire", "grace"))
    grace_days = fields.Integer(required=True)


class OfferView(View):
    """``benefit`` is machine-readable: ``type`` and its members (fen, minutes, percent, pieces)."""

    id = fields.UUID(required=True)
    scene = fields.String(required=True, attribute="scene_id")
    title = fields.String(required=True)
    kind = fields.String(required=True)
    summary = fields.String(required=True)
    benefit = fields.Dict(keys=fields.String(), required=True)
    benefit_text = fields.String(required=True)
    price_points = fields.Integer(required=True)
    level_floor = fields.String(required=True, allow_none=True, metadata={"description": "最低等级；没有则为 null"})
    consents = fields.List(fields.String(), required=True)
    per_person = fields.Nested(LimitView, required=True, allow_none=True)
    first_timers_only = fields.Boolean(required=True, metadata={"description": "仅限首次兑换"})
    age = fields.Nested(AgeView, required=True, allow_none=True)
    slots = fields.Nested(SlotRuleView, required=True, allow_none=True, metadata={"description": "分时段预约"})
    blackout = fields.Nested(BlackoutView, required=True, allow_none=True)
    stacking_group = fields.String(required=True, metadata={"description": "同组只能持一张可用的券；没有则为空"})
    stock_per_day = fields.Integer(required=True, metadata={"description": "每日名额；不限为 0"})
    obligation = fields.Nested(OfferObligationView, required=True, allow_none=True)
    late_refund = fields.Nested(LateRefundView, required=True)
    partner = fields.Nested(PartnerView, required=True)
    venues = fields.List(fields.Nested(VenueView), required=True)
    stock_left = fields.Integer(required=True, allow_none=True, metadata={"description": "至多报到 10；不限量为 null"})
    stock_text = fields.String(required=True)
    coupon_valid_days = fields.Integer(required=True)
    uses = fields.Integer(required=True)
    refund = fields.String(required=True, validate=one_of("until_used", "none"))
    status = fields.String(required=True, validate=one_of("open", "closed"))
    basis = fields.String(required=True)
    entitled = fields.Nested(EntitledView, required=True)


class CouponOfferView(View):
    """The offer as the coupon remembers it: a later policy changes nothing of it."""

    id = fields.UUID(required=True)
    title = fields.String(required=True)
    scene = fields.String(required=True)
    kind = fields.String(required=True)
    benefit = fields.Dict(keys=fields.String(), required=True)
    benefit_text = fields.String(required=True)


class CouponView(View):
    id = fields.UUID(required=True)
    status = fields.String(required=True, validate=one_of("issued", "used", "cancelled", "expired"))
    offer = fields.Nested(CouponOfferView, required=True)
    venues = fields.List(fields.Nested(VenueView), required=True)
    price_points = fields.Integer(required=True)
    valid_from = Instant(required=True)
    valid_until = Instant(required=True, metadata={"description": "有效期终点（不含）"})
    uses_total = fields.Integer(required=True)
    uses_left = fields.Integer(required=True)
    refund = fields.String(required=True, validate=one_of("until_used", "none"))
    cancellable = fields.Boolean(required=True)
    slot_starts_at = Instant(required=True, allow_none=True, metadata={"description": "预约的时段；没有则为 null"})
    slot_ends_at = Instant(required=True, allow_none=True)
    created_at = Instant(required=True)
    last_used_at = Instant(required=True, allow_none=True)
    closed_at = Instant(required=True, allow_none=True)


class RedemptionRequest(Request):
    """Needed only for an offer with time slots."""

    slot_starts_at = Instant(load_default=None, allow_none=True, metadata={"description": "所选时段的开始时间"})


class SlotsQuery(PageQuery):
    """Shanghai days, both included, at most 31."""

    from_on = Day(data_key="from", load_default=None)
    to_on = Day(data_key="to", load_default=None)


class SlotView(View):
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    left = fields.Integer(required=True, attribute="left_shown", metadata={"description": "至多报到 10"})
    full = fields.Boolean(required=True)


class RedemptionView(View):
    id = fields.UUID(required=True)
    offer_id = fields.UUID(required=True)
    price_points = fields.Integer(required=True)
    created_at = Instant(required=True)
    coupon = fields.Nested(CouponView, required=True)


class QrQuery(Request):
    qr = fields.String(load_default=None, validate=one_of("svg"))


class CodeView(View):
    """``qr_svg`` only with ``?qr=svg``: a client that can draw a QR draws it from ``code``."""

    code = fields.String(required=True)
    expires_at = Instant(required=True)
    qr_svg = fields.String()


class PresentationRequest(Request):
    """``offer``: a venue asks about an offer. ``counter``: a service counter may help the person, once, or look at
    what it needs."""

    purpose = fields.String(required=True, validate=one_of("offer", "counter"))


class ExtensionRequest(Request):
    """``reason`` is what every holder reads."""

    until_on = Day(required=True, metadata={"description": "延长后的最后有效日（含当日）"})
    reason = Text(least=2, most=100, required=True)


class ExtensionView(View):
    id = fields.UUID(required=True)
    offer_id = fields.UUID(required=True)
    until_on = Day(required=True)
    reason = fields.String(required=True)
    state = fields.String(required=True, validate=one_of("running", "done"))
    extended = fields.Integer(required=True, metadata={"description": "已延长的张数"})
    created_at = Instant(required=True)
    done_at = Instant(required=True, allow_none=True)
