"""What the community room refuses."""

from __future__ import annotations

from backend.kit.errors import DomainError


class NotAMember(DomainError):
    slug = "community-not-joined"
    status = 403
    title_zh = "您还没有签署该社区的邻里公约"
    title_en = "You have not signed this community's covenant"
    explain_zh = "签署邻里公约即加入社区；签到、申报善行都以签署为前提。"
    explain_en = "Signing a community's covenant joins it; check-ins and submissions need that."


class WhichCommunity(DomainError):
    slug = "community-needed"
    status = 409
    title_zh = "请说明是哪个社区"
    title_en = "Say which community is meant"
    explain_zh = "您签署过不止一个社区的公约，请在请求中给出 community_id。"
    explain_en = "You signed more than one covenant; give `community_id` in the request."


class CovenantChanged(DomainError):
    slug = "covenant-changed"
    status = 409
    title_zh = "公约已有新版本"
    title_en = "The covenant has a newer version"
    explain_zh = "请重新读取公约，读过现行版本后再签署。没有签署任何内容。"
    explain_en = "Fetch the covenant again and sign the version now in force. Nothing was signed."


class AlreadySigned(DomainError):
    slug = "covenant-already-signed"
    status = 409
    title_zh = "您已签署这一版公约"
    title_en = "You have signed this version of the covenant"
    explain_zh = "同一版本只需签署一次，signed_at 是签署时间。"
    explain_en = "One signature per version; `signed_at` says when."


class CheckInClosed(DomainError):
    slug = "check-in-closed"
    status = 409
    title_zh = "现在不是签到时间"
    title_en = "The activity is not open for check-in"
    explain_zh = "opens_at 与 closes_at 是该活动的签到时段。"
    explain_en = "`opens_at` and `closes_at` give the activity's check-in hours."


class AlreadyCheckedIn(DomainError):
    slug = "already-checked-in"
    status = 409
    title_zh = "您已签到"
    title_en = "You have checked in already"
    explain_zh = "每人每场活动签到一次，checked_in_at 是签到时间。"
    explain_en = "One check-in per person and activity; `checked_in_at` says when."


class AlreadySubmitted(DomainError):
    slug = "deed-already-submitted"
    status = 409
    title_zh = "这场活动的善行您已申报"
    title_en = "You have submitted this activity's deed already"
    explain_zh = "同一场活动只申报一次；若上次申报未通过，可以重新申报。"
    explain_en = "One submission per activity, unless the earlier one was rejected."


class TooManyPending(DomainError):
    """Member: ``most``."""

    slug = "too-many-pending"
    status = 409
    title_zh = "待审核的申报已经很多"
    title_en = "Too many submissions await review"
    explain_zh = "most 是同时待审核的最多条数。请等社区工作人员审核一部分后再申报。"
    explain_en = "`most` may be pending at once. Wait until some have been reviewed."


class AlreadyReviewed(DomainError):
    slug = "already-reviewed"
    status = 409
    title_zh = "这条申报已审核"
    title_en = "This submission has been reviewed"
    explain_zh = "每条申报只审核一次，reviewed_at 与 status 是结果。需要两人审核的，第二位须是另一位工作人员。"
    explain_en = "A submission is reviewed once; where two reviewers are needed they are two people."


class OwnSubmission(DomainError):
    slug = "own-submission"
    status = 403
    title_zh = "不能审核自己的申报"
    title_en = "You may not review your own submission"
    explain_zh = "审核人与申报人不得是同一人，请由同事审核。"
    explain_en = "The reviewer and the resident must be two people; ask a colleague."
