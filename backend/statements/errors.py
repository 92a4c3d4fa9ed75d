"""Refusals of statements."""

from __future__ import annotations

from backend.kit.errors import DomainError


class StatementTooLong(DomainError):
    """Members: ``entries``, ``most_entries``."""

    slug = "statement-too-long"
    status = 409
    title_zh = "这个月的明细太多，不能印成一个文件"
    title_en = "The month has too many entries for one file"
    explain_zh = "entries 是这个月的笔数，most_entries 是一个文件最多的笔数。请分页读取这个月的明细。"
    explain_en = "`entries` are in the month, `most_entries` fit one file. Read the month's entries page by page."


class StatementUnproved(DomainError):
    slug = "statement-unproved"
    status = 503
    title_zh = "这个月的账没有核对一致，暂不能出具"
    title_en = "The month's books do not agree; no statement is given"
    explain_zh = "期初余额加本月各笔，应等于期末余额，每一笔之后的余额应前后相接。现在不是，请联系项目办公室。"
    explain_en = (
        "Opening balance and entries must come to the closing balance. They do not; tell the programme's office."
    )
