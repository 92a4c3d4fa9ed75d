"""Refusals of obligations."""

from __future__ import annotations

from backend.kit.errors import DomainError


class ObligationStateRefused(DomainError):
    """Members: ``obligation_state``, ``act``."""

    slug = "obligation-not-possible"
    status = 409
    title_zh = "这笔事项现在不能这样处理"
    title_en = "The obligation does not stand so that this can be done"
    explain_zh = (
        "obligation_state 是现在的状态：open 可以报账、了结、撤销；charged、arrears 可以登记付清、撤销、提出异议；"
        "disputed 可以登记付清、撤销、作出决定；settled、cured、released、withdrawn 不再变更。"
        "到期的变化随时间自动发生。"
    )
    explain_en = (
        "`obligation_state` is how it stands: open may be charged, released or withdrawn; charged and arrears paid, "
        "withdrawn or disputed; disputed paid, withdrawn or decided; the rest never changes. What time changes, it "
        "changes by itself."
    )


class AlreadyDisputed(DomainError):
    """Members: ``obligation_state``, ``decision``."""

    slug = "obligation-dispute-decided"
    status = 409
    title_zh = "这笔账单的异议已有决定"
    title_en = "The dispute of this charge has been decided"
    explain_zh = (
        "一笔账单提一次异议；项目办公室已经作出决定。仍有不同意见的，可以向商户或消费者协会投诉，或者依法起诉。"
    )
    explain_en = "A charge is disputed once, and the office has decided. Other remedies are outside of this programme."


class OwnDispute(DomainError):
    slug = "own-dispute"
    status = 403
    title_zh = "不能决定与自己有关的异议"
    title_en = "You may not decide a dispute of your own"
    explain_zh = "提出异议的人本人、其监护人或代办人、该商户的工作人员，都不能作出决定，请由同事办理。"
    explain_en = "Neither the resident, nor who acts or acted for her, nor the partner's staff may decide."
