"""The refusals of this room."""

from __future__ import annotations

from backend.kit.errors import DomainError


class ApplicationOpen(DomainError):
    slug = "application-open"
    status = 409
    title_zh = "这个单位已有一件申请在办"
    title_en = "This organisation has an application in progress"
    explain_zh = (
        "同一个统一社会信用代码同时只能有一件申请。请凭查询码查看原来的申请；不是本单位提交的，请联系项目办公室。"
    )
    explain_en = (
        "Only one application may be open for a unified social credit code. Follow the first one with its token; if it "
        "is not yours, ask the programme office."
    )


class AlreadyPartner(DomainError):
    slug = "already-a-partner"
    status = 409
    title_zh = "这个单位已是合作机构"
    title_en = "This organisation is a partner already"
    explain_zh = "请由该单位的合作方管理员登录后提出场所和优惠的变更；没有管理员的，请联系项目办公室。"
    explain_en = "Its partner-manager signs in and proposes changes; where there is none, ask the programme office."


class CaseDecided(DomainError):
    """Members: ``case_status``; ``approval_id``, the proposal that awaits a second person, or null."""

    slug = "case-decided"
    status = 409
    title_zh = "现在不能这样办理"
    title_en = "This cannot be done as it stands now"
    explain_zh = (
        "case_status 是现在的状态。已提请另一个人审批的，approval_id 是那个事项：须先由它办结或撤回；"
        "所依据的政策已经改变或者没有通过的，可以重新提请。"
    )
    explain_en = (
        "`case_status` says how it stands. Where it awaits a second person, `approval_id` is that proposal: it is "
        "decided or withdrawn first. One that was refused, or whose policy has changed since, may be proposed anew."
    )


class ProposalRefused(DomainError):
    """Member: ``problems``, each rule broken, in Chinese."""

    slug = "proposal-refused"
    status = 422
    title_zh = "所提的内容没有通过检查"
    title_en = "What is proposed was refused by the linter"
    explain_zh = "problems 逐条列出违反的规则，与城市政策文件用的是同一套检查。什么都没有保存。"
    explain_en = "`problems` lists each rule broken, by the same checks as the city's own file. Nothing was kept."


class ProposalOpen(DomainError):
    """Member: ``proposal_id``."""

    slug = "proposal-open"
    status = 409
    title_zh = "这一项已有一件提议在办"
    title_en = "A proposal about this is in progress"
    explain_zh = "同一个优惠或场所同时只能有一件提议。请先更正或撤回 proposal_id 所指的那一件。"
    explain_en = "One proposal at a time about an offer or a venue: correct or withdraw that of `proposal_id` first."


class TooManyProposals(DomainError):
    """Member: ``most``."""

    slug = "too-many-proposals"
    status = 409
    title_zh = "在办的提议太多"
    title_en = "Too many proposals in progress"
    explain_zh = "本单位同时最多有 most 件提议或账号申请在办，请等办结或撤回一些。"
    explain_en = "At most `most` of an organisation's proposals and requests are open; wait, or withdraw some."


class InvitationNotDue(DomainError):
    slug = "invitation-not-due"
    status = 409
    title_zh = "现在没有可以领取的邀请链接"
    title_en = "There is no invitation to be had now"
    explain_zh = "批准之后才能领取；超过领取期限、或联系方式已按期删除的，请联系项目办公室。"
    explain_en = "It is there once it was approved. Past its period, or with the contact deleted, ask the office."


class InvitationUsed(DomainError):
    slug = "invitation-used"
    status = 409
    title_zh = "邀请链接已经用过"
    title_en = "The invitation has been used"
    explain_zh = "已有人凭邀请链接设好了账号。不是本单位的人，请立即联系项目办公室停用。"
    explain_en = "Somebody has made the account by it. If it was none of you, have the office suspend it at once."
