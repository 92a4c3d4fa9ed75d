"""What WeChat can answer instead of what was asked, each as a problem of ours.

``BY_ERRCODE`` follows the error tables of the endpoints used (code2Session, getStableAccessToken,
getPhoneNumber, getUnlimitedQRCode, subscribe sendMessage, msgSecCheck) and WeChat's global table; 40163,
40169 and 41008 are in no endpoint's table, yet are what the platform really sends.
"""

from __future__ import annotations

from typing import Any, ClassVar

from backend.kit.errors import DomainError


class WechatError(DomainError):
    """WeChat refused. ``errcode`` is WeChat's number, None where no readable answer came.

    ``outcome_unknown``: the call may have been carried out although no usable answer came back; whoever
    repeats it must reckon with a second effect. ``worth_repeating``: the same call may succeed later
    without anybody changing it.
    """

    slug = "wechat-refused"
    status = 502
    title_zh = "微信拒绝了请求"
    title_en = "WeChat refused the request"
    explain_zh = "微信返回了本系统未列出的错误。可以稍后重试；反复出现时请把页面上的请求编号告诉客服。"
    explain_en = "WeChat answered with an error this system does not list. Try later, or quote the request id."
    worth_repeating: ClassVar[bool] = False

    def __init__(
        self,
        detail_zh: str = "",
        detail_en: str = "",
        *,
        errcode: int | None = None,
        outcome_unknown: bool = False,
        **members: Any,
    ) -> None:
        super().__init__(detail_zh, detail_en, **members)
        self.errcode = errcode
        self.outcome_unknown = outcome_unknown


class WechatUnavailable(WechatError):
    slug = "wechat-unavailable"
    status = 503
    title_zh = "微信服务暂时不可用"
    title_en = "WeChat is not available at the moment"
    explain_zh = "没有在规定时间内得到微信的有效答复。请稍后重试；登录请重新发起，因为登录凭证只能用一次。"
    explain_en = "WeChat gave no usable answer in time. Try later; a sign-in starts anew, as its code works once."
    worth_repeating = True


class WechatTooFrequent(WechatError):
    slug = "wechat-too-frequent"
    status = 429
    title_zh = "操作太频繁"
    title_en = "Too many requests to WeChat"
    explain_zh = "微信限制每分钟的调用次数。请等一分钟再试。"
    explain_en = "WeChat limits the calls of a minute. Wait a minute."
    worth_repeating = True


class WechatQuotaExhausted(WechatError):
    slug = "wechat-quota-exhausted"
    status = 503
    title_zh = "微信接口今日额度已用完"
    title_en = "Today's WeChat quota is used up"
    explain_zh = "该微信接口当天的调用额度已用完，次日恢复；不依赖它的功能不受影响。"
    explain_en = "The day's quota of this WeChat call is used up. It returns tomorrow; other functions go on."
    worth_repeating = True


class WechatCodeInvalid(WechatError):
    slug = "wechat-code-invalid"
    status = 422
    title_zh = "微信凭证无效或已过期"
    title_en = "The WeChat code is not valid or has expired"
    explain_zh = "登录凭证和手机号凭证各自五分钟内有效，只能用一次，也不能互换。请在小程序里重新操作。"
    explain_en = "Login and phone codes live five minutes, work once, and cannot stand for each other. Start again."


class WechatCodeUsed(WechatError):
    slug = "wechat-code-used"
    status = 409
    title_zh = "微信凭证已使用过"
    title_en = "The WeChat code has been used"
    explain_zh = "每个凭证只能用一次。请在小程序里重新登录以取得新的凭证。"
    explain_en = "Each code works once. Sign in again to get a new one."


class WechatAccountBlocked(WechatError):
    slug = "wechat-account-blocked"
    status = 403
    title_zh = "微信拦截了此次登录"
    title_en = "WeChat blocked this sign-in"
    explain_zh = "微信把该微信号判为高风险。您可以到柜台办理，或在微信中申诉后再试；这与信用评价无关。"
    explain_en = "WeChat rates this account as high risk. Use the counter instead; this has no bearing on any score."


class WechatNotConfigured(WechatError):
    slug = "wechat-not-configured"
    status = 503
    title_zh = "微信接口尚未配置好"
    title_en = "The connection to WeChat is not set up"
    explain_zh = "小程序编号、密钥、服务器地址白名单或接口权限有误，需要运维人员处理。"
    explain_en = "The app id, its secret, the address white list or a permission is wrong; operators must mend it."
    worth_repeating = True


class WechatTokenRefused(WechatError):
    slug = "wechat-token-refused"
    status = 503
    title_zh = "微信接口凭据未被接受"
    title_en = "WeChat did not accept the access token"
    explain_zh = "换取新的接口凭据后仍被拒绝。请稍后重试；反复出现需要运维人员处理。"
    explain_en = "WeChat refused the access token, and its replacement too. Try later; operators look into it."
    worth_repeating = True


class WechatOpenidInvalid(WechatError):
    slug = "wechat-openid-invalid"
    status = 422
    title_zh = "微信用户标识不符"
    title_en = "The WeChat user does not match"
    explain_zh = "该用户标识不属于本小程序，或与所给凭证不是同一个微信用户。"
    explain_en = "The openid is not of this mini-program, or not of the user who made the code."


