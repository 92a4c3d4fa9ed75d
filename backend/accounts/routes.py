"""Signing in, staying signed in, and becoming somebody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from backend.accounts import schemas, service
from backend.accounts.errors import (
    IdentityAlreadyBound,
    IdentityNotVerified,
    ProofKindUnavailable,
    RefreshRefused,
    SignInRefused,
    TooManyAttempts,
)
from backend.kit import deadline, trail
from backend.kit.db import Reader, reading, transaction
from backend.kit.errors import DomainError, FieldError
from backend.web import api, callers
from backend.web.callers import allow, entrance
from backend.web.problems import problems
from backend.wechat import errors as wechat

blp = api.blueprint("accounts", "登录、会话与实名绑定")
BEARER = "Bearer"
WECHAT_DOWN = (wechat.WechatUnavailable, wechat.WechatTooFrequent, wechat.WechatNotConfigured)


def resolve_caller(token: str) -> callers.Caller:
    """The caller behind an access token. Raises NotSignedIn for every token that does not stand."""
    with reading() as reader:
        who = service.resolve(reader, token)
    if who is None:
        raise callers.NotSignedIn()
    held = tuple(callers.Role(role, organisation_id) for role, organisation_id in who.roles)
    return callers.Caller(**{**vars(who), "roles": held})


def _who(caller: callers.Caller) -> service.SignedIn:
    held = tuple((role.role, role.organisation_id) for role in caller.roles)
    return service.SignedIn(**{**vars(caller), "roles": held})


def _tokens(reader: Reader, grant: service.Grant) -> dict[str, Any]:
    return dict(
        access_token=grant.access_token, token_type=BEARER, expires_in=grant.expires_in,
        refresh_token=grant.refresh_token, account=service.account_view(reader, grant.who),
    )  # fmt: skip


@blp.route("/auth/wechat", methods=["POST"])
@entrance
@blp.arguments(schemas.WechatSignInRequest)
@blp.response(200, schemas.TokensView)
@problems(SignInRefused, wechat.WechatCodeInvalid, wechat.WechatCodeUsed, wechat.WechatAccountBlocked, *WECHAT_DOWN)
def sign_in_wechat(body: dict[str, Any]) -> dict[str, Any]:
    """居民用微信登录

    小程序把 `wx.login` 得到的 code 原样交来。第一次登录自动建立账号；此时尚未实名，可以浏览，不能办理个人事项。
    访问令牌 15 分钟有效，到期用刷新令牌换新的一对。
    """
    user = service.check_wechat_code(body["code"])
    with transaction() as session:
        return _tokens(session, service.sign_in_wechat(session, user))


@blp.route("/auth/staff", methods=["POST"])
@entrance
@blp.arguments(schemas.StaffSignInRequest)
@blp.response(200, schemas.TokensView)
@problems(SignInRefused, TooManyAttempts)
def sign_in_staff(body: dict[str, Any]) -> dict[str, Any]:
    """工作人员登录

    用户名、密码和动态码（RFC 6238，30 秒一个，允许前后各一个；每个只能用一次）。无论哪一项不对，答复都一样。
    15 分钟内连续 5 次未通过即暂停尝试。会话最长 12 小时，刷新不能延长。
    """
    with transaction() as session:
        service.count_sign_in(session, body["username"])
    with reading() as reader:
        checked = service.check_staff(reader, body["username"], body["password"], body["otp"])
    with transaction() as session:
        grant = service.sign_in_staff(session, checked)
        if isinstance(grant, service.Grant):
            return _tokens(session, grant)
    raise grant


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
def sign_in_device(body: dict[str, Any]) -> dict[str, Any]:
    """场馆设备登录

    `signature` 是设备私钥（Ed25519）对 ASCII 文本
    `"xinyi-device-v1|" + base_url + "|" + device_id + "|" + nonce` 的签名，base64url；
    `device_id` 写成小写的 36 个字符，`base_url` 是本系统对外的地址，不带末尾斜杠。
    """
    with transaction() as session:
        grant = service.sign_in_device(session, body["device_id"], body["nonce"], body["signature"])
        return _tokens(session, grant)


@blp.route("/auth/refresh", methods=["POST"])
@entrance
@blp.arguments(schemas.RefreshRequest)
@blp.response(200, schemas.TokensView)
@problems(RefreshRefused)
def refresh_tokens(body: dict[str, Any]) -> dict[str, Any]:
    """用刷新令牌换一对新令牌

    每个刷新令牌只能用一次，请保存新的一个。用过的刷新令牌再次出现时，整个会话立即结束，需要重新登录。
    """
    with transaction() as session:
        grant = service.refresh(session, body["refresh_token"])
        if isinstance(grant, service.Grant):
            return _tokens(session, grant)
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


@blp.route("/me", methods=["GET"])
@allow("me.read")
@blp.response(200, schemas.MeView)
def read_me() -> dict[str, Any]:
    """我的账号

    姓名、身份证号和手机号只给出遮盖后的样子。未实名时 `bound` 为 false，个人各项为 null。
    """
    with reading() as reader:
        return service.me(reader, _who(callers.current()))


@blp.route("/me/identity", methods=["PUT"])
@allow("identity.bind")
@blp.arguments(schemas.IdentityRequest)
@blp.response(200, schemas.MeView)
@problems(IdentityNotVerified, IdentityAlreadyBound, ProofKindUnavailable, TooManyAttempts, *WECHAT_DOWN)
def bind_identity(body: dict[str, Any]) -> dict[str, Any]:
    """实名绑定

    把当前微信账号绑定到一个人。`proof.kind`：`wechat_phone`（微信手机号按钮给出的 code，手机号须是本人实名登记的）、
    `counter_code`（服务窗口核对身份证后给出的验证码）、`government`（政务统一身份认证的凭证，接入后可用）。
    无论哪一项不符，答复都是同一个 `identity-not-verified`。每个账号 24 小时内最多 5 次，每个身份证号最多 10 次。
    绑定后原来的令牌继续有效，下一个请求起即为本人。
    """
    caller = callers.current()
    kind, value = body["proof"]["kind"], body["proof"]["value"]
    claim = service.Claim.of(body["name"], body["id_number"])
    with transaction() as session:
        service.count_binding(session, caller.account_id, claim, kind)
    proof = _checked_proof(caller, claim, kind, value)
    with transaction() as session:
        resident_id = service.bind_identity(session, caller.account_id, claim, proof)
        return service.me(session, replace(_who(caller), resident_id=resident_id))


def _checked_proof(caller: callers.Caller, claim: service.Claim, kind: str, value: str) -> service.CheckedProof:
    """Ask outside any transaction; give the attempt back when another's system could not be asked."""
    with reading() as reader:
        if caller.resident_id is not None:
            service.already_bound(reader, caller.resident_id, claim)
            return service.CheckedProof()
        openid = service.openid_of_account(reader, caller.account_id)
    try:
        return service.check_proof(openid, claim, kind, value)
    except IdentityNotVerified:
        raise
    except DomainError:
        deadline.grace()
        with transaction() as session:
            service.uncount_binding(session, caller.account_id, claim, kind)
        raise


@blp.route("/identity/counter-codes", methods=["POST"])
@allow("identity.vouch")
@blp.arguments(schemas.CounterCodeRequest)
@blp.response(201, schemas.CounterCodeView)
@problems(FieldError)
def issue_counter_code(body: dict[str, Any]) -> dict[str, Any]:
    """窗口发放实名验证码

    工作人员当面核对身份证后发放，只对这个姓名和身份证号有效，15 分钟内用一次。发放记入操作日志，日志不含姓名和号码。
    """
    caller = callers.current()
    with transaction() as session:
        code, expires_at = service.issue_counter_code(session, body["name"], body["id_number"], caller.account_id)
        role = caller.role_for("identity.vouch")
        trail.note(session, caller.account_id, role, "identity.vouch", "counter-code", "", {})
        return dict(code=code, expires_at=expires_at)
