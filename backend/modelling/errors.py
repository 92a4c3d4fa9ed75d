"""Why a draft is not tried or not proposed."""

from __future__ import annotations

from backend.kit.errors import DomainError


class DraftFaulty(DomainError):
    """Member: ``problems``, as in the draft."""

    slug = "draft-faulty"
    status = 409
    title_zh = "草稿还有问题"
    title_en = "The draft has problems"
    explain_zh = "problems 逐条列出检查出来的问题。草稿不能修改：改好以后作为新的草稿上传。"
    explain_en = "`problems` lists what the check found. A draft is never edited: upload the mended one as another."


class SimulationUnderWay(DomainError):
    """Member: ``simulation_id``."""

    slug = "simulation-under-way"
    status = 409
    title_zh = "这份草稿正在模拟"
    title_en = "This draft is being simulated"
    explain_zh = "同一份草稿一次只模拟一遍。simulation_id 是正在进行的那一次，等它完成即可。"
    explain_en = "A draft is simulated once at a time; `simulation_id` is the one under way. Wait for it."


class DraftProposed(DomainError):
    """Member: ``approval_id``."""

    slug = "draft-proposed"
    status = 409
    title_zh = "这份草稿已经提出"
    title_en = "This draft is proposed already"
    explain_zh = "approval_id 是提出的事项，正等另一个人审批，或者已经批准。"
    explain_en = "`approval_id` is the proposal, which waits for a second person or has been approved."
