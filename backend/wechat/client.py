"""The WeChat calls this system makes, one method each.

Sources: WeChat's server documentation of code2Session, getStableAccessToken, getPhoneNumber,
getUnlimitedQRCode, subscribe sendMessage and msgSecCheck 2.0.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Literal, cast

from backend.wechat import errors, rules
from backend.wechat.tokens import MemoryCache, TokenCache, TokenKeeper
from backend.wechat.transport import Answer, Call, Limits, Transport

CODE_TO_SESSION = Call("GET", "/sns/jscode2session", repeatable=False)
GET_PHONE_NUMBER = Call("POST", "/wxa/business/getuserphonenumber", repeatable=False)
GET_UNLIMITED_QR_CODE = Call("POST", "/wxa/getwxacodeunlimit", repeatable=True)
SEND_SUBSCRIBE_MESSAGE = Call("POST", "/cgi-bin/message/subscribe/send", repeatable=False)
MESSAGE_SECURITY_CHECK = Call("POST", "/wxa/msg_sec_check", repeatable=True)

Suggestion = Literal["pass", "review", "risky"]
Release = Literal["release", "trial", "develop"]


@dataclass(frozen=True)
class WechatUser:
    """Who signed in. ``unionid`` is absent unless the mini-program is bound to an open platform account."""

    openid: str
    unionid: str | None


@dataclass(frozen=True)
class PhoneNumber:
    """``number`` without country code, digits only; ``country_code`` such as "86"."""

    number: str = field(repr=False)
    country_code: str


@dataclass(frozen=True)
class CodeImage:
    """``media_type`` is ``image/png`` or ``image/jpeg``."""

    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class TextVerdict:
    """``label`` is WeChat's number for what it saw (100: nothing), ``trace_id`` theirs for questions."""

    suggestion: Suggestion
    label: int
    trace_id: str


class TextScene(IntEnum):
    """Where a checked text will stand."""

    PROFILE = 1
    COMMENT = 2
    FORUM = 3
    SOCIAL_LOG = 4


