"""Refusals of batches."""

from __future__ import annotations

from backend.kit.errors import DomainError


class NotYourItem(DomainError):
    """Members: ``item_code``, ``source_departments``."""

    slug = "not-your-item"
    status = 403
    title_zh = "不是本部门的条目"
    title_en = "Not your department's item"
    explain_zh = "每个条目由目录写明的来源单位报送（见 source_departments）；本单位不在其中。什么都没有保存。"
    explain_en = "An item is reported by the departments that the catalogue names (see `source_departments`)."


class TooManyWaiting(DomainError):
    """Members: ``most``."""

    slug = "too-many-batches"
    status = 429
    title_zh = "等待处理的批次太多"
    title_en = "Too many batches are waiting"
    explain_zh = "本单位等待处理的批次已达上限（见 most），请等前面的处理完再报送。"
    explain_en = "Your organisation has as many unfinished batches as it may have (see `most`)."


class BatchNotReady(DomainError):
    """Members: ``batch_status``."""

    slug = "batch-not-ready"
    status = 409
    title_zh = "批次现在不能这样处理"
    title_en = "The batch cannot do that now"
    explain_zh = "batch_status 是批次现在的状态：处理中的请等处理完；已撤回的不能再撤回或裁定。"
    explain_en = "`batch_status` says how it stands: wait while it is being worked on; a withdrawn one is closed."


class UploadForgotten(DomainError):
    slug = "upload-forgotten"
    status = 410
    title_zh = "上传的内容已按期删除"
    title_en = "The upload has been deleted"
    explain_zh = "上传的文件和退回的行保存三十天，到期删除；计数和发现的问题仍可查看。"
    explain_en = "Uploads and returned rows are kept for thirty days; figures and findings stay."


class TooManyReturned(DomainError):
    """Members: ``rows``, ``most``."""

    slug = "too-many-returned-rows"
    status = 422
    title_zh = "退回的行太多，请下载 CSV"
    title_en = "Too many rows for a workbook"
    explain_zh = "工作簿最多容纳 most 行退回的内容；rejected.csv 没有这个限制。"
    explain_en = "A workbook of returned rows has `most` at most; `rejected.csv` has all."


class DecisionMade(DomainError):
    """Members: ``decision``."""

    slug = "quarantine-decided"
    status = 409
    title_zh = "这一行已经裁定"
    title_en = "The row has been decided"
    explain_zh = "隔离的行只裁定一次；decision 是已有的结果。"
    explain_en = "A quarantined row is decided once; `decision` says how."
