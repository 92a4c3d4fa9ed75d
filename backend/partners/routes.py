"""Applications over HTTP: for whoever wants to become a partner, and for the office."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from flask import request

from backend.approvals.errors import ConcernsYourself
from backend.approvals.routes import actor_for
from backend.kit.city import CityRefused
from backend.kit.db import reading, transaction
from backend.kit.errors import FieldError, NotFound
from backend.partners import applications, cases, errors, proposals, review, schemas
from backend.partners.applications import Contact, NewApplication
from backend.partners.cases import APPLICATIONS, PROPOSALS, Verdict
from backend.staff.errors import UsernameTaken
from backend.web import api, callers
from backend.web.callers import allow, documented, keyed, public
from backend.web.paging import decode_cursor, page, page_of
from backend.web.problems import problems

blp = api.blueprint("partners", "合作机构：申请加入，提出优惠和场所，办公室审核，双人批准")
READ, REVIEW = "partners.read", "partners.review"
HEADER = "X-Follow-Token"
View = TypeVar("View", bound=Callable[..., Any])


def followed(view: View) -> View:
    """A route for whoever holds the token of an application."""
    parameter = {"in": "header", "name": HEADER, "required": True, "description": "提交申请时得到的查询码",
                 "schema": {"type": "string", "maxLength": 60}}  # fmt: skip
    return documented(view, **{"x-headers": [parameter]})


def _follow_token() -> str:
    return request.headers.get(HEADER, "")


def _new(body: dict[str, Any]) -> NewApplication:
    contact = Contact(body["contact_name"], body["contact_phone"], body.get("contact_email", ""))
    return NewApplication(
        body["unified_social_credit_code"], body["name"], contact, body["venues"], body["scenes"], body["intends"]
    )


# --- whoever applies -------------------------------------------------------------------------------------------------


@blp.route("/partners/applications", methods=["POST"])
@public
@keyed
@blp.arguments(schemas.ApplicationRequest)
@blp.response(201, schemas.AppliedView)
@problems(FieldError, errors.ApplicationOpen, errors.AlreadyPartner)
def apply_as_partner(body: dict[str, Any]) -> applications.Applied:
    """申请成为合作机构，不用登录

    同一个统一社会信用代码同时只有一件申请。答复里的查询码只显示这一次，系统只留摘要：凭它查看进度、补正、撤回，批准后
    领取邀请链接。没有收到答复时，用同一个 Idempotency-Key 原样重发，得到同一个查询码。联系人的姓名和电话只供办公室
    联系，加密保存，每次打开都有记录；办结后按期删除（`contact_until_on`）。
    """
    operation = callers.strangers_operation()
    with transaction() as session:
        return applications.apply(session, operation, _new(body))


@blp.route("/partners/applications/<uuid:application_id>", methods=["GET"])
@followed
@public
@blp.response(200, schemas.FollowedApplicationView)
@problems(NotFound)
def follow_application(application_id: UUID) -> dict[str, Any]:
    """凭查询码查看自己的申请：状态、办公室的决定、还缺什么

    编号不对与查询码不对，答复相同。
    """
    with reading() as reader:
        return applications.follow(reader, application_id, _follow_token())


@blp.route("/partners/applications/<uuid:application_id>", methods=["PUT"])
@followed
@public
@blp.arguments(schemas.ApplicationBody)
@blp.response(200, schemas.FollowedApplicationView)
@problems(NotFound, FieldError, errors.CaseDecided, errors.AlreadyPartner)
def correct_application(body: dict[str, Any], application_id: UUID) -> dict[str, Any]:
    """补正被退回的申请：整份重新填写，统一社会信用代码不变

    退回后须在城市规定的天数内补正（默认 30 天），逾期办结，可以重新申请。
    """
    with transaction() as session:
        return applications.correct(session, application_id, _follow_token(), _new(body))


@blp.route("/partners/applications/<uuid:application_id>/withdrawal", methods=["POST"])
@followed
@public
@blp.response(200, schemas.FollowedApplicationView)
@problems(NotFound, errors.CaseDecided)
def withdraw_application(application_id: UUID) -> dict[str, Any]:
    """撤回还没有办结的申请；重复撤回不改变什么"""
    with transaction() as session:
        return applications.withdraw(session, application_id, _follow_token())


@blp.route("/partners/applications/<uuid:application_id>/invitation", methods=["POST"])
@followed
@public
@blp.response(201, schemas.InvitationLinkView)
@problems(NotFound, errors.InvitationNotDue, errors.InvitationUsed, UsernameTaken)
def draw_partner_invitation(application_id: UUID) -> Any:
    """申请批准后，领取成为合作方管理员的一次性邀请链接

    链接在领取时生成，72 小时内有效，只显示这一次。没有收到或过了期的可以再领，先前的随即作废；用过以后不能再领。
    """
    with transaction() as session:
        return applications.draw_invitation(session, application_id, _follow_token())


# --- the office: applications ----------------------------------------------------------------------------------------


def _verdict(body: dict[str, Any]) -> Verdict:
    return Verdict(body["decision"], body["reason"], body["missing"])


def _before(query: dict[str, Any]) -> tuple[datetime, UUID] | None:
    position = decode_cursor(query["cursor"], datetime, UUID)
    return (position[0], position[1]) if position else None


def position(one: dict[str, Any]) -> tuple[object, ...]:
    return one["applied_at"], one["id"]


@blp.route("/partners/applications", methods=["GET"])
@allow(READ)
@blp.arguments(schemas.CasesQuery, location="query")
@blp.response(200, page_of(schemas.PartnerApplicationView))
def list_partner_applications(query: dict[str, Any]) -> dict[str, Any]:
    """合作申请，新的在前

    `status`：submitted 待审核，returned 待补正，proposed 待另一个人批准，approved、refused、withdrawn、lapsed 已办结。
    """
    with reading() as reader:
        rows = cases.several(reader, APPLICATIONS, query["limit"] + 1, _before(query), status=query["status"])
        return page(cases.told(reader, rows), query["limit"], position)


@blp.route("/partners/applications/<uuid:application_id>/review", methods=["GET"])
@allow(READ)
@blp.response(200, schemas.ReviewedApplicationView)
@problems(NotFound)
def read_partner_application(application_id: UUID) -> dict[str, Any]:
    """一件合作申请的全部内容，附本市档案和公示中的提示

    办公室看到联系人；每次打开都记入操作日志。审计人员看不到联系人。提示只供参考，不自动作出决定。
    """
    opens = bool(callers.current().organisations_for(REVIEW))
    with transaction() as session:
        return review.look(session, application_id, actor_for(REVIEW if opens else READ), opens)


@blp.route("/partners/applications/<uuid:application_id>/decisions", methods=["POST"])
@allow(REVIEW)
@keyed
@blp.arguments(schemas.ApplicationDecisionRequest)
@blp.response(201, schemas.ReviewedApplicationView)
@problems(NotFound, FieldError, errors.CaseDecided, CityRefused)
def decide_partner_application(body: dict[str, Any], application_id: UUID) -> dict[str, Any]:
    """审核合作申请：approved 提请另一个人批准，returned 退回补正，refused 不予批准

    `approved` 并不就此成立：它按全部规则试行发布一次，冻结成 `approval` 所指的审批事项，由办公室的另一个人在
    `/approvals` 里批准；批准的同时发布优惠政策的新版本，并可领取邀请链接。提请之后现行政策变了、没有批准或过了期的，
    再作一次 `approved` 就是重新提请。
    """
    with transaction() as session:
        return review.decide(
            session, callers.operation(), application_id, actor_for(REVIEW), _verdict(body), body.get("slug")
        )


# --- the office: what partners propose -------------------------------------------------------------------------------


@blp.route("/partners/proposals", methods=["GET"])
@allow(READ)
@blp.arguments(schemas.CasesQuery, location="query")
@blp.response(200, page_of(schemas.PartnerProposalView))
def list_partner_proposals(query: dict[str, Any]) -> dict[str, Any]:
    """合作机构提出的优惠和场所，新的在前"""
    with reading() as reader:
        rows = cases.several(reader, PROPOSALS, query["limit"] + 1, _before(query), status=query["status"])
        return page(proposals.listed(reader, rows), query["limit"], position)


@blp.route("/partners/proposals/<uuid:proposal_id>", methods=["GET"])
@allow(READ)
@blp.response(200, schemas.PartnerProposalDetailView)
@problems(NotFound)
def read_partner_proposal(proposal_id: UUID) -> dict[str, Any]:
    """一件提议，附与现行优惠政策的逐项差异"""
    with reading() as reader:
        return proposals.shown(reader, proposal_id)


@blp.route("/partners/proposals/<uuid:proposal_id>/decisions", methods=["POST"])
@allow(REVIEW)
@keyed
@blp.arguments(schemas.ProposalDecisionRequest)
@blp.response(201, schemas.PartnerProposalDetailView)
@problems(NotFound, FieldError, errors.CaseDecided, errors.ProposalRefused, CityRefused, ConcernsYourself)
def decide_partner_proposal(body: dict[str, Any], proposal_id: UUID) -> dict[str, Any]:
    """审核合作机构的提议：approved 提请另一个人批准，returned 退回，refused 不予批准

    结算价和出资账户由办公室在 `settlement` 里确定：合作机构提出了的须确认或另定，没有提出的沿用现行的。批准的同时发布
    优惠政策的新版本。提请之后现行政策变了、没有批准或过了期的，再作一次 `approved` 就是重新提请。
    """
    with transaction() as session:
        return proposals.decide(
            session, callers.operation(), proposal_id, actor_for(REVIEW), _verdict(body), body.get("settlement")
        )
