"""The refusals of this room."""

from __future__ import annotations

from backend.kit.errors import DomainError


class SoldOut(DomainError):
    slug = "sold-out"
    status = 409
    title_zh = "名额已领完"
    title_en = "Sold out"
    explain_zh = "该优惠的名额已全部领完，没有扣除积分。有人退券后名额会重新放出。"
    explain_en = "Nothing is left of this offer and no points were taken. A cancelled coupon puts its place back."


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


class AlreadyUsed(DomainError):
    slug = "already-used"
    status = 409
    title_zh = "该券已使用"
    title_en = "Already used"
    explain_zh = "该券的次数已用完。used_at 是最近一次使用的时间，venue 是使用的场所。"
    explain_en = "No use is left. `used_at` is when it was last used and `venue` where."


class CouponCancelled(DomainError):
    slug = "cancelled"
    status = 409
    title_zh = "该券已取消"
    title_en = "The coupon was cancelled"
    explain_zh = "持券人已取消该券，积分已退回。"
    explain_en = "Its holder cancelled the coupon and has the points back."


class CouponExpired(DomainError):
    slug = "coupon-expired"
    status = 410
    title_zh = "该券已过有效期"
    title_en = "The coupon has expired"
    explain_zh = "valid_until 是该券有效期的终点；与出示码过期（code-expired）不同，刷新出示码没有用。"
    explain_en = "`valid_until` is when the coupon ended. Unlike `code-expired`, a fresh code does not help."


class NotYourOffer(DomainError):
    slug = "not-your-offer"
    status = 403
    title_zh = "不是本场所的优惠"
    title_en = "Not an offer of this venue"
    explain_zh = "该券或该优惠不在本设备所属场所的可核销范围内。"
    explain_en = "The coupon or offer may not be admitted at this device's venue."


class CouponRequired(DomainError):
    slug = "coupon-required"
    status = 409
    title_zh = "该优惠需要先兑换"
    title_en = "This offer needs a coupon"
    explain_zh = "需要积分的优惠不能凭身份出示码直接使用，请居民先兑换再出示券码。"
    explain_en = "An offer that costs points needs a coupon: redeem it first, then show the coupon's code."


class StatusUnknown(DomainError):
    slug = "status-unknown"
    status = 503
    title_zh = "暂时无法确认状态"
    title_en = "The status cannot be known now"
    explain_zh = "签名有效，但查不到该券的状态。没有核销，也没有记录；请稍后用同一个 Idempotency-Key 重试。"
    explain_en = "The signature is good, yet the coupon's status is not known. Nothing was admitted; try again."


class DeviceWithoutVenue(DomainError):
    slug = "device-without-venue"
    status = 409
    title_zh = "设备尚未绑定场所"
    title_en = "The device has no venue"
    explain_zh = "核销设备须先由合作机构绑定到一个场所。"
    explain_en = "The partner must first assign the device to one of its venues."


class OfflineNotAllowed(DomainError):
    slug = "offline-not-allowed"
    status = 409
    title_zh = "该优惠不支持离线核销"
    title_en = "The offer is not admitted offline"
    explain_zh = "离线放行已如实记录为待处理，暂不结算；由合作机构与项目办公室核对后决定。"
    explain_en = "That it happened is recorded as a conflict and not settled until partner and office have decided."


class ScanTimeNotCredible(DomainError):
    slug = "scan-time-not-credible"
    status = 409
    title_zh = "离线扫码时间不可信"
    title_en = "The time of the offline scan is not credible"
    explain_zh = "why：time-in-future 在未来；too-old 太久以前；before-code 早于出示码签发。已记录为待处理，暂不结算。"
    explain_en = "`why`: time-in-future, too-old, or before-code. It is recorded as a conflict and not settled."
