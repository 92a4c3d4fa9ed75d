"""Why a proposal is not made, not decided, or not carried out."""

from __future__ import annotations

from backend.kit.errors import DomainError


class OwnProposal(DomainError):
    """Whoever proposed it, under whichever account, role or organisation, does not decide."""

    slug = "own-proposal"
    status = 403
    title_zh = "自己提出的事项不能自己审批"
    title_en = "One's own proposal is decided by somebody else"
    explain_zh = "须由另一个人审批。换一个角色、单位，或用同一个人名下的另一个账号，都算同一个人。"
    explain_en = "Somebody else decides. Another role, organisation or account of the same person is the same person."


class ConcernsYourself(DomainError):
    slug = "concerns-yourself"
    status = 403
    title_zh = "涉及本人的事项须回避"
    title_en = "It concerns yourself"
    explain_zh = "涉及您本人的事项，您既不能提出，也不能审批，请由同事办理。"
    explain_en = "You neither propose nor decide what concerns yourself; ask a colleague."


class NotYourProposal(DomainError):
    slug = "not-your-proposal"
    status = 403
    title_zh = "只有提出人可以撤回"
    title_en = "Only its proposer withdraws it"
    explain_zh = "不同意的事项请写明理由不予批准；撤回由提出人自己办理。"
    explain_en = "Reject it with a reason if you do not agree; only whoever proposed it takes it back."


class ApprovalClosed(DomainError):
    """Member: ``state``, approved, rejected, withdrawn or expired."""

    slug = "approval-closed"
    status = 409
    title_zh = "这个事项已经办结"
    title_en = "This is closed already"
    explain_zh = "state 写明它已批准、不予批准、撤回还是过期（提出后七日内未审批）。需要时请重新提出。"
    explain_en = "`state` says whether it was approved, rejected, withdrawn or has expired. Propose anew if needed."


class ApprovalChanged(DomainError):
    slug = "approval-changed"
    status = 409
    title_zh = "内容与您看到的不一致"
    title_en = "It is not what you saw"
    explain_zh = "审批须写明所看内容的摘要值 digest，它与现存内容不符。什么都没有执行；请重新读取，逐项看过再决定。"
    explain_en = (
        "The `digest` of what you saw is not that of what is kept. Nothing was done; read it again, then decide."
    )


class ApprovalOutdated(DomainError):
    """Members: ``base_version``, ``current_version``."""

    slug = "approval-outdated"
    status = 409
    title_zh = "提出之后现行版本已经改变"
    title_en = "The version in force has changed since"
    explain_zh = "差异是与提出时的版本比较的，现在生效的已是另一个版本。请撤回后对照现行版本重新提出。"
    explain_en = (
        "The difference was shown against a version that is no longer the one in force. Withdraw and propose anew."
    )


class StepMissing(DomainError):
    """Members: ``step``, what is missing; ``path``, where it is done."""

    slug = "step-missing"
    status = 409
    title_zh = "还缺一步，不能提出"
    title_en = "A step is missing before this can be proposed"
    explain_zh = (
        "有些政策在提出发布之前另有必经的一步，例如评分办法须先作为草稿在全市模拟。step 写明缺哪一步，path 是办理的"
        "接口；什么都没有保存。"
    )
    explain_en = (
        "Some policies need something done before they are proposed: a scoring policy is first a draft that is tried "
        "on the whole city. `step` says what is missing, `path` where it is done; nothing was kept."
    )


class ExecutionRefused(DomainError):
    """Members: ``because``, the slug of the problem; what else that problem tells."""

    slug = "execution-refused"
    status = 409
    title_zh = "现在无法执行，事项仍待审批"
    title_en = "It cannot be carried out now and stays undecided"
    explain_zh = "批准与执行是同一件事：执行不了，就没有批准，什么都没有改变。because 是原因；条件具备后可以再次审批。"
    explain_en = (
        "Approving and carrying out are one act: what cannot be carried out is not approved, and nothing has changed. "
        "`because` is the reason; decide again when it no longer stands."
    )
