"""Bodies of this room's routes."""

from __future__ import annotations

from marshmallow import fields, validate

from backend.bookings import rules
from backend.perks.schemas import CouponOfferView, VenueView
from backend.web.schemas import Flag, Instant, Request, Text, View, one_of


class WaitingRequest(Request):
    """``auto``: whose turn comes is redeemed for at once; there is no other way to wait."""

    slot_starts_at = Instant(required=True)
    auto = Flag(
        load_default=True, validate=validate.Equal(True, error="候补就是同意轮到时自动兑换；不同意请不要候补。"),
        metadata={"description": "同意轮到时自动兑换；只能为 true"},
    )  # fmt: skip


class WaitingEntryView(View):
    id = fields.UUID(required=True)
    offer_id = fields.UUID(required=True)
    offer_title = fields.String(required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    state = fields.String(required=True, validate=one_of(*rules.STATE_TEXT))
    ahead = fields.Integer(required=True, allow_none=True, metadata={"description": "前面几个人；不在候补为 null"})
    auto = fields.Boolean(required=True, metadata={"description": "轮到时自动兑换"})
    price_points = fields.Integer(required=True, metadata={"description": "轮到时冻结的积分；以后涨价的不兑换"})
    text = fields.String(required=True, metadata={"description": "现在是什么情况、轮到时会怎样"})
    coupon_id = fields.UUID(required=True, allow_none=True, metadata={"description": "转为预约的券"})
    joined_at = Instant(required=True)
    skipped_at = Instant(required=True, allow_none=True, metadata={"description": "轮到过而当时不符合条件的时间"})
    ended_at = Instant(required=True, allow_none=True)


class BookingView(View):
    coupon_id = fields.UUID(required=True)
    offer = fields.Nested(CouponOfferView, required=True)
    venues = fields.List(fields.Nested(VenueView), required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    status = fields.String(required=True, validate=one_of("issued", "used", "cancelled", "expired"))
    cancellable_until = Instant(
        required=True, allow_none=True, metadata={"description": "这以前可以取消（不含）；不能取消的为 null"}
    )


class MissedSlotView(View):
    id = fields.UUID(required=True)
    title = fields.String(required=True)
    missed_at = Instant(required=True, metadata={"description": "未到的时段的结束时间"})
    ends_at = Instant(required=True, metadata={"description": "计到这时（不含），随后删除"})


class SlotStandingView(View):
    id = fields.UUID(required=True, metadata={"description": "请项目办公室更正时报这个编号"})
    scene = fields.String(required=True)
    paused_until = Instant(required=True, allow_none=True)
    strikes = fields.List(fields.Nested(MissedSlotView), required=True)


class SlotPauseView(View):
    id = fields.UUID(required=True)
    scene = fields.String(required=True)
    paused_from = Instant(required=True)
    paused_until = Instant(required=True)


class SlotPauseLiftedView(View):
    id = fields.UUID(required=True)


class LiftRequest(Request):
    reason = Text(required=True, most=200)
