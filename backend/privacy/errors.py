"""Why a right cannot be exercised just so."""

from __future__ import annotations

from backend.kit.errors import DomainError


class DepartureTextChanged(DomainError):
    """Member: ``version``, of the text as it is now."""

    slug = "departure-text-changed"
    status = 409
    title_zh = "退出说明已更新，请重新阅读"
    title_en = "The notice has changed, please read it again"
    explain_zh = (
        "您确认的不是现在的退出说明。请重新读取 GET /api/v1/me/departure，看清会删除什么、保留什么，再决定。"
        "什么都没有改变。"
    )
    explain_en = "You confirmed another notice than the present one. Read it again and decide. Nothing has changed."
