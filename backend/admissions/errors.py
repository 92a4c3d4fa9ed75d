"""The refusals of this room."""

from __future__ import annotations

from backend.kit.errors import DomainError


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
