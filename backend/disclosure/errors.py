"""Why an export cannot be downloaded."""

from __future__ import annotations

from backend.kit.errors import DomainError


class ExportUsed(DomainError):
    """Member: ``downloaded_at``."""

    slug = "export-used"
    status = 410
    title_zh = "这份导出已经下载过"
    title_en = "This export has been downloaded"
    explain_zh = "经批准的导出只能下载一次，downloaded_at 是下载的时间。确有需要时请重新提出，重新审批。"
    explain_en = "An approved export is downloaded once, which was at `downloaded_at`. Propose anew if there is need."


class ExportExpired(DomainError):
    """Member: ``expired_at``."""

    slug = "export-expired"
    status = 410
    title_zh = "导出的下载期限已过"
    title_en = "The time to download has passed"
    explain_zh = "批准后 24 小时内没有下载，就不能再下载。确有需要时请重新提出，重新审批。"
    explain_en = "It was not downloaded within 24 hours of the approval. Propose anew if there is need."
