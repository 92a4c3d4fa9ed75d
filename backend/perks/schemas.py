"""Bodies of this room's routes."""

from __future__ import annotations

from marshmallow import fields

from backend.web.paging import PageQuery
from backend.web.schemas import Instant, Key, QueryFlag, Request, Text, View, one_of


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
    created_at = Instant(required=True)
    last_used_at = Instant(required=True, allow_none=True)
    closed_at = Instant(required=True, allow_none=True)


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
