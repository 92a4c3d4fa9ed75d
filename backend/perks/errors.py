"""The refusals of this room."""

from __future__ import annotations

from backend.kit.errors import DomainError


class LimitReached(DomainError):
    slug = "limit-reached"
    status = 409
    title_zh = "已达到每人限领数量"
    title_en = "The limit per person is reached"
    explain_zh = "该优惠对每人在一个周期内有限领数量；again_on 是下一周期的第一天（没有则为 null）。没有扣除积分。"
    explain_en = "The offer limits how often one person redeems it; `again_on` is the first day of the next window."


class OfferClosed(DomainError):
    slug = "offer-closed"
    status = 409
    title_zh = "活动未开放"
    title_en = "The offer is not open"
    explain_zh = "该优惠已下线，或今天不在开放兑换的日期内。"
    explain_en = "The offer was closed, or today is outside the days on which it may be redeemed."


class NotEntitled(DomainError):
    slug = "not-entitled"
    status = 403
    title_zh = "暂不符合享受条件"
    title_en = "Not entitled"
    explain_zh = "向本人返回 reasons：逐条列出符合与不符合的条件以及可以怎么做；向场所只回答不符合，不说明原因。"
    explain_en = "The resident is told every reason and what would help (`reasons`); a venue learns yes or no only."


class CouponNotActive(DomainError):
    slug = "coupon-not-active"
    status = 409
    title_zh = "该券不可出示"
    title_en = "The coupon is not active"
    explain_zh = "只有未用完、未取消、未过期的券可以生成出示码。coupon_status 是它现在的状态。"
    explain_en = "Only a coupon that is issued makes codes. `coupon_status` says what it is now."


class NotCancellable(DomainError):
    slug = "not-cancellable"
    status = 409
    title_zh = "该券不可取消"
    title_en = "The coupon cannot be cancelled"
    explain_zh = "已使用、已取消、已过期或约定不可退的券不能取消。coupon_status 是它现在的状态。"
    explain_en = "A coupon that was used, cancelled, has expired, or was sold without refund cannot be cancelled."
