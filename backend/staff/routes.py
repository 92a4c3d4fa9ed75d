"""Coming in, and looking after one's own credentials."""

from __future__ import annotations

from typing import Any

from backend.accounts import service as accounts
from backend.accounts.errors import SignInRefused, TooManyAttempts
from backend.accounts.schemas import TokensView
from backend.kit import figures
from backend.kit.db import reading, transaction
from backend.kit.errors import DomainError
from backend.staff import guard, invitations, oidc, otp, own, passwords, recovery, rules, schemas, signing_in
from backend.staff.errors import (
    CredentialsRefused,
    InvitationAwaits,
    InvitationNotValid,
    NoLocalPassword,
    OidcNotConfigured,
    OidcRefused,
    OidcSubjectTaken,
    OidcSubjectUnknown,
    OidcUnavailable,
    OtpNotAccepted,
    RolesNotCompatible,
    UsernameTaken,
)
from backend.web import api, callers
from backend.web.callers import allow, entrance
from backend.web.counting import counted
from backend.web.problems import problems

blp = api.blueprint("staff", "工作人员：邀请、登录方式与账号管理")
PROOF = (CredentialsRefused, NoLocalPassword, TooManyAttempts)


@blp.route("/auth/staff", methods=["POST"])
@entrance
@blp.arguments(schemas.StaffSignInRequest)
@blp.response(200, TokensView)
@problems(SignInRefused, TooManyAttempts)
@counted(figures.SIGN_INS, "signed-in", kind="staff")
def sign_in_staff(body: dict[str, Any]) -> dict[str, Any]:
    """工作人员登录

    用户名、密码和动态码（RFC 6238，30 秒一个，允许前后各一个；每个只能用一次）；手机不在身边时，用一个恢复码代替。
    无论哪一项不对，答复都一样。同一用户名在同一网络地址 15 分钟内连续 5 次未通过即暂停尝试；一个地址 15 分钟内
    共 50 次；一个用户名从陌生地址 1 小时内共 20 次，30 天内登录成功过的地址不受这一条影响。
    用恢复码登录只按地址计数，所以有人猜您的用户名时您仍能进来。
    会话最长 12 小时，刷新不能延长。
    """
    address = callers.address()
    with transaction() as session:
        guard.count(session, body["username"], address, by_recovery_code="recovery_code" in body)
    with reading() as reader:
        checked = signing_in.check_staff(
            reader, body["username"], body["password"], body.get("otp", ""), body.get("recovery_code", "")
        )
    with transaction() as session:
        grant = signing_in.sign_in_staff(session, checked, address, callers.user_agent())
        if isinstance(grant, accounts.Grant):
            return accounts.tokens_view(session, grant)
    raise grant


# --- links -------------------------------------------------------------------------------------------------------


@blp.route("/auth/staff/invitations", methods=["POST"])
@entrance
@blp.arguments(schemas.InvitationOpening)
@blp.response(200, schemas.OpenedInvitationView)
@problems(InvitationNotValid, InvitationAwaits)
def open_invitation(body: dict[str, Any]) -> dict[str, Any]:
    """打开邀请或重置链接

    只带 `token` 时说明链接给谁；再带上合格的 `password`，给出新验证器的密钥（文字、`otpauth` 地址和二维码）。
    密码要求（NIST SP 800-63B-4）：10 至 200 个字符，不要求字符种类，不定期更换；常见的、容易猜到的、主要由用户名或姓名
    组成的不收。每打开一次都换新密钥，旧的作废。账号这时还不存在，什么也没有改变。
    """
    with transaction() as session:
        return invitations.begin(session, body["token"], body.get("password"))


@blp.route("/auth/staff/invitations/acceptance", methods=["POST"])
@entrance
@blp.arguments(schemas.InvitationAcceptance)
@blp.response(200, schemas.AcceptedView)
@problems(InvitationNotValid, InvitationAwaits, OtpNotAccepted, UsernameTaken, RolesNotCompatible, TooManyAttempts)
def accept_invitation(body: dict[str, Any]) -> dict[str, Any]:
    """接受邀请，或完成重置

    密码再交一次，并交新验证器上的第一个动态码（`kind` 为 `password` 时是原验证器的）。账号、角色、恢复码和链接的作废在
    同一个事务里完成，随即登录；重置时，原来的会话全部结束。恢复码只显示这一次，每个只能用一次。
    """
    with transaction() as session:
        invitations.count_acceptance(session, body["token"])
    with reading() as reader:
        proved = invitations.check_acceptance(reader, body["token"], body["password"], body["otp"])
    with transaction() as session:
        accepted = invitations.accept(session, proved, callers.user_agent())
        return dict(tokens=accounts.tokens_view(session, accepted.grant), recovery_codes=accepted.recovery_codes)


# --- the identity provider ---------------------------------------------------------------------------------------


@blp.route("/auth/oidc", methods=["GET"])
@entrance
@blp.response(200, schemas.OidcView)
def show_oidc() -> dict[str, Any]:
    """有没有统一身份认证（OpenID Connect）"""
    label = oidc.label()
    return dict(available=label is not None, label=label or "")