class WechatRequestInvalid(WechatError):
    slug = "wechat-request-invalid"
    status = 502
    title_zh = "微信不接受请求的格式"
    title_en = "WeChat did not accept the form of the request"
    explain_zh = "这是本系统与微信之间的格式问题，与您填写的内容无关，需要开发人员处理。"
    explain_en = "The request between this system and WeChat is malformed; developers must mend it."


class WechatNotSubscribed(WechatError):
    slug = "wechat-not-subscribed"
    status = 409
    title_zh = "用户没有订阅这条消息"
    title_en = "The user has not accepted this message"
    explain_zh = "每次同意只能发一条订阅消息；没有同意时，消息留在站内信箱里。"
    explain_en = "One acceptance allows one message. Without it the message waits in the inbox."


class WechatMessageInvalid(WechatError):
    slug = "wechat-message-invalid"
    status = 502
    title_zh = "订阅消息的模板或内容有误"
    title_en = "The message or its template is not valid"
    explain_zh = "模板编号不存在、已停用，或某个字段不合模板的要求。消息留在站内信箱里。"
    explain_en = "The template is unknown or disabled, or a field breaks its rules. The message waits in the inbox."


class WechatPageUnknown(WechatError):
    slug = "wechat-page-unknown"
    status = 502
    title_zh = "小程序里没有这个页面"
    title_en = "The mini-program has no such page"
    explain_zh = "小程序码或消息所指的页面不在已发布的版本里。"
    explain_en = "The page named by the code or the message is not in the released version."


class WechatVisitTooOld(WechatError):
    slug = "wechat-visit-too-old"
    status = 409
    title_zh = "用户近期没有打开过小程序"
    title_en = "The user has not opened the mini-program lately"
    explain_zh = "微信只检查两小时内打开过小程序的用户所写的文字；这样的文字改由人工审核。"
    explain_en = "WeChat checks text only of users who were there within two hours. A person reviews it instead."


class SceneInvalid(WechatError):
    slug = "wechat-scene-invalid"
    status = 422
    title_zh = "小程序码的参数不合要求"
    title_en = "The scene of the mini-program code is not valid"
    explain_zh = "参数须为 1 至 32 个字符，只能是数字、英文字母和 !#$&'()*+,/:;=?@-._~。"
    explain_en = "A scene is 1 to 32 characters out of digits, Latin letters and !#$&'()*+,/:;=?@-._~."


class TextTooLong(WechatError):
    slug = "wechat-text-too-long"
    status = 422
    title_zh = "文字太长，无法检查"
    title_en = "The text is too long to be checked"
    explain_zh = "微信一次最多检查 2500 个字。请缩短后再提交。"
    explain_en = "WeChat checks at most 2,500 characters at once. Shorten the text."


TOKEN_ERRCODES = frozenset({40001, 40014, 42001})
"""The call was turned away at the door for its access token; nothing of it has been carried out."""

BY_ERRCODE: dict[int, type[WechatError]] = {
    -1: WechatUnavailable,  # system busy
    40001: WechatTokenRefused,  # not valid or not the latest
    40002: WechatRequestInvalid,  # grant_type
    40003: WechatOpenidInvalid,
    40013: WechatNotConfigured,  # appid
    40014: WechatTokenRefused,
    40029: WechatCodeInvalid,
    40037: WechatMessageInvalid,  # template_id
    40097: WechatRequestInvalid,  # arguments
    40125: WechatNotConfigured,  # appsecret
    40129: SceneInvalid,
    40163: WechatCodeUsed,
    40164: WechatNotConfigured,  # our address is not in the white list
    40169: SceneInvalid,  # its length
    40226: WechatAccountBlocked,
    40243: WechatNotConfigured,  # the secret is frozen
    41001: WechatTokenRefused,  # access_token missing
    41002: WechatNotConfigured,  # appid missing
    41004: WechatNotConfigured,  # secret missing
    41008: WechatCodeInvalid,  # code missing
    41030: WechatPageUnknown,
    42001: WechatTokenRefused,  # expired
    43001: WechatRequestInvalid,  # GET wanted
    43002: WechatRequestInvalid,  # POST wanted
    43101: WechatNotSubscribed,
    43104: WechatOpenidInvalid,  # appid and openid do not belong together
    43107: WechatMessageInvalid,  # the template or the ability to send is banned
    43108: WechatUnavailable,  # two messages at once to one user
    43302: WechatRequestInvalid,
    44002: WechatRequestInvalid,  # empty body
    45002: TextTooLong,
    45009: WechatQuotaExhausted,
    45011: WechatTooFrequent,
    45168: WechatMessageInvalid,  # sensitive words
    47001: WechatRequestInvalid,  # data format
    47003: WechatMessageInvalid,  # a field of the template
    48001: WechatNotConfigured,  # no permission for this call
    48004: WechatNotConfigured,  # call forbidden
    50002: WechatNotConfigured,  # the mini-program's account is limited
    61010: WechatVisitTooOld,
    61024: WechatNotConfigured,  # the appid is a third-party platform's
}


def for_errcode(errcode: int, *, token_call: bool = False) -> WechatError:
    """The problem that stands for WeChat's ``errcode``.

    In ``token_call`` (fetching an access token) 40001 says that the secret is wrong, not the token.
    """
    if token_call and errcode in TOKEN_ERRCODES:
        return WechatNotConfigured(errcode=errcode)
    kind = BY_ERRCODE.get(errcode, WechatError)
    return kind(errcode=errcode, outcome_unknown=kind is WechatUnavailable)
