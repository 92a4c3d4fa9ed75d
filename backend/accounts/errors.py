"""Why a sign-in or an account is refused."""

from __future__ import annotations

from typing import Any

from backend.kit.errors import DomainError


class SignInRefused(DomainError):
    """One answer for an unknown name, a wrong password, a wrong or used code, and a suspended account."""

    slug = "sign-in-refused"
    status = 401
    title_zh = "登录未通过"
    title_en = "The sign-in was refused"
    explain_zh = (
        "登录凭证不正确、已用过，或账号、设备已停用；为了不泄露账号信息，不说明是哪一项。"
        "动态码每个只能用一次，请等下一个；连续失败会暂停尝试。"
    )
    explain_en = (
        "The credentials are wrong or used, or the account or device is suspended; which of these is not said. "
        "A one-time code works once: wait for the next one. Repeated failures pause further attempts."
    )

    def __init__(self, *args: Any, **members: Any) -> None:
        super().__init__(*args, **members)
        self.headers["WWW-Authenticate"] = "Bearer"


class RefreshRefused(DomainError):
    slug = "refresh-refused"
    status = 401
    title_zh = "会话已结束，请重新登录"
    title_en = "The session has ended, please sign in again"
    explain_zh = "刷新令牌无效、已过期或已用过。同一个刷新令牌被用第二次时，整个会话会立即结束，以防令牌被盗用。"
    explain_en = (
        "The refresh token is invalid, expired or used. Using one twice ends its whole session at once, "
        "because one of the two users must have stolen it."
    )

    def __init__(self, *args: Any, **members: Any) -> None:
        super().__init__(*args, **members)
        self.headers["WWW-Authenticate"] = "Bearer"


class TooManyAttempts(DomainError):
    """Member: ``retry_at``, an instant; the Retry-After header says it in seconds."""

    slug = "too-many-attempts"
    status = 429
    title_zh = "尝试次数过多，请稍后再试"
    title_en = "Too many attempts, please try later"
    explain_zh = "一段时间内的尝试次数已到上限，账号是否存在、内容是否正确都一样。retry_at 之后可以再试。"
    explain_en = "The limit within a period is reached, whether or not the account exists. Try again after `retry_at`."


class AdultsOnly(DomainError):
    slug = "adults-only"
    status = 403
    title_zh = "仅限成年人"
    title_en = "For adults only"
    explain_zh = "这项服务只面向年满十八周岁的居民（民法典第十七条）。"
    explain_en = "This is for residents of 18 years and more."


class SpendingPaused(DomainError):
    """Member: ``until``, an instant."""

    slug = "spending-paused"
    status = 409
    title_zh = "账号刚找回，暂停兑换"
    title_en = "The account was recovered lately, redeeming is paused"
    explain_zh = (
        "账号在新的手机或微信上找回后，有一段冷静期不能兑换，以防被人冒领；已有的券照常可用。until 之后自动恢复，"
        "也可以携带身份证到服务窗口提前解除。"
    )
    explain_en = (
        "After an account was recovered on another phone nothing can be redeemed for a while, in case it was taken by "
        "somebody else. Coupons stay good. It ends at `until`, or earlier at a service counter with the id card."
    )


class AccountRefused(DomainError):
    """Member: ``problems``. For those who administer accounts."""

    slug = "account-refused"
    status = 422
    title_zh = "账号信息有误"
    title_en = "The account's details are not acceptable"
    explain_zh = "problems 逐条说明账号、角色、单位或设备公钥有什么问题。"
    explain_en = "`problems` says what is wrong with the username, a role, an organisation or a device's key."


class DeviceKeyKnown(AccountRefused):
    """A key is enrolled once, for one device, whatever became of that device."""

    slug = "device-key-known"
    status = 409
    title_zh = "这把钥匙已经登记过"
    title_en = "This key is enrolled already"
    explain_zh = "一把公钥只能登记一台设备，已停用、已注销的也算。请在设备上重新生成钥匙再登记。"
    explain_en = "A key belongs to one device, suspended and retired ones included. Make a new key on the device."


class DeviceRetired(DomainError):
    slug = "device-retired"
    status = 409
    title_zh = "设备已注销"
    title_en = "The device is retired"
    explain_zh = "注销不能恢复。需要继续使用时，请用登记码重新登记。"
    explain_en = "A retired device does not come back. Enrol it anew with a code."
