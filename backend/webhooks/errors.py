"""Why a webhook is not made, rotated or sent."""

from __future__ import annotations

from backend.kit.errors import DomainError


class TooManyWebhooks(DomainError):
    """Member: ``most``."""

    slug = "too-many-webhooks"
    status = 409
    title_zh = "回调地址已满"
    title_en = "There are as many webhooks as an organisation may have"
    explain_zh = "一个单位最多登记 5 个回调地址（most）。请修改或删除一个现有的。"
    explain_en = "An organisation has at most five webhooks (`most`). Change one or delete one."


class WebhookDisabled(DomainError):
    """Member: ``disabled_reason``."""

    slug = "webhook-disabled"
    status = 409
    title_zh = "回调地址已停用"
    title_en = "The webhook is disabled"
    explain_zh = (
        "停用的回调地址不发送任何通知。disabled_reason：by-hand 人工停用，gone 对方答 410，failing 连续失败五天。"
        "修好后先把 status 改回 active，再发测试通知或重发。"
    )
    explain_en = (
        "Nothing is sent to a disabled webhook. `disabled_reason`: by-hand, gone (it answered 410), failing (five days "
        "without a success). Mend it, set `status` to active, then ping or retry."
    )


class TooManyWebhookSecrets(DomainError):
    """Member: ``most``."""

    slug = "too-many-webhook-secrets"
    status = 409
    title_zh = "仍在并行签名的密钥太多"
    title_en = "Too many secrets still sign"
    explain_zh = "同时签名的密钥最多 5 个（most）。请等较早的到期，或者用 overlap_hours 为 0 立即停用它们。"
    explain_en = (
        "At most five secrets sign at once (`most`). Wait for older ones to end, or end them with overlap_hours 0."
    )
