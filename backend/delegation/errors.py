"""Why a delegation is not registered."""

from __future__ import annotations

from backend.kit.errors import DomainError

WHY = {
    "own-affair": (
        "窗口工作人员不能办理自己的代办，请由同事办理。",
        "A clerk's own affair is a colleague's to handle.",
    ),
    "same-person": ("代办人和被代办人不能是同一个人。", "Nobody is their own guardian."),
    "guardian-not-adult": ("监护人须年满十八周岁。", "A guardian is of age."),
    "not-a-child": (
        "被代办人已满十八周岁，请按“ward”登记。",
        "She is of age: register a ward.",
    ),
    "not-of-age": ("被代办人未满十八周岁，请按“guardian”登记。", "She is not of age: register a guardian."),
    "too-long": (
        "期限超过本市规定，或超过其年满十八周岁之日。",
        "It would last longer than is allowed.",
    ),
}
"""The values of the member ``why``, in Chinese and English."""


class DelegationRefused(DomainError):
    """Members: ``why``; for ``too-long`` also ``latest_on``, the last day that can be registered."""

    slug = "delegation-refused"
    status = 422
    title_zh = "代办关系不能登记"
    title_en = "The delegation cannot be registered"
    explain_zh = "why 说明原因：" + "；".join(f"{why}：{zh}" for why, (zh, _) in WHY.items())
    explain_en = "`why` says the reason. " + " ".join(f"{why}: {en}" for why, (_, en) in WHY.items())

    @classmethod
    def because(cls, why: str, **members: str) -> DelegationRefused:
        """``why`` is one of the keys of ``WHY``."""
        return cls(*WHY[why], why=why, **members)
