"""Signing in and staying signed in."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.accounts import schemas, service
from backend.accounts.errors import RefreshRefused, SignInRefused
from backend.kit import figures
from backend.kit.db import Reader, reading, transaction
from backend.kit.errors import NotFound
from backend.web import api, callers
from backend.web.callers import allow, entrance
from backend.web.counting import counted
from backend.web.paging import PageQuery, page_of, part_of
from backend.web.problems import problems
from backend.wechat import errors as wechat

blp = api.blueprint("accounts", "登录与会话")
WECHAT_DOWN = (wechat.WechatUnavailable, wechat.WechatTooFrequent, wechat.WechatNotConfigured)


def resolve_caller(token: str) -> callers.Caller:
    """The caller behind an access token. Raises NotSignedIn for every token that does not stand."""
    with reading() as reader:
        who = service.resolve(reader, token)
    if who is None:
        raise callers.NotSignedIn()
    return _caller(who)


def _caller(who: service.SignedIn) -> callers.Caller:
    held = tuple(callers.Role(role, organisation_id) for role, organisation_id in who.roles)
    return callers.Caller(**{**vars(who), "roles": held})


def _who(caller: callers.Caller) -> service.SignedIn:
    held = tuple((role.role, role.organisation_id) for role in caller.roles)
    told = {name: getattr(caller, name) for name in service.SignedIn.__dataclass_fields__}
    return service.SignedIn(**{**told, "roles": held})


def confirm_caller(session: Session, caller: callers.Caller) -> callers.Caller | None:
    """The same caller as of now, within a transaction that keeps the session from ending; None when it has ended."""
    who = service.who_now(session, caller.kind, caller.account_id, caller.session_id)
    return None if who is None else _caller(who)


@blp.route("/auth/wechat", methods=["POST"])
@entrance
@blp.arguments(schemas.WechatSignInRequest)
@blp.response(200, schemas.TokensView)
@problems(SignInRefused, wechat.WechatCodeInvalid, wechat.WechatCodeUsed, wechat.WechatAccountBlocked, *WECHAT_DOWN)
@counted(figures.SIGN_INS, "signed-in", kind="wechat")
def sign_in_wechat(body: dict[str, Any]) -> dict[str, Any]:
    """居民用微信登录

    小程序把 `wx.login` 得到的 code 原样交来。第一次登录自动建立账号；此时尚未实名，可以浏览，不能办理个人事项。
    访问令牌 15 分钟有效，到期用刷新令牌换新的一对。
    """
    user = service.check_wechat_code(body["code"])
    with transaction() as session:
        return service.tokens_view(session, service.sign_in_wechat(session, user, callers.user_agent()))


@blp.route("/auth/device/nonces", methods=["POST"])
@entrance
@blp.arguments(schemas.DeviceNonceRequest)
@blp.response(200, schemas.DeviceNonceView)
def give_device_nonce(body: dict[str, Any]) -> dict[str, Any]:
    """设备登录前领取一次性随机数

    60 秒内有效，只能用一次。未登记的设备也会得到随机数，答复不透露设备是否存在。
    """
    nonce, expires_at = service.give_nonce(body["device_id"])
    return dict(nonce=nonce, expires_at=expires_at)


@blp.route("/auth/device", methods=["POST"])
@entrance
@blp.arguments(schemas.DeviceSignInRequest)
@blp.response(200, schemas.TokensView)
@problems(SignInRefused)
@counted(figures.SIGN_INS, "signed-in", kind="device")
def sign_in_device(body: dict[str, Any]) -> dict[str, Any]:
    """场馆设备登录

    `signature` 是设备私钥（Ed25519）对 ASCII 文本
    `"xinyi-device-v1|" + base_url + "|" + device_id + "|" + nonce` 的签名，base64url；
    `device_id` 写成小写的 36 个字符，`base_url` 是本系统对外的地址，不带末尾斜杠。
    """
    with transaction() as session:
        grant = service.sign_in_device(session, body["device_id"], body["nonce"], body["signature"])
        return service.tokens_view(session, grant)


@blp.route("/auth/refresh", methods=["POST"])
@entrance
@blp.arguments(schemas.RefreshRequest)
@blp.response(200, schemas.TokensView)
@problems(RefreshRefused)
@counted(figures.SIGN_INS, "signed-in", kind="refresh")
def refresh_tokens(body: dict[str, Any]) -> dict[str, Any]:
    """用刷新令牌换一对新令牌

    每个刷新令牌只能用一次，请保存新的一个。用过的刷新令牌再次出现时，整个会话立即结束，需要重新登录。
    """
    with transaction() as session:
        grant = service.refresh(session, body["refresh_token"])
        if isinstance(grant, service.Grant):
            return service.tokens_view(session, grant)
    raise grant


@blp.route("/auth/logout", methods=["POST"])
@allow("sessions.end")
@blp.response(204)
def sign_out() -> None:
    """结束当前会话

    访问令牌和刷新令牌立即失效。同一账号的其他会话不受影响。
    """
    caller = callers.current()
    with transaction() as session:
        service.end_session(session, caller.account_id, caller.session_id)


@blp.route("/me/sessions", methods=["GET"])
@allow("sessions.read")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.SessionView))
def list_sessions(query: dict[str, Any]) -> dict[str, Any]:
    """我在哪些地方登录着

    本账号现在有效的会话，新的在前。`agent` 只是浏览器和系统的名称，不含版本、型号和网络地址，会话结束即删除。
    """
    caller = callers.current()
    with reading() as reader:
        return part_of(sessions_view(reader, caller.account_id, caller.session_id), query)


def sessions_view(reader: Reader, account_id: UUID, current_id: UUID) -> list[dict[str, Any]]:
    """The sessions of an account as its list shows them."""
    return [{**vars(one), "current": one.id == current_id} for one in service.open_sessions(reader, account_id)]


@blp.route("/me/sessions/<uuid:session_id>", methods=["DELETE"])
@allow("sessions.end")
@blp.response(204)
@problems(NotFound)
def end_own_session(session_id: UUID) -> None:
    """结束我的一个会话

    下一个请求起，那里的访问令牌和刷新令牌都失效。
    """
    with transaction() as session:
        if not service.end_session(session, callers.current().account_id, session_id, "ended-by-owner"):
            raise NotFound("没有这个会话，或它已经结束。", "There is no such session, or it has ended.")


@blp.route("/me/sessions/end-others", methods=["POST"])
@allow("sessions.end")
@blp.response(200, schemas.EndedView)
def end_other_sessions() -> dict[str, Any]:
    """结束我的其他会话

    除当前会话外全部结束。丢了手机、用了公共电脑以后，先做这一件事。
    """
    caller = callers.current()
    with transaction() as session:
        return dict(ended=service.end_sessions(session, caller.account_id, "ended-by-owner", but=caller.session_id))


@blp.route("/me", methods=["GET"])
@allow("me.read")
@blp.response(200, schemas.MeView)
def read_me() -> dict[str, Any]:
    """我的账号

    姓名、身份证号和手机号只给出遮盖后的样子。未实名时 `bound` 为 false，个人各项为 null。
    """
    with reading() as reader:
        return service.me(reader, _who(callers.current()))
