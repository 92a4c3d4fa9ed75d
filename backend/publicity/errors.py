"""What a search of public records refuses."""

from __future__ import annotations

from backend.kit.errors import DomainError


class NameTooCommon(DomainError):
    """Member: ``common``, the pairs of characters by which nothing is looked for."""

    slug = "publicity-name-too-common"
    status = 422
    title_zh = "名称太短或太常见"
    title_en = "That part of a name is too short or too common"
    explain_zh = (
        "按名称查询至少要两个连续的字，并且不能只有城市名和“有限公司”这样几乎每家都有的字。"
        "请再写上字号中的字；也可以按统一社会信用代码或文书号查询。"
    )
    explain_en = (
        "A search by name takes two neighbouring characters at least, and more than the city's name or the legal form, "
        "which nearly every name has. Add some of the distinctive part, or search by code or document number."
    )
