"""What can be wrong with a code."""

from __future__ import annotations

from backend.kit.errors import DomainError

WHY = {
    "malformed": ("这不是本平台的二维码，或扫描不完整。", "It is not a code of this platform, or was not read whole."),
    "unknown-key": ("签名所用的密钥不在本平台的公开密钥之中。", "It is signed with a key that is not ours."),
    "key-withdrawn": ("签名所用的密钥已被撤回。", "The key it is signed with has been withdrawn."),
    "bad-signature": ("签名不正确，内容可能被改动。", "The signature is wrong: it may have been altered."),
    "wrong-purpose": ("这个二维码不是用于此处的。", "The code is meant for another purpose."),
    "wrong-subject": ("这个二维码属于另一项活动或权益。", "The code belongs to something else."),
    "not-yet-valid": ("二维码的签发时间在未来。", "The code says it was issued in the future."),
}
"""The values of the member ``why``, with what each means in Chinese and English."""


class CodeNotVerified(DomainError):
    slug = "code-not-verified"
    status = 422
    title_zh = "二维码未通过验证"
    title_en = "The code is not verified"
    explain_zh = (
        "无法确认这个二维码由本平台签发并用于此处，因此不能作为有效凭证。成员 why 说明原因："
        + "；".join(f"{why}：{zh}" for why, (zh, _) in WHY.items())
        + "请对方重新出示二维码。"
    )
    explain_en = (
        "It could not be confirmed that this platform issued the code for this purpose, so it does not count as"
        " valid. The member `why` says what is wrong: "
        + " ".join(f"{why}: {en}" for why, (_, en) in WHY.items())
        + " Ask for the code to be shown again."
    )

    @classmethod
    def because(cls, why: str) -> CodeNotVerified:
        """``why`` is one of the keys of ``WHY``."""
        return cls(*WHY[why], why=why)


class CodeExpired(DomainError):
    slug = "code-expired"
    status = 410
    title_zh = "二维码已过期"
    title_en = "The code has expired"
    explain_zh = "二维码只在短时间内有效，过期时间见 expired_at（UTC）。请对方刷新后重新出示；权益本身不受影响。"
    explain_en = "A code is good for a short time, until `expired_at` (UTC). Have it refreshed and shown again."


class PrintedCodeUnknown(DomainError):
    slug = "printed-code-unknown"
    status = 404
    title_zh = "没有这个编号的码牌"
    title_en = "There is no printed code of this number"
    explain_zh = "码牌编号为十位字母和数字，最后一位是校验位。请核对印刷的编号；不在本平台登记的码牌不可信。"
    explain_en = "A printed code has ten signs, the last one a check. One that is not on record is not ours."


class SigningKeyMissing(DomainError):
    slug = "signing-key-missing"
    status = 503
    title_zh = "签名密钥尚未就绪"
    title_en = "No signing key is ready"
    explain_zh = "平台还没有可用于签发的密钥。管理员应运行 flask codes generate；随后重试即可。"
    explain_en = "There is no key to sign with. An administrator runs `flask codes generate`; then try again."
