"""The refusals of this room."""

from __future__ import annotations

from backend.kit.errors import DomainError


class SignatureRequired(DomainError):
    slug = "signature-required"
    status = 401
    title_zh = "请求没有签名"
    title_en = "The request is not signed"
    explain_zh = (
        "停车运营接口的每个请求都要用设备的钥匙签名：X-Signature-Timestamp 为 Unix 秒，X-Signature 为 base64url 的 "
        "Ed25519 签名，签的是 ASCII 文本 "
        "xinyi-request-v1|方法|路径|时间|Idempotency-Key|请求体的 SHA-256（小写十六进制）。"
    )
    explain_en = (
        "Every request is signed with the device's key: X-Signature-Timestamp in Unix seconds and X-Signature, "
        "base64url Ed25519 over the ASCII text xinyi-request-v1|METHOD|path|timestamp|Idempotency-Key|sha256-hex(body)."
    )


class SignatureInvalid(DomainError):
    """Members: ``why`` (``timestamp`` or ``signature``), ``server_time`` in Unix seconds."""

    slug = "signature-invalid"
    status = 403
    title_zh = "请求的签名无效"
    title_en = "The request's signature is not valid"
    explain_zh = (
        "why 为 timestamp：签名时间与本站相差超过 60 秒，server_time 是本站的时间；为 signature：不是本设备的钥匙对"
        "这个请求（方法、路径、时间、幂等键、请求体）所作的签名。什么都没有改变。"
    )
    explain_en = (
        "`why`: timestamp (more than 60 seconds from ours; `server_time` is ours) or signature (not this device's key "
        "over this very request). Nothing has changed."
    )


class NotACarPark(DomainError):
    slug = "not-a-car-park"
    status = 403
    title_zh = "本场所不是停车场"
    title_en = "This venue is no car park"
    explain_zh = "设备所属的场所没有停车优惠，不能确认车牌，也不能询问停车权益。"
    explain_en = "No parking offer is admitted at the device's venue."


class TooManyPlates(DomainError):
    slug = "too-many-plates"
    status = 409
    title_zh = "登记的车牌已满"
    title_en = "Too many plates"
    explain_zh = "每人最多登记 5 块车牌；请先删除不用的。"
    explain_en = "A person registers five plates at most; remove one first."


class PlateNotHers(DomainError):
    slug = "plate-not-registered"
    status = 404
    title_zh = "出示人没有登记这块车牌"
    title_en = "Whoever shows the code has not registered this plate"
    explain_zh = "请车主先在“我的车牌”里登记，再在现场出示身份码。"
    explain_en = "The driver registers the plate first and then shows the code at the gate."


class TicketUnknown(DomainError):
    slug = "ticket-unknown"
    status = 404
    title_zh = "没有这张停车票"
    title_en = "No such ticket"
    explain_zh = "本场所没有报过这个票号的入场。"
    explain_en = "No entry was reported at this venue under this ticket."


class TicketKnown(DomainError):
    slug = "ticket-known"
    status = 409
    title_zh = "票号已经用过"
    title_en = "The ticket was used before"
    explain_zh = "本场所已经报过这个票号的入场；每次入场用新的票号。"
    explain_en = "An entry under this ticket was reported already; every entry has its own."


class StayEnded(DomainError):
    slug = "stay-ended"
    status = 409
    title_zh = "这次停车已经离场"
    title_en = "The stay has ended"
    explain_zh = "这张票已经报过离场，没有再次使用优惠。"
    explain_en = "The exit of this ticket was reported already; no benefit was applied again."


class BenefitNotAvailable(DomainError):
    slug = "benefit-not-available"
    status = 409
    title_zh = "这项优惠现在不能用"
    title_en = "The benefit cannot be applied now"
    explain_zh = "没有记录离场。请按没有优惠的金额，用新的 Idempotency-Key、不带 offer_id 再报一次。不说明原因。"
    explain_en = "The exit was not recorded. Report it again without offer_id and with a new key. Why is not said."
