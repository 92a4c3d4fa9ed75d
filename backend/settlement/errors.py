"""The refusals of settlement."""

from __future__ import annotations

from backend.kit.errors import DomainError


class StatementClosed(DomainError):
    """Member: ``closed_at``."""

    slug = "statement-closed"
    status = 409
    title_zh = "这份结算单已关账"
    title_en = "The statement is closed"
    explain_zh = "关账之后的结算单永远不变。以后发现的差错在下一份结算单里以更正行列出。"
    explain_en = "A closed statement never changes; what is found later is corrected by a line of the next one."


class StatementNotReady(DomainError):
    """Members: ``state``, ``why`` (preparing, disputed, in-review), ``review_until_on``, ``open_disputes``."""

    slug = "statement-not-ready"
    status = 409
    title_zh = "这份结算单现在还不能这样办理"
    title_en = "The statement is not ready for this"
    explain_zh = (
        "why：preparing 正在编制；disputed 还有未决的异议行；in-review 合作机构的核对期未满且尚未确认；agreed 已确认。"
    )
    explain_en = "`why`: preparing, disputed (lines are still disputed), in-review (the partner's days are not over)."


class MonthNotOver(DomainError):
    """Member: ``prepared_from_on``."""

    slug = "month-not-over"
    status = 409
    title_zh = "这个月还不能编制结算单"
    title_en = "The month cannot be prepared yet"
    explain_zh = "一个月结束并过了城市规定的日子之后才编制结算单，使该月最后入账的核销都计入。"
    explain_en = "A month is prepared from the day that the city declares, when everything of it has been recorded."


class AlreadyDisputed(DomainError):
    """Member: ``dispute_id``."""

    slug = "line-already-disputed"
    status = 409
    title_zh = "这一行已经提过异议"
    title_en = "The line has been disputed before"
    explain_zh = "每一行在一份结算单里可以提一次异议；dispute_id 是那一次。"
    explain_en = "A line may be disputed once; `dispute_id` is that one."


class DisputeDecided(DomainError):
    """Member: ``outcome``."""

    slug = "dispute-decided"
    status = 409
    title_zh = "这项异议已有结论"
    title_en = "The dispute was decided"
    explain_zh = "每项异议只决定一次；outcome 是结论。"
    explain_en = "A dispute is decided once; `outcome` says how."
