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
    explain_zh = "只有未用完、未取消、未过期、时段已到的券可以生成出示码。coupon_status 是它现在的状态。"
    explain_en = "Only a coupon that is issued and whose slot has come makes codes. `coupon_status`: what it is now."


class NotCancellable(DomainError):
    slug = "not-cancellable"
    status = 409
    title_zh = "该券不可取消"
    title_en = "The coupon cannot be cancelled"
    explain_zh = "已使用、已取消、已过期或约定不可退的券不能取消。coupon_status 是它现在的状态。"
    explain_en = "A coupon that was used, cancelled, has expired, or was sold without refund cannot be cancelled."


class CouponNotYet(DomainError):
    slug = "coupon-not-yet"
    status = 409
    title_zh = "还没到该券的使用时间"
    title_en = "The coupon is for a later time"
    explain_zh = "valid_from 是该券可以使用的起点（预约的时段）。请在那之后再来。"
    explain_en = "`valid_from` is when the coupon (of a booked time slot) may first be used."


class BlackoutDay(DomainError):
    slug = "blackout-day"
    status = 409
    title_zh = "今天不可使用"
    title_en = "Not admitted today"
    explain_zh = "该优惠约定在今天这样的日子不可使用；券的有效期不变，可在其他日子使用。"
    explain_en = "The offer is not admitted on a day like this. The coupon stays as it is and may be used another day."


class TransferRefused(DomainError):
    slug = "transfer-refused"
    status = 403
    title_zh = "券不能转让"
    title_en = "Coupons are not transferable"
    explain_zh = "券按本人的条件发放，积分不在居民之间流动，所以券不能转给别人。用不上可以取消，积分按约定退回。"
    explain_en = "A coupon rests on its holder's own conditions, and points never move between residents. Cancel it."


class NotExtendable(DomainError):
    slug = "not-extendable"
    status = 409
    title_zh = "该优惠的券不能延期"
    title_en = "The offer's coupons cannot be extended"
    explain_zh = "分时段预约的券只在那个时段有效，不能延期；可以请持券人改约。"
    explain_en = "A coupon that was booked for a time slot is good for that slot alone."
