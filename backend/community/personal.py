"""What a community keeps of a person, as she may have it; and its end."""

from __future__ import annotations

from sqlalchemy.orm import Session

from backend.community import models, points
from backend.kit import city
from backend.kit.db import Reader
from backend.kit.personal import Column, Keeper, Leaving, Section, delete_where, listing, named, table_of

_SIGNATURES, _CHECK_INS, _SUBMISSIONS, _PHOTOS, _REVIEWS, _AWARDS, _QUEUE = (
    table_of(model)
    for model in (
        models.CovenantSignature, models.CheckIn, models.Submission, models.SubmissionPhoto, models.Review,
        models.CommunityAward, models.QueueEntry,
    )
)  # fmt: skip

_SIGNATURE = (
    Column("community_id", "社区"),
    Column("version", "公约版本"),
    Column("signed_at", "签署时间", "instant"),
)
_CHECK_IN = (
    Column("activity_id", "活动"),
    Column("checked_in_at", "签到时间", "instant"),
    Column("points", "积分", "whole"),
    Column("remark", "说明"),
)
_STATUS = {"pending": "待审核", "approved": "已通过", "rejected": "未通过", "withdrawn": "已撤回"}
_SUBMISSION = (
    Column("id", "编号"),
    Column("community_id", "社区"),
    Column("behaviour", "善行"),
    Column("happened_at", "发生时间", "instant"),
    Column("text", "说明"),
    Column("status", "状态", words=_STATUS),
    Column("submitted_at", "提交时间", "instant"),
)
_REVIEW = (
    Column("submission_id", "申报编号"),
    Column("decision", "决定", words={"approve": "通过", "reject": "不通过"}),
    Column("reason", "理由"),
    Column("points", "积分", "whole"),
    Column("remark", "说明"),
    Column("reviewed_at", "审核时间", "instant"),
)
_AWARD = (
    Column("behaviour", "善行"),
    Column("happened_on", "日期", "day"),
    Column("points", "积分", "whole"),
    Column("awarded_at", "发放时间", "instant"),
)


def _words(reader: Reader) -> dict[str, dict[str, str]]:
    """What the communities, their activities and the city's behaviours are called."""
    places, activities = table_of(models.Community).c, table_of(models.Activity).c
    return {
        "community_id": named(reader, places.id, places.name),
        "activity_id": named(reader, activities.id, activities.title),
        "behaviour": {one["id"]: one["title"] for one in city.get(reader, "community").content["behaviours"]},
    }


def erase(session: Session, leaving: Leaving) -> dict[str, int]:
    """Memberships, deeds with their words, decisions on them. A reviewer at work finds nothing left to decide."""
    points.lock_signatures(session, leaving.resident_id)
    gone = {}
    for table in (_QUEUE, _REVIEWS, _PHOTOS, _SUBMISSIONS, _AWARDS, _CHECK_INS, _SIGNATURES):
        gone[table.name] = delete_where(session, table, resident_id=leaving.resident_id)
    return gone


_WHY = ("社区积分：让社区工作者核实善行、发放积分", "您的同意（社区积分）")
_UNTIL = "直到您退出"
KEEPER = Keeper(
    room="community",
    sections=(
        Section("memberships", "签署的公约", *_WHY, _UNTIL, _SIGNATURE, listing(_SIGNATURES, "id", _SIGNATURE), _words),
        Section(
            "check-ins", "活动签到", *_WHY, _UNTIL, _CHECK_IN, listing(_CHECK_INS, "activity_id", _CHECK_IN), _words
        ),
        Section(
            "submissions", "申报的善行", *_WHY, "说明和照片在审核后 {evidence_days} 天删除；退出时全部删除",
            _SUBMISSION, listing(_SUBMISSIONS, "id", _SUBMISSION), _words,
        ),
        Section("reviews", "对申报的审核", *_WHY, _UNTIL, _REVIEW, listing(_REVIEWS, "id", _REVIEW)),
        Section("awards", "发放的积分", *_WHY, _UNTIL, _AWARD, listing(_AWARDS, "subject_id", _AWARD), _words),
    ),
    erase=erase,
    deleted={
        "covenant_signatures": "社区成员资格（公约签署）", "check_ins": "活动签到", "submissions": "申报的善行和说明",
        "submission_photos": "申报所附照片的关联", "submission_reviews": "对申报的审核意见",
        "community_awards": "善行积分的计数", "review_queue": "待审核的申报",
    },
)  # fmt: skip
