"""What the merchants room refuses."""

from __future__ import annotations

from backend.kit.errors import DomainError


class MerchantCodeUnknown(DomainError):
    slug = "merchant-code-unknown"
    status = 404
    title_zh = "没有这个商户信用码"
    title_en = "There is no such merchant code"
    explain_zh = "这个编号不是本平台印发的商户信用码，或抄写有误。请核对码上的十位字符。"
    explain_en = "We never printed this code, or it was copied wrongly. Check its ten characters."


class MerchantCodeRevoked(DomainError):
    """Members: ``revoked_at``, ``reason`` and the merchant's ``name``."""

    slug = "merchant-code-revoked"
    status = 410
    title_zh = "这个商户信用码已作废"
    title_en = "This merchant code has been revoked"
    explain_zh = "revoked_at 是作废时间。仍在张贴它的商户，其信息不能由此核实；请扫描新的信用码。"
    explain_en = "`revoked_at` says when. Whoever still shows it cannot be verified by it; scan the new code."


class MerchantRefused(DomainError):
    """Member: ``problems``."""

    slug = "merchant-refused"
    status = 422
    title_zh = "商户登记信息有误"
    title_en = "The merchant's details are not acceptable"
    explain_zh = "problems 逐条说明统一社会信用代码、片区、业态等有什么问题。没有登记。"
    explain_en = "`problems` says what is wrong with the code, district, trade or another detail."