@blp.route("/auth/oidc/starts", methods=["POST"])
@entrance
@blp.arguments(schemas.OidcStart)
@blp.response(200, schemas.OidcStartedView)
@problems(OidcNotConfigured, OidcUnavailable, InvitationNotValid, InvitationAwaits, TooManyAttempts)
def start_oidc(body: dict[str, Any]) -> Any:
    """从单位的统一身份认证登录：开始

    浏览器先生成一段随机文字留在自己这里，只交来它的 SHA-256；随后打开 `authorization_url`。带着 `invitation_token`
    开始的，登录成功即接受邀请并关联身份。十分钟内有效，只能用一次。
    """
    drawn = oidc.Secrets.fresh()
    with transaction() as session:
        guard.count_oidc_start(session, callers.address())
    url = oidc.provider().authorization_url(drawn.state, drawn.nonce, drawn.verifier)
    with transaction() as session:
        return oidc.start(session, drawn, body["browser_key_hash"], body.get("invitation_token"), url)


@blp.route("/auth/oidc", methods=["POST"])
@entrance
@blp.arguments(schemas.OidcSignIn)
@blp.response(200, TokensView)
@problems(
    OidcNotConfigured, OidcRefused, OidcUnavailable, OidcSubjectUnknown, OidcSubjectTaken, InvitationNotValid,
    InvitationAwaits, UsernameTaken, RolesNotCompatible,
)  # fmt: skip
def sign_in_oidc(body: dict[str, Any]) -> dict[str, Any]:
    """从单位的统一身份认证登录：完成

    把认证方带回的 `state`、`code`、`iss`（有的话）原样交来，并交出留在浏览器里的那段文字。核对发起的浏览器、签发者
    （RFC 9207）、ID 令牌的签名算法、受众、时间和 nonce。第二因素由认证方负责。
    """
    provider = oidc.provider()
    with transaction() as session:
        flow = oidc.take(session, body["state"], body["browser_key"])
    if isinstance(flow, DomainError):
        raise flow
    provider.require_issuer(body.get("iss"))
    subject = provider.subject(body["code"], flow.verifier, flow.nonce)
    with transaction() as session:
        return accounts.tokens_view(session, oidc.sign_in(session, flow, subject, callers.user_agent()))


# --- one's own ---------------------------------------------------------------------------------------------------


@blp.route("/me/credentials", methods=["GET"])
@allow("credentials.read")
@blp.response(200, schemas.CredentialsView)
def read_credentials() -> dict[str, Any]:
    """我的登录方式"""
    with reading() as reader:
        return own.describe(reader, callers.current().account_id)


def _checked(body: dict[str, Any], password: str) -> signing_in.CheckedStaff:
    """Count, then judge, outside any transaction."""
    staff_id = callers.current().account_id
    with transaction() as session:
        guard.count_proof(session, staff_id)
    with reading() as reader:
        return signing_in.check_again(reader, staff_id, password, body.get("otp", ""), body.get("recovery_code", ""))


@blp.route("/me/password", methods=["POST"])
@allow("credentials.set")
@blp.arguments(schemas.PasswordChange)
@blp.response(204)
@problems(*PROOF)
def change_password(body: dict[str, Any]) -> None:
    """修改密码

    交旧密码、新密码和动态码。其他会话随即结束，当前会话继续。
    """
    caller = callers.current()
    with reading() as reader:
        own.require_acceptable(reader, caller.account_id, body["new_password"])
    checked = _checked(body, body["old_password"])
    new_hash = passwords.hash_secret(rules.normal_password(body["new_password"]))
    with transaction() as session:
        role = caller.role_for("credentials.set")
        refusal = own.change_password(session, checked, new_hash, caller.session_id, role)
    if refusal:
        raise refusal


@blp.route("/me/recovery-codes", methods=["POST"])
@allow("credentials.set")
@blp.arguments(schemas.ProofAgainRequest)
@blp.response(201, schemas.RecoveryCodesView)
@problems(*PROOF)
def renew_recovery_codes(body: dict[str, Any]) -> dict[str, Any]:
    """换一组恢复码

    旧的全部作废。新的十个只显示这一次。
    """
    checked = _checked(body, body["password"])
    prepared = recovery.prepare()
    with transaction() as session:
        made = own.renew_recovery_codes(session, checked, prepared, callers.current().role_for("credentials.set"))
    if isinstance(made, DomainError):
        raise made
    return dict(recovery_codes=made)


@blp.route("/me/authenticator", methods=["POST"])
@allow("credentials.set")
@blp.arguments(schemas.ProofAgainRequest)
@blp.response(200, schemas.AuthenticatorView)
@problems(*PROOF)
def begin_authenticator(body: dict[str, Any]) -> otp.ShownSecret:
    """更换验证器：领取新密钥

    一小时内用新验证器上的动态码确认；确认之前，原来的验证器照常可用。
    """
    checked = _checked(body, body["password"])
    with transaction() as session:
        shown = own.begin_authenticator(session, checked)
    if isinstance(shown, DomainError):
        raise shown
    return shown


@blp.route("/me/authenticator/confirmation", methods=["POST"])
@allow("credentials.set")
@blp.arguments(schemas.AuthenticatorConfirmation)
@blp.response(204)
@problems(OtpNotAccepted, TooManyAttempts)
def confirm_authenticator(body: dict[str, Any]) -> None:
    """更换验证器：确认

    新验证器上的第一个动态码。确认后旧验证器作废，其他会话结束。
    """
    caller = callers.current()
    with transaction() as session:
        guard.count_proof(session, caller.account_id)
    with transaction() as session:
        role = caller.role_for("credentials.set")
        own.confirm_authenticator(session, caller.account_id, body["otp"], caller.session_id, role)
        guard.clear_proof(session, caller.account_id)
