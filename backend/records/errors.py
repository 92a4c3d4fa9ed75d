"""Refusals of the archives."""

from __future__ import annotations

from backend.kit.errors import DomainError


class RecordRefused(DomainError):
    slug = "record-refused"
    status = 422
    title_zh = "记录不符合目录"
    title_en = "The record does not follow the catalogue"
    explain_zh = "problems 逐条列出与公共信用信息目录不符之处。目录之外的信息不得归集；什么都没有写入。"
    explain_en = "`problems` lists each departure. What the catalogue lacks is not collected; nothing was written."


class RecordExists(DomainError):
    slug = "record-exists"
    status = 409
    title_zh = "同一文书已有不同内容的记录"
    title_en = "The same document is on file with other content"
    explain_zh = "同一主体、同一目录条目、同一文书号只有一条记录。更正请走更正流程，不能再报一条。"
    explain_en = "One subject, item and document number make one record. Correct it; do not report it again."


class StatusNotPossible(DomainError):
    slug = "record-status-not-possible"
    status = 409
    title_zh = "记录不能这样变更"
    title_en = "The record cannot change that way"
    explain_zh = "from 是记录现在的状态，to 是所要求的状态。已修复、已撤销、已到期的记录不再变更。"
    explain_en = "`from` is the record's status now, `to` the one asked for. Repaired, withdrawn and expired are final."


class RecordSelfDeclared(DomainError):
    """Member: ``declaration_id``."""

    slug = "record-self-declared"
    status = 409
    title_zh = "这条记录出自自主申报"
    title_en = "The record comes from a declaration"
    explain_zh = "查明不实的，请在自主申报 declaration_id 里撤销确认，记录随即停用，申报人看得到理由。"
    explain_en = (
        "Where it is false, revoke the confirmation of `declaration_id`: the record ends and its subject is told."
    )


class EntityNameMismatch(DomainError):
    slug = "entity-name-mismatch"
    status = 409
    title_zh = "名称与统一社会信用代码不符"
    title_en = "The name does not belong to this code"
    explain_zh = (
        "这个统一社会信用代码（或所填的旧代码）在档案中属于另一名称的主体，不能并入；请核对名称与代码。"
        "确已更名的，由信用办更名后再报。什么都没有写入。"
    )
    explain_en = (
        "The unified social credit code, or an older code given with it, is on file under another name; it is not"
        " merged. Check both. An entity that changed its name is renamed first. Nothing was written."
    )
