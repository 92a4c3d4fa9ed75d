"""The administration of staff, for administrators of accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from backend.accounts import service as accounts
from backend.accounts.routes import sessions_view
from backend.accounts.schemas import EndedView, SessionView
from backend.kit import trail
from backend.kit.db import reading, transaction
from backend.kit.errors import FieldError, NotFound
from backend.kit.ids import NIL
from backend.staff import appointments, invitations, links, members, oidc, schemas
from backend.staff.errors import (
    LastAccountAdmin,
    NoLocalPassword,
    NotYourself,
    OidcNotConfigured,
    OidcSubjectTaken,
    RolesNotCompatible,
    SecondPersonNeeded,
    UsernameTaken,
)
from backend.staff.orders import Orderer
from backend.staff.routes import blp
from backend.web import callers
from backend.web.callers import allow
from backend.web.paging import PageQuery, decode_cursor, page, page_of, part_of
from backend.web.problems import problems


def _orderer(action: str) -> Orderer:
    caller = callers.current()
    return Orderer(caller.account_id, caller.role_for(action), caller.person_id)


def _roles(body: dict[str, Any]) -> list[tuple[str, UUID]]:
    return list(dict.fromkeys((one["role"], one["organisation_id"]) for one in body["roles"]))


@blp.route("/organisations", methods=["GET"])
@allow("staff.read")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.OrganisationView))
def list_organisations(query: dict[str, Any]) -> dict[str, Any]:
    """单位名录

    发邀请、定角色时从这里选单位。
    """
    with reading() as reader:
        return part_of(accounts.organisations(reader), query)


# --- invitations -------------------------------------------------------------------------------------------------


@blp.route("/staff/invitations", methods=["POST"])
@allow("staff.invite")
@blp.arguments(schemas.InvitationRequest)
@blp.response(201, schemas.LinkView)
@problems(FieldError, UsernameTaken, RolesNotCompatible, NotYourself)
def invite_staff(body: dict[str, Any]) -> links.NewLink:
    """邀请工作人员

    给出一个 72 小时内有效、只能用一次的链接，只显示这一次，请当面或通过可靠的渠道交给本人。密码和验证器由本人设定，
    管理员看不到。`identity` 填写员工本人的姓名和身份证号，用来防止审核自己的申报；填写后不再显示。

    能查看个人信息、审批或审计的角色，不由账号管理员一个人决定：链接要等项目办公室的另一个人批准（`approval_id`）才能用，
    批准后 72 小时内有效。
    """
    by, identity = _orderer("staff.invite"), body.get("identity")
    with transaction() as session:
        person = (identity["name"], identity["id_number"]) if identity else None
        invited = invitations.Invited(body["username"], body["display_name"], _roles(body), person, body["reason"])
        return invitations.invite(session, by, invited)


@blp.route("/staff/invitations", methods=["GET"])
@allow("staff.invite")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.InvitationView))
def list_invitations(query: dict[str, Any]) -> dict[str, Any]:
    """还能用的邀请和重置链接

    新的在前；链接本身不再显示。
    """
    after = decode_cursor(query["cursor"], datetime, UUID)
    with reading() as reader:
        rows = [
            {**row._mapping, "linked": row.resident_id is not None}
            for row in links.open_links(reader, query["limit"] + 1, after)
        ]
    return page(rows, query["limit"], lambda row: (row["created_at"], row["id"]))


@blp.route("/staff/invitations/<uuid:invitation_id>", methods=["DELETE"])
@allow("staff.invite")
@blp.response(204)
@problems(NotFound)
def revoke_invitation(invitation_id: UUID) -> None:
    """作废一个链接"""
    by = _orderer("staff.invite")
    with transaction() as session:
        if not appointments.drop_link(session, by, invitation_id):
            raise NotFound("没有这个链接，或它已经不能用了。", "There is no such link, or it works no more.")
        trail.note(session, by.account_id, by.role, "staff.revoke-link", "invitation", invitation_id)


# --- accounts ----------------------------------------------------------------------------------------------------


@blp.route("/staff", methods=["GET"])
@allow("staff.read")
@blp.arguments(schemas.StaffQuery, location="query")
@blp.response(200, page_of(schemas.StaffView))
def list_staff(query: dict[str, Any]) -> dict[str, Any]:
    """工作人员账号

    可按单位、角色、状态筛选，按用户名排列。
    """
    after = decode_cursor(query["cursor"], str, UUID)
    wanted = {name: query[name] for name in ("organisation_id", "role", "status")}
    with reading() as reader:
        rows = members.views(reader, accounts.staff_members(reader, query["limit"] + 1, after, **wanted))
    return page(rows, query["limit"], lambda row: (row["username"], row["id"]))


@blp.route("/staff/<uuid:staff_id>", methods=["GET"])
@allow("staff.read")
@blp.response(200, schemas.StaffView)
@problems(NotFound)
def read_staff(staff_id: UUID) -> dict[str, Any]:
    """一个工作人员账号"""
    with reading() as reader:
        return members.view(reader, staff_id)


@blp.route("/staff/<uuid:staff_id>/roles", methods=["PUT"])
@allow("staff.roles")
@blp.arguments(schemas.RolesRequest)
@blp.response(200, schemas.RolesView)
@problems(NotFound, FieldError, RolesNotCompatible, NotYourself, LastAccountAdmin)
def set_staff_roles(body: dict[str, Any], staff_id: UUID) -> dict[str, Any]:
    """设定角色

    整个换成给出的这些，下一个请求起生效；正在进行中的操作若因此失去权限，也不会生效。账号管理员不能兼任经手个人信息的
    角色和审计，审计不能兼任任何会作改动的角色。

    新给能查看个人信息、审批或审计的角色，要等项目办公室的另一个人批准：`approval_id` 指出所提的事项，此前角色不变。
    """
    with transaction() as session:
        proposed = members.set_roles(session, _orderer("staff.roles"), staff_id, _roles(body), body["reason"])
        return {**members.view(session, staff_id), "approval_id": proposed}


@blp.route("/staff/<uuid:staff_id>/suspension", methods=["POST"])
@allow("staff.suspend")
@blp.response(200, schemas.StaffView)
@problems(NotFound, NotYourself, LastAccountAdmin)
def suspend_staff(staff_id: UUID) -> dict[str, Any]:
    """停用账号

    下一个请求起即不能用：会话全部结束，正在进行中的操作不会生效，她发出的和给她的链接全部作废。
    """
    with transaction() as session:
        members.suspend(session, _orderer("staff.suspend"), staff_id)
        return members.view(session, staff_id)


@blp.route("/staff/<uuid:staff_id>/suspension", methods=["DELETE"])
@allow("staff.suspend")
@blp.response(200, schemas.StaffView)
@problems(NotFound, NotYourself)
def lift_suspension(staff_id: UUID) -> dict[str, Any]:
    """恢复账号

    可以重新登录；原来的会话不会恢复。
    """
    with transaction() as session:
        members.lift_suspension(session, _orderer("staff.suspend"), staff_id)
        return members.view(session, staff_id)


@blp.route("/staff/<uuid:staff_id>/reset-links", methods=["POST"])
@allow("staff.reset")
@blp.arguments(schemas.ResetRequest)
@blp.response(201, schemas.LinkView)
@problems(NotFound, NotYourself, NoLocalPassword)
def create_reset_link(body: dict[str, Any], staff_id: UUID) -> links.NewLink:
    """重置登录方式的链接

    忘了密码：本人凭链接和原验证器的动态码设新密码。验证器也丢了（`authenticator_lost`）：密码、验证器和恢复码一起换新，
    请先当面确认是本人；有查看个人信息、审批或审计角色的账号，链接要等项目办公室的另一个人批准（`approval_id`）才能用。
    管理员看不到密码。先前的链接作废。
    """
    with transaction() as session:
        return invitations.make_reset_link(
            session, _orderer("staff.reset"), staff_id, authenticator_lost=body["authenticator_lost"],
            reason=body["reason"],
        )  # fmt: skip


@blp.route("/staff/<uuid:staff_id>/oidc-subject", methods=["PUT"])
@allow("staff.reset")
@blp.arguments(schemas.SubjectRequest)
@blp.response(200, schemas.StaffView)
@problems(NotFound, NotYourself, OidcNotConfigured, OidcSubjectTaken, SecondPersonNeeded)
def link_oidc_subject(body: dict[str, Any], staff_id: UUID) -> dict[str, Any]:
    """关联统一身份认证的身份

    从此只从那里登录：本地密码、验证器和恢复码删除，会话结束。有查看个人信息、审批或审计角色的账号不能由管理员一个人
    关联：发一个换新全部登录方式的重置链接，批准后由本人从那里登录来接受。
    """
    issuer = oidc.provider().settings.issuer
    with transaction() as session:
        members.link_identity(session, _orderer("staff.reset"), staff_id, issuer, body["subject"])
        return members.view(session, staff_id)


@blp.route("/staff/<uuid:staff_id>/oidc-subject", methods=["DELETE"])
@allow("staff.reset")
@blp.response(200, schemas.StaffView)
@problems(NotFound, NotYourself)
def unlink_oidc_subject(staff_id: UUID) -> dict[str, Any]:
    """解除统一身份认证的关联

    会话结束；之后发一个重置链接，由本人设定密码和验证器。
    """
    with transaction() as session:
        members.unlink_identity(session, _orderer("staff.reset"), staff_id)
        return members.view(session, staff_id)


@blp.route("/staff/<uuid:staff_id>/sessions", methods=["GET"])
@allow("staff.sessions")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(SessionView))
@problems(NotFound)
def list_staff_sessions(query: dict[str, Any], staff_id: UUID) -> dict[str, Any]:
    """一个工作人员的会话"""
    with reading() as reader:
        accounts.staff_member(reader, staff_id)
        return part_of(sessions_view(reader, staff_id, NIL), query)


@blp.route("/staff/<uuid:staff_id>/sessions", methods=["DELETE"])
@allow("staff.sessions")
@blp.response(200, EndedView)
@problems(NotFound, NotYourself)
def end_staff_sessions(staff_id: UUID) -> dict[str, Any]:
    """结束一个工作人员的全部会话

    账号本身不变，可以重新登录。
    """
    with transaction() as session:
        return dict(ended=members.end_sessions(session, _orderer("staff.sessions"), staff_id))


@blp.route("/staff/<uuid:staff_id>/sessions/<uuid:session_id>", methods=["DELETE"])
@allow("staff.sessions")
@blp.response(204)
@problems(NotFound, NotYourself)
def end_staff_session(staff_id: UUID, session_id: UUID) -> None:
    """结束一个工作人员的一个会话"""
    with transaction() as session:
        members.end_sessions(session, _orderer("staff.sessions"), staff_id, session_id)


__all__ = ["blp"]
