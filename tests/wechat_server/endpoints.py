"""WeChat's endpoints: parameters in, documented JSON (or an image) out, ``Refusal`` for an errcode."""

from __future__ import annotations

import base64
import io
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import qrcode

from tests.wechat_server.world import OPENID, REVIEW_WORD, RISKY_WORD, Refusal, World

ERRMSGS = {
    -1: "system error",
    40001: "invalid credential, access_token is invalid or not latest",
    40002: "invalid grant_type",
    40003: "invalid openid",
    40013: "invalid appid",
    40014: "invalid access_token",
    40029: "invalid code",
    40037: "invalid template_id",
    40066: "invalid url",
    40097: "invalid args",
    40125: "invalid appsecret",
    40129: "invalid scene",
    40163: "code been used",
    40164: "invalid ip, not in whitelist",
    40169: "invalid length for scene, or the data is not json string",
    40226: "code blocked",
    41001: "access_token missing",
    41002: "appid missing",
    41004: "appsecret missing",
    41008: "missing code",
    41030: "invalid page",
    42001: "access_token expired",
    43001: "require GET method",
    43002: "require POST method",
    43101: "user refuse to accept the msg",
    44002: "empty post data",
    45002: "content size out of limit",
    45009: "reach max api daily quota limit",
    45011: "api minute-quota reach limit mustslower retry next minute",
    47001: "data format error",
    47003: "argument invalid!",
    48001: "api unauthorized",
    61010: "code is expired",
    61024: "must use api(api_component_token) to get token for component acct",
}

# Limits of the kinds of fields a template has, by the documentation of subscribe messages.
FIELD_LENGTHS = {
    "thing": 20,
    "number": 32,
    "letter": 32,
    "symbol": 5,
    "character_string": 32,
    "phone_number": 17,
    "car_number": 8,
    "name": 10,
    "phrase": 5,
}

Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """``body`` is None where there is none; ``json_body`` False where it could not be read as JSON."""

    method: str
    query: dict[str, str]
    body: object = None
    json_body: bool = True

    def fields(self, errcode: int = 47001) -> Json:
        """The body as an object, or ``errcode``."""
        if not self.json_body:
            raise Refusal(errcode)
        if self.body is None:
            raise Refusal(44002)
        if not isinstance(self.body, dict):
            raise Refusal(errcode)
        return self.body


def refusal(errcode: int, errmsg: str | None = None) -> Json:
    rid = "-".join(secrets.token_hex(4) for _ in range(3))
    return {"errcode": errcode, "errmsg": f"{errmsg or ERRMSGS.get(errcode, 'error')} rid: {rid}"}


def code_to_session(world: World, request: Request) -> Json:
    if request.method != "GET":
        raise Refusal(43001)
    query = request.query
    for name, errcode in (("appid", 41002), ("secret", 41004), ("js_code", 41008)):
        if not query.get(name):
            raise Refusal(errcode)
    if query.get("grant_type") != "authorization_code":
        raise Refusal(40002)
    _check_app(world, query["appid"], query["secret"])
    openid = world.use_code("login", query["js_code"], used_errcode=40163)
    reply = {"session_key": base64.b64encode(secrets.token_bytes(16)).decode(), "openid": openid}
    if unionid := world.person(openid).get("unionid"):
        reply["unionid"] = unionid
    return reply


def stable_token(world: World, request: Request) -> Json:
    _require_post(request)
    body = request.fields()
    for name, errcode in (("appid", 41002), ("secret", 41004)):
        if not isinstance(body.get(name), str) or not body[name]:
            raise Refusal(errcode)
    if body.get("grant_type") != "client_credential":
        raise Refusal(40002)
    if not isinstance(body.get("force_refresh", False), bool):
        raise Refusal(47001)
    _check_app(world, body["appid"], body["secret"])
    token, seconds = world.stable_token(force=body.get("force_refresh", False))
    return {"access_token": token, "expires_in": seconds}


def get_user_phone_number(world: World, request: Request) -> Json:
    _require_post(request)
    world.check_token(request.query.get("access_token", ""))
    body = request.fields()
    code, openid = body.get("code"), body.get("openid")
    if not isinstance(code, str | None) or not isinstance(openid, str | None):
        raise Refusal(47001)
    phone = world.person(world.use_code("phone", code or "", used_errcode=40029, openid=openid or None))["phone"]
    return {
        "errcode": 0,
        "errmsg": "ok",
        "phone_info": {
            "phoneNumber": phone,
            "purePhoneNumber": phone,
            "countryCode": "86",
            "watermark": {"timestamp": int(world.clock.now()), "appid": world.app_id},
        },
    }


