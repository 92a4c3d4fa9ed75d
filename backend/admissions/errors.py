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


class UndoTooLate(DomainError):
    """Members: ``undo_seconds``, ``admitted_at``."""

    slug = "undo-too-late"
    status = 409
    title_zh = "已不能撤销"
    title_en = "Too late to undo"
    explain_zh = "核销只能由同一台设备在 undo_seconds 秒内撤销（按服务器时间）；券在此期间已另行了结的，也不能撤销。"
    explain_en = "Only the same device may undo an admission, within `undo_seconds` by the server's clock, and only \
while the coupon has not been closed otherwise."


class NothingToUndo(DomainError):
    slug = "nothing-to-undo"
    status = 409
    title_zh = "没有可撤销的核销"
    title_en = "There is nothing to undo"
    explain_zh = "这一条没有核销成功（待核对的冲突），没有用掉次数，也没有移动积分；请在“待核对”里处理。"
    explain_en = "This is a conflict: no use was taken and no points moved. It is decided by partner and office."


class ConflictSettled(DomainError):
    """Member: ``step``."""

    slug = "conflict-settled"
    status = 409
    title_zh = "该冲突现在不能这样处理"
    title_en = "The conflict cannot be dealt with in this way now"
    explain_zh = "step 是它现在的状态：open 待合作机构处理，claimed 已主张、待办公室决定，waived 已放弃，\
accepted 已认可，rejected 未认可。主张之后才能决定；放弃和决定之后不再改变。"
    explain_en = (
        "`step` says where it stands: open, claimed, waived, accepted or rejected. Only what is claimed can be \
decided; what was waived or decided stays so."
    )


class OwnConflict(DomainError):
    slug = "own-conflict"
    status = 403
    title_zh = "不能决定与自己有关的冲突"
    title_en = "It concerns yourself"
    explain_zh = "这条冲突里的券是您本人的，或者主张是您提出的，请由其他工作人员决定。"
    explain_en = "The coupon is your own, or you made the claim yourself. A colleague must decide."
