"""What the scores refuse."""

from __future__ import annotations

from backend.kit.errors import DomainError


class ScoringVersionUnknown(DomainError):
    slug = "scoring-version-unknown"
    status = 404
    title_zh = "没有这个版本的评分办法"
    title_en = "There is no such version of the scoring policy"
    explain_zh = "policy_version 应为已经公布的评分办法的版本号，可从分数、理由或历史的 policy_version 得知。"
    explain_en = (
        "`policy_version` is the version of a published scoring policy, as scores, reasons and history name it."
    )
