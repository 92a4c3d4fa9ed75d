"""Why an invitation, a credential or an order about staff is refused."""

from __future__ import annotations

from typing import Any

from backend.kit.errors import DomainError


class InvitationNotValid(DomainError):
    """One answer for a link that never was, is used, was revoked or is too old."""

    slug = "invitation-not-valid"
    status = 410
    title_zh = "链接无效"
    title_en = "The link is not valid"
    explain_zh = "这个链接不存在、已经用过、已被作废或已过期，不说明是哪一种。请向账号管理员要一个新的链接。"
    explain_en = (
        "The link never was, has been used, revoked or is too old; which of these is not said. "
        "Ask the administrator of accounts for a new one."
    )


class InvitationAwaits(DomainError):
    slug = "invitation-awaits-approval"
    status = 409
    title_zh = "链接还在等待批准"
    title_en = "The link waits for approval"
    explain_zh = "这个角色须由项目办公室的另一个人批准。批准以后，同一个链接就能用了；什么都没有改变。"
    explain_en = (
        "A second person at the programme office has to approve this role. The same link works once that is done; "
        "nothing has changed."
    )


class SecondPersonNeeded(DomainError):
    slug = "second-person-needed"
    status = 409
    title_zh = "这个账号的登录方式须由两个人更换"
    title_en = "How this account signs in is changed by two"
    explain_zh = (
        "账号有查看个人信息、审批或审计的角色。请发一个换新全部登录方式的重置链接：项目办公室批准后，由本人凭链接，"
        "用统一身份认证或新的密码和验证器登录。"
    )
    explain_en = (
        "The account reads personal data, decides or audits. Make a reset link that renews everything: once the office "
        "has approved it, its holder signs in by it, through the identity provider or with a new password."
    )


class AppointmentOutdated(DomainError):
    slug = "appointment-outdated"
    status = 409
    title_zh = "提出之后情况已经改变"
    title_en = "Things have changed since it was proposed"
    explain_zh = "提出人已不是在任的账号管理员，或者这个账号已停用、角色或登录方式已经变了。请重新提出。"
    explain_en = (
        "Whoever proposed it is no longer an administrator of accounts, or the account was suspended, holds other "
        "roles or signs in otherwise by now. Propose anew."
    )


class OtpNotAccepted(DomainError):
    slug = "otp-not-accepted"
    status = 422
    title_zh = "动态码不正确"
    title_en = "The one-time code is not right"
    explain_zh = "动态码与刚才显示的密钥不符，或已经用过。请确认手机时间准确，用最新的六位数字再试；什么都没有改变。"
    explain_en = (
        "The code does not belong to the secret that was shown, or has been used. Check the phone's clock and use the "
        "newest six digits. Nothing has changed."
    )


class CredentialsRefused(DomainError):
    """One answer whichever of password and one-time code is wrong."""

    slug = "credentials-refused"
    status = 403
    title_zh = "密码或动态码不正确"
    title_en = "The password or the one-time code is not right"
    explain_zh = "修改登录方式前要再证明一次是本人。动态码每个只能用一次，请等下一个；连续失败会暂停尝试。"
    explain_en = (
        "Before a credential is changed you prove yourself once more. A one-time code works once: wait for the next. "
        "Repeated failures pause further attempts."
    )


class NoLocalPassword(DomainError):
    slug = "no-local-password"
    status = 409
    title_zh = "本账号由单位的统一身份认证登录"
    title_en = "This account signs in through the organisation's identity provider"
    explain_zh = "账号没有本地密码、验证器和恢复码；请在单位的统一身份认证中修改。"
    explain_en = "There is no local password, authenticator or recovery code; change them at the identity provider."


class UsernameTaken(DomainError):
    slug = "username-taken"
    status = 409
    title_zh = "这个用户名已有人使用"
    title_en = "This username is taken"
    explain_zh = "已有账号或尚未接受的邀请使用这个用户名。请换一个，或先作废旧的邀请。"
    explain_en = "An account or an open invitation has this username. Choose another, or revoke the old invitation."


