"""Why somebody is not taken for who they say they are."""

from __future__ import annotations

from backend.kit.errors import DomainError


class IdentityNotVerified(DomainError):
    """One answer whatever is wrong. Nothing in it depends on what the person typed."""

    slug = "identity-not-verified"
    status = 403
    title_zh = "实名信息未通过核验"
    title_en = "The identity was not verified"
    explain_zh = (
        "姓名、身份证号和核验凭证须属于同一个人，且此人尚未绑定其他微信账号；为了保护个人信息，不说明是哪一项不符。"
        "请核对后重新获取凭证再试，或携带身份证到服务窗口办理。"
    )
    explain_en = (
        "Name, id number and proof must belong to one person who is not bound to another account; "
        "which of these fails is not said. Check them and try with a new proof, or go to a service counter."
    )


class IdentityAlreadyBound(DomainError):
    slug = "identity-already-bound"
    status = 409
    title_zh = "本账号已经实名绑定"
    title_en = "This account is bound already"
    explain_zh = "一个微信账号只能绑定一个人。如绑定有误，请携带身份证到服务窗口办理。"
    explain_en = "An account is bound to one person for good. If that is a mistake, go to a service counter."


class ProofKindUnavailable(DomainError):
    """Members: ``errors`` (pointer ``/proof/kind``) and ``available``, the kinds that this installation accepts."""

    slug = "proof-kind-unavailable"
    status = 422
    title_zh = "本系统尚未开通这种核验方式"
    title_en = "This kind of proof is not available here"
    explain_zh = "available 列出现在可以使用的核验方式。"
    explain_en = "`available` lists the kinds of proof that can be used now."
