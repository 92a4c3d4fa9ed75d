"""Communities over HTTP: for residents, for anyone who looks, and for the workers at their desk."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response

from backend.codes import service as codes
from backend.codes.errors import CodeExpired, CodeNotVerified, SigningKeyMissing
from backend.community import desk, schemas, service, submissions
from backend.community.desk import Worker
from backend.community.errors import (
    AlreadyCheckedIn,
    AlreadyReviewed,
    AlreadySigned,
    AlreadySubmitted,
    CheckInClosed,
    CovenantChanged,
    NotAMember,
    OwnSubmission,
    TooManyPending,
    WhichCommunity,
)
from backend.consents.errors import ConsentMissing
from backend.kit import db
from backend.kit.errors import FieldError, NotFound
from backend.ledger.errors import BudgetExhausted, PointsLimitReached
from backend.web import callers
from backend.web.api import blueprint
from backend.web.callers import IdentityNotBound, allow, keyed, public
from backend.web.paging import PageQuery, decode_cursor, encode_cursor, page, page_of, part_of
from backend.web.problems import problems

blp = blueprint("community", "社区信用积分：公约、活动、申报与审核")


def _resident() -> UUID | None:
    """The resident who asks on a public route, if one does."""
    caller = callers.maybe()
    return caller.resident_id if caller else None


def _worker(action: str) -> Worker:
    caller = callers.current()
    return Worker(caller.account_id, caller.role_for(action), caller.organisations_for(action), caller.person_id)


# --- communities and covenants -----------------------------------------------------------------------------------


@blp.route("/communities", methods=["GET"])
@public
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.CommunityView))
def list_communities(query: dict[str, Any]) -> dict[str, Any]:
    """社区和村，及各自的善行与分值

    积分为整数、永不为负、不换现金、不进信用分。登录的居民还会看到自己何时加入。
    """
    with db.reading() as reader:
        return part_of(service.communities(reader, _resident()), query)


@blp.route("/communities/<uuid:community_id>/covenant", methods=["GET"])
@public
@blp.response(200, schemas.CovenantView)
@problems(NotFound)
def show_covenant(community_id: UUID) -> service.CovenantView:
    """现行的邻里公约（村民公约）"""
    with db.reading() as reader:
        return service.covenant(reader, community_id, _resident())


@blp.route("/communities/<uuid:community_id>/covenant/signatures", methods=["POST"])
@allow("community.take_part")
@keyed
@blp.arguments(schemas.SignCovenantRequest)
@blp.response(201, schemas.SignatureView)
@problems(NotFound, IdentityNotBound, ConsentMissing, CovenantChanged, AlreadySigned)
def sign_covenant(body: dict[str, Any], community_id: UUID) -> Any:
    """签署现行公约，加入社区

    需要先同意“参加社区积分”。全凭自愿，不签不影响任何服务。
    """
    resident_id, operation = callers.current().person(), callers.operation()
    with db.transaction() as session:
        return service.sign_covenant(session, resident_id, community_id, operation, body["version"])


# --- activities --------------------------------------------------------------------------------------------------


@blp.route("/community/activities", methods=["GET"])
@public
@blp.arguments(schemas.ActivityQuery, location="query")
@blp.response(200, page_of(schemas.ActivityView))
def list_activities(query: dict[str, Any]) -> dict[str, Any]:
    """社区活动，按开始时间排列"""
    after = decode_cursor(query["cursor"], datetime, UUID)
    with db.reading() as reader:
        rows = service.activities(reader, query["community_id"], query["upcoming"], query["limit"], after)
        answer = page(rows, query["limit"], lambda row: (row.starts_at, row.id))
        if resident_id := _resident():
            there = service.checked_in(reader, resident_id, [row.id for row in answer["items"]])
            answer["items"] = [{**row._mapping, "checked_in_at": there.get(row.id)} for row in answer["items"]]
    return answer


@blp.route("/community/activities", methods=["POST"])
@allow("community.host")
@keyed
@blp.arguments(schemas.ActivityRequest)
@blp.response(201, schemas.ActivityView)
@problems(NotFound, FieldError)
def announce_activity(body: dict[str, Any]) -> Any:
    """发布本社区的一场活动"""
    worker, operation = _worker("community.host"), callers.operation()
    with db.transaction() as session:
        return service.announce(
            session, worker.organisations, worker.account_id, worker.role, service.ActivityPlan(**body), operation
        )


@blp.route("/community/activities/<uuid:activity_id>/check-in-code", methods=["GET"])
@allow("community.host")
@blp.arguments(schemas.CodeQuery, location="query")
@blp.response(200, schemas.CheckInCodeView)
@problems(NotFound, CheckInClosed, SigningKeyMissing)
def show_check_in_code(query: dict[str, Any], activity_id: UUID) -> dict[str, Any]:
    """活动现场大屏上的签到码

    每个码有效 45 秒，请在到期前再取一个。转发出去的截图因此很快失效。
    """
    with db.reading() as reader:
        signed = service.check_in_code(reader, _worker("community.host").organisations, activity_id)
    answer = {"code": signed.text, "expires_at": signed.expires_at}
    return answer | ({"qr_svg": codes.qr_svg_fast(signed.text, "签到码")} if query["qr"] else {})


@blp.route("/community/activities/<uuid:activity_id>/check-ins", methods=["POST"])
@allow("community.take_part")
@keyed
@blp.arguments(schemas.CheckInRequest)
@blp.response(201, schemas.CheckInView)
@problems(
    NotFound,
    IdentityNotBound,
    ConsentMissing,
    NotAMember,
    CodeExpired,
    CodeNotVerified,
    CheckInClosed,
    AlreadyCheckedIn,
)  # fmt: skip
def check_in(body: dict[str, Any], activity_id: UUID) -> Any:
    """扫现场的签到码签到

    签到即得分的活动当场得分（受上限和社区本月额度限制，签到本身总会记下）；其余活动的签到作为申报的佐证。
    """
    resident_id, operation = callers.current().person(), callers.operation()
    with db.transaction() as session:
        return service.check_in(session, resident_id, activity_id, body["code"], operation)


# --- submissions -------------------------------------------------------------------------------------------------


@blp.route("/community/submissions", methods=["POST"])
@allow("community.take_part")
@keyed
@blp.arguments(schemas.SubmissionRequest)
@blp.response(201, schemas.SubmissionView)
@problems(FieldError, IdentityNotBound, ConsentMissing, NotAMember, WhichCommunity, AlreadySubmitted, TooManyPending)
def submit_deed(body: dict[str, Any]) -> submissions.SubmissionView:
    """申报一件善行，等待社区工作人员审核

    照片先用 `POST /files` 上传。每日、每月上限在审核时按善行发生的日期计算，`warnings` 提前告知可能少得的积分。
    """
    resident_id, operation = callers.current().person(), callers.operation()
    new = submissions.NewSubmission(**{**body, "photo_ids": tuple(body["photo_ids"])})
    with db.transaction() as session:
        return submissions.submit(session, resident_id, new, operation)


@blp.route("/me/submissions", methods=["GET"])
@allow("community.take_part")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.SubmissionView))
@problems(IdentityNotBound)
def list_my_submissions(query: dict[str, Any]) -> dict[str, Any]:
    """我的申报，从新到旧，附审核结果和理由"""
    resident_id = callers.current().person()
    after = decode_cursor(query["cursor"], datetime, UUID)
    with db.reading() as reader:
        found = submissions.submissions(reader, resident_id, query["limit"], after)
    return page(found, query["limit"], lambda one: (one.submitted_at, one.id))


# --- the worker's desk -------------------------------------------------------------------------------------------


@blp.route("/community/review-queue", methods=["GET"])
@allow("community.review")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.QueueItemView))
def list_review_queue(query: dict[str, Any]) -> dict[str, Any]:
    """本社区待审核的申报，从旧到新

    姓名只显示姓。每次查看都会记入申报人的查询登记，申报人看得到。
    """
    after = decode_cursor(query["cursor"], datetime, UUID)
    with db.transaction() as session:
        items, more = desk.review_queue(session, _worker("community.review"), query["limit"], after)
    return {"items": items, "next_cursor": encode_cursor(*more) if more else None}


@blp.route("/community/submissions/<uuid:submission_id>/photos/<uuid:file_id>", methods=["GET"])
@allow("community.review")
@blp.response(200, {"type": "string", "format": "binary"}, content_type="image/webp")
@problems(NotFound)
def show_submission_photo(submission_id: UUID, file_id: UUID) -> Response:
    """一条申报的一张照片

    只给本社区的审核人员看，查看之前先记入申报人的查询登记。
    """
    with db.transaction() as session:
        media_type, content = desk.submission_photo(session, _worker("community.review"), submission_id, file_id)
    return Response(content, content_type=media_type, headers={"Cache-Control": "no-store"})


@blp.route("/community/submissions/<uuid:submission_id>/reviews", methods=["POST"])
@allow("community.review")
@keyed
@blp.arguments(schemas.ReviewRequest)
@blp.response(201, schemas.DecisionView)
@problems(NotFound, OwnSubmission, AlreadyReviewed, BudgetExhausted, PointsLimitReached)
def review_submission(body: dict[str, Any], submission_id: UUID) -> desk.DecisionView:
    """审核一条申报：通过或不通过，并写明理由

    通过即从社区本月额度中发放积分；每日、每月上限之外的部分不发，`remark` 说明。超过 20 分的善行须两位工作人员
    先后通过。不能审核自己的申报；额度不足时什么都不改变。
    """
    worker, operation = _worker("community.review"), callers.operation()
    with db.transaction() as session:
        return desk.review(session, worker, submission_id, body["decision"], body["reason"], operation)