class WechatClient:
    """One mini-program's access. Safe to share between threads; make one per process.

    ``base_url`` is ``https://api.weixin.qq.com`` or a stand-in's address, which settings for production
    must refuse (``is_stand_in``). ``cache`` shares the access token between processes where given.
    """

    def __init__(
        self,
        app_id: str,
        app_secret: str,
        base_url: str = rules.OFFICIAL_BASE_URL,
        *,
        cache: TokenCache | None = None,
        limits: Limits | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.app_id = app_id
        self.is_stand_in = rules.is_stand_in(base_url)
        self._app_secret = app_secret
        self._transport = Transport(base_url, limits, sleep=sleep)
        self._tokens = TokenKeeper(self._transport, app_id, app_secret, cache or MemoryCache())

    def close(self) -> None:
        self._transport.close()

    def exchange_login_code(self, code: str) -> WechatUser:
        """code2Session: who made ``code`` with wx.login. The session key is dropped here: nothing needs it.

        A code works once within five minutes. Raises WechatCodeInvalid, WechatCodeUsed,
        WechatAccountBlocked, WechatTooFrequent, WechatNotConfigured, WechatUnavailable.
        """
        _refuse_impossible(code)
        document = self._transport.ask(
            CODE_TO_SESSION,
            {
                "appid": self.app_id,
                "secret": self._app_secret,
                "js_code": code,
                "grant_type": "authorization_code",
            },
        ).document
        unionid = document.get("unionid")
        return WechatUser(_text(document, "openid"), unionid if isinstance(unionid, str) and unionid else None)

    def exchange_phone_code(self, code: str, openid: str) -> PhoneNumber:
        """getPhoneNumber: the number behind a code of the phone button. Each call costs money.

        ``openid`` lets WeChat check that this user made the code, so that nobody proves an identity with
        another's phone. Raises WechatCodeInvalid (also where used before), WechatOpenidInvalid, WechatError,
        WechatTooFrequent, WechatQuotaExhausted, WechatUnavailable.
        """
        _refuse_impossible(code)
        document = self._ask(GET_PHONE_NUMBER, {"code": code, "openid": openid}).document
        info = document.get("phone_info")
        watermark = info.get("watermark") if isinstance(info, dict) else None
        if not isinstance(info, dict) or not isinstance(watermark, dict):
            raise errors.WechatUnavailable(outcome_unknown=True)
        if watermark.get("appid") != self.app_id:
            raise errors.WechatCodeInvalid("这个手机号凭证不是本小程序的。", "The phone code is another app's.")
        country_code = info.get("countryCode")  # a number in the documentation, a string in life
        if isinstance(country_code, bool) or not isinstance(country_code, int | str):
            raise errors.WechatUnavailable(outcome_unknown=True)
        return PhoneNumber(_text(info, "purePhoneNumber"), str(country_code))

    def draw_mini_program_code(
        self, scene: str, page: str | None = None, *, width_pixels: int = 430, release: Release = "release"
    ) -> CodeImage:
        """getUnlimitedQRCode: an image that opens ``page`` with ``scene``; it never expires.

        ``scene`` is checked before anything is sent. ``width_pixels`` 280–1280. Raises SceneInvalid,
        WechatPageUnknown, WechatTooFrequent, WechatUnavailable; ValueError for an impossible page or width.
        """
        if not rules.scene_is_valid(scene):
            raise errors.SceneInvalid()
        if page is not None and not rules.page_is_valid(page):
            raise ValueError("a page has no leading slash and no parameters")
        if not 280 <= width_pixels <= 1280:
            raise ValueError("width_pixels is 280 to 1280")
        body: dict[str, Any] = {
            "scene": scene,
            "width": width_pixels,
            "env_version": release,
            "check_path": release == "release",  # a page under trial is not published yet
        }
        if page is not None:
            body["page"] = page
        answer = self._ask(GET_UNLIMITED_QR_CODE, body)
        if not answer.content:
            raise errors.WechatUnavailable(outcome_unknown=True)
        return CodeImage(answer.media_type, answer.content)

    def send_subscribe_message(
        self,
        openid: str,
        template_id: str,
        fields: Mapping[str, str],
        *,
        page: str | None = None,
        release: Release = "release",
    ) -> None:
        """Send one subscribe message; one acceptance by the user allows one.

        ``fields``: the template's keys and values (``{"thing1": "…"}``). ``page`` may carry parameters.
        Raises WechatNotSubscribed and WechatMessageInvalid (leave it in the inbox), WechatOpenidInvalid,
        WechatPageUnknown, WechatUnavailable (where ``outcome_unknown``, it may have arrived).
        """
        state = {"release": "formal", "trial": "trial", "develop": "developer"}[release]
        body: dict[str, Any] = {
            "touser": openid,
            "template_id": template_id,
            "data": {key: {"value": value} for key, value in fields.items()},
            "miniprogram_state": state,
            "lang": "zh_CN",
        }
        if page is not None:
            body["page"] = page
        self._ask(SEND_SUBSCRIBE_MESSAGE, body)

    def check_text(self, openid: str, text: str, scene: TextScene, *, title: str = "") -> TextVerdict:
        """msgSecCheck 2.0: WeChat's opinion of what ``openid`` wrote. Empty text passes unasked.

        Anything unreadable in the verdict counts as *review*: a person looks. Raises TextTooLong (over 2,500
        characters), WechatVisitTooOld, WechatOpenidInvalid, WechatTooFrequent, WechatUnavailable.
        """
        if not text.strip() and not title.strip():
            return TextVerdict("pass", 100, "")
        if len(text) > rules.TEXT_LENGTH:
            raise errors.TextTooLong()
        body: dict[str, Any] = {
            "version": 2,
            "openid": openid,
            "scene": int(scene),
            "content": text if text.strip() else title,
        }
        if title:
            body["title"] = title
        document = self._ask(MESSAGE_SECURITY_CHECK, body).document
        result = document.get("result")
        result = result if isinstance(result, dict) else {}
        suggestion, label = result.get("suggest"), result.get("label")
        if suggestion not in ("pass", "review", "risky"):
            suggestion = "review"
        return TextVerdict(
            cast(Suggestion, suggestion),
            label if type(label) is int else 0,
            str(document.get("trace_id", ""))[:128],
        )

    def _ask(self, call: Call, body: Mapping[str, Any]) -> Answer:
        """Make a call that needs the access token; where the token is refused, once more with another.

        This repeats code exchanges too: a refused token means that WeChat never looked at the code.
        """
        token = self._tokens.current()
        try:
            return self._transport.ask(call, {"access_token": token}, body)
        except errors.WechatTokenRefused:
            token = self._tokens.replace(token)
        return self._transport.ask(call, {"access_token": token}, body)


def _refuse_impossible(code: str) -> None:
    """A code that WeChat cannot have made is not worth a call (theirs have 32 and 64 characters)."""
    if not rules.code_is_possible(code):
        raise errors.WechatCodeInvalid()


def _text(document: Mapping[str, Any], name: str) -> str:
    """A text that must be there; its lack means the answer is not what WeChat documents."""
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise errors.WechatUnavailable(outcome_unknown=True)
    return value