class RolesNotCompatible(DomainError):
    """Member: ``pairs``, the roles that one person must not hold together."""

    slug = "roles-not-compatible"
    status = 409
    title_zh = "这些角色不能由同一人担任"
    title_en = "One person must not hold these roles together"
    explain_zh = (
        "发放账号的人不能查看个人信息，审计的人不能作改动；一个人的几个账号合在一起看。pairs 列出不相容的角色。"
    )
    explain_en = (
        "Who hands out accounts reads no personal data, and who audits changes nothing; several accounts of one person "
        "count together. `pairs` lists the roles that conflict."
    )


class NotYourself(DomainError):
    slug = "not-yourself"
    status = 403
    title_zh = "不能对自己的账号这样做"
    title_en = "Not on your own account"
    explain_zh = "角色、停用和重置须由另一位账号管理员办理；自己的密码和会话在“我的账号”里管理。"
    explain_en = (
        "Roles, suspension and resets need another administrator of accounts; your own password and sessions are "
        "managed under your own account."
    )


class LastAccountAdmin(DomainError):
    slug = "last-account-admin"
    status = 409
    title_zh = "这是最后一位账号管理员"
    title_en = "This is the last administrator of accounts"
    explain_zh = "没有账号管理员，就再没有人能发放账号。请先给另一位工作人员这个角色。"
    explain_en = "Without one, nobody could hand out accounts any more. Give somebody else the role first."


class OidcNotConfigured(DomainError):
    slug = "oidc-not-configured"
    status = 409
    title_zh = "没有接入统一身份认证"
    title_en = "No identity provider is configured"
    explain_zh = "本系统没有配置 OpenID Connect。请用用户名、密码和动态码登录。"
    explain_en = "OpenID Connect is not configured here. Sign in with username, password and one-time code."


class OidcUnavailable(DomainError):
    slug = "oidc-unavailable"
    status = 503
    title_zh = "统一身份认证没有应答"
    title_en = "The identity provider does not answer"
    explain_zh = "单位的统一身份认证暂时连不上或答复有误，与您的账号无关。请稍后重新登录；本系统没有任何改变。"
    explain_en = (
        "The organisation's identity provider cannot be reached or answers nonsense; this is not about your account. "
        "Please sign in again later. Nothing has changed here."
    )

    def __init__(self, *args: Any, **members: Any) -> None:
        super().__init__(*args, **members)
        self.headers["Retry-After"] = "30"


class OidcRefused(DomainError):
    """One answer for a flow that is not this browser's, is used or too old, and for an ID token that does not stand."""

    slug = "oidc-refused"
    status = 401
    title_zh = "统一身份认证登录未通过"
    title_en = "The sign-in through the identity provider was refused"
    explain_zh = "这次登录不是从这个浏览器发起的、已经用过、超过十分钟，或认证方的答复未通过核验。请从登录页重新开始。"
    explain_en = (
        "The sign-in was not begun in this browser, has been used, took longer than ten minutes, or the provider's "
        "answer did not stand. Begin again from the sign-in page."
    )

    def __init__(self, *args: Any, **members: Any) -> None:
        super().__init__(*args, **members)
        self.headers["WWW-Authenticate"] = "Bearer"


class OidcSubjectUnknown(DomainError):
    slug = "oidc-subject-unknown"
    status = 403
    title_zh = "这个身份没有对应的账号"
    title_en = "No account belongs to this identity"
    explain_zh = "统一身份认证已通过，但本系统没有与之关联的工作人员账号，或账号已停用。请向账号管理员要一个邀请链接。"
    explain_en = (
        "The provider knows you, yet no active staff account is linked with that identity. "
        "Ask the administrator of accounts for an invitation."
    )


class OidcSubjectTaken(DomainError):
    slug = "oidc-subject-taken"
    status = 409
    title_zh = "这个身份已关联另一个账号"
    title_en = "This identity belongs to another account"
    explain_zh = "一个统一身份认证的身份只能关联一个工作人员账号。"
    explain_en = "An identity at the provider belongs to one staff account only."
