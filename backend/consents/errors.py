"""Why a consent is refused, or missed."""

from __future__ import annotations

from backend.kit.errors import DomainError


class ConsentMissing(DomainError):
    """Members: ``purpose``; ``opt_in`` (``method`` and ``path``), the request by which one agrees."""

    slug = "consent-missing"
    status = 403
    title_zh = "需要您先同意"
    title_en = "Your consent is needed first"
    explain_zh = (
        "这项服务要用到您没有同意使用的信息，或者同意的文本已经更新。purpose 是哪一项，opt_in 是给出同意的接口；"
        "同意与否由您决定，不影响其他服务。"
    )
    explain_en = (
        "This uses information that you have not agreed to have used, or the text you agreed to has changed. "
        "`purpose` says which; `opt_in` is the request by which you may agree. Nothing else depends on it."
    )


class ConsentTextChanged(DomainError):
    """Members: ``purpose``, ``text_version``, the version in force."""

    slug = "consent-text-changed"
    status = 409
    title_zh = "同意书已更新，请重新阅读"
    title_en = "The text has changed, please read it again"
    explain_zh = (
        "您同意的不是现在的文本。text_version 是现行版本；请重新读取 /api/v1/me/consents，阅读后再决定。"
        "什么都没有改变。"
    )
    explain_en = "You agreed to another text than the present one, `text_version`. Read it and decide again."


class GuardianNeeded(DomainError):
    """Member: ``below_age``."""

    slug = "guardian-needed"
    status = 403
    title_zh = "须由监护人同意"
    title_en = "A guardian decides"
    explain_zh = (
        "未满 below_age 周岁的，须由父母或其他监护人同意（个人信息保护法第三十一条）。请由监护人到服务窗口办理。"
    )
    explain_en = "Below `below_age` a parent or guardian decides; please come to a service counter together."