def get_wxacode_unlimit(world: World, request: Request) -> bytes:
    """A PNG with a QR code that says what it stands for; the real one draws WeChat's own round code."""
    _require_post(request)
    world.check_token(request.query.get("access_token", ""))
    body = request.fields(errcode=40169)
    scene, page, width = body.get("scene"), body.get("page", ""), body.get("width", 430)
    release = body.get("env_version", "release")
    if not isinstance(scene, str) or not 1 <= len(scene) <= 32:
        raise Refusal(40169)
    if not re.fullmatch(r"[0-9A-Za-z!#$&'()*+,/:;=?@\-._~]+", scene):
        raise Refusal(40129)
    if not isinstance(page, str) or not re.fullmatch(r"([0-9A-Za-z_-][0-9A-Za-z_./-]*)?", page):
        raise Refusal(41030)
    if type(width) is not int or not 280 <= width <= 1280 or release not in ("release", "trial", "develop"):
        raise Refusal(40097)
    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M)
    code.add_data(f"wxacode-stand-in:{release}:{page}?scene={scene}")
    code.make(fit=True)
    stream = io.BytesIO()
    code.make_image().get_image().convert("L").resize((width, width)).save(stream, "PNG")
    return stream.getvalue()


def send_subscribe_message(world: World, request: Request) -> Json:
    _require_post(request)
    world.check_token(request.query.get("access_token", ""))
    body = request.fields()
    touser, template_id, data = body.get("touser"), body.get("template_id"), body.get("data")
    if not isinstance(touser, str) or not OPENID.fullmatch(touser):
        raise Refusal(40003)
    if not isinstance(template_id, str) or not 1 <= len(template_id) <= 128:
        raise Refusal(40037)
    page = body.get("page", "")
    if not isinstance(page, str) or page.startswith("/") or len(page) > 1024:
        raise Refusal(41030)
    if body.get("miniprogram_state", "formal") not in ("developer", "trial", "formal"):
        raise Refusal(40097)
    if not isinstance(data, dict) or not 1 <= len(data) <= 20:
        raise Refusal(47003)
    message: Json = {
        name: body[name] for name in ("touser", "template_id", "page", "miniprogram_state") if name in body
    }
    message["data"] = {key: {"value": _field_value(key, entry)} for key, entry in data.items()}
    world.store_message(message)
    return {"errcode": 0, "errmsg": "ok", "msgid": secrets.randbits(50)}


def _field_value(key: str, entry: object) -> str:
    value = entry.get("value") if isinstance(entry, dict) else None
    limit = FIELD_LENGTHS.get(key.rstrip("0123456789"), 200)
    if not isinstance(value, str) or not value.strip() or len(value) > limit or "\n" in value:
        raise Refusal(47003, f"argument invalid! data.{key[:40]}.value invalid")
    return value


def msg_sec_check(world: World, request: Request) -> Json:
    _require_post(request)
    world.check_token(request.query.get("access_token", ""))
    body = request.fields()
    if body.get("version") != 2:
        raise Refusal(47001)
    if type(body.get("scene")) is not int or not 1 <= body["scene"] <= 4:
        raise Refusal(40129)
    if not isinstance(body.get("openid"), str) or not OPENID.fullmatch(body["openid"]):
        raise Refusal(40003)
    texts = [body.get(name, "") for name in ("content", "title", "nickname", "signature")]
    if not all(isinstance(text, str) for text in texts):
        raise Refusal(47001)
    if not texts[0]:
        raise Refusal(44002)
    if len(texts[0]) > 2500:
        raise Refusal(45002)
    whole = "\n".join(texts)
    suggest, label = ("pass", 100)
    if RISKY_WORD in whole:
        suggest, label = ("risky", 20006)
    elif REVIEW_WORD in whole:
        suggest, label = ("review", 21000)
    model = {"strategy": "content_model", "errcode": 0, "suggest": suggest, "label": label, "prob": 90}
    return {
        "errcode": 0,
        "errmsg": "ok",
        "detail": [model, {"strategy": "keyword", "errcode": 0}],
        "trace_id": "-".join(secrets.token_hex(4) for _ in range(3)),
        "result": {"suggest": suggest, "label": label},
    }


def _check_app(world: World, app_id: str, app_secret: str) -> None:
    if app_id != world.app_id:
        raise Refusal(40013)
    if app_secret != world.app_secret:
        raise Refusal(40125)


def _require_post(request: Request) -> None:
    if request.method != "POST":
        raise Refusal(43002)


ENDPOINTS: dict[str, Callable[[World, Request], Json | bytes]] = {
    "/sns/jscode2session": code_to_session,
    "/cgi-bin/stable_token": stable_token,
    "/wxa/business/getuserphonenumber": get_user_phone_number,
    "/wxa/getwxacodeunlimit": get_wxacode_unlimit,
    "/cgi-bin/message/subscribe/send": send_subscribe_message,
    "/wxa/msg_sec_check": msg_sec_check,
}
