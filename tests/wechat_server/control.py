"""The control API under ``/stand-in``: what WeChat's client would do, and faults on demand.

``POST login-codes {openid}`` and ``POST phone-codes {openid}`` → ``{code}``; ``POST people {openid, phone?,
unionid?}``; ``POST acceptances {openid, template_id, count?}``; ``POST faults {path, times?, errcode |
http_status, location? | body | delay | hang | drop | drip, after?}``, ``DELETE faults``; ``GET messages ?openid=``,
``DELETE messages``; ``GET calls``; ``POST clock {forward_seconds}``. Refusals are ``{"error": "…"}`` with
404 or 422.
"""

from __future__ import annotations

import math
from typing import Any

from tests.wechat_server.endpoints import ENDPOINTS, Request
from tests.wechat_server.world import OPENID, PHONE, Fault, World

Reply = tuple[int, dict[str, Any]]


class Unacceptable(Exception):
    """What is wrong with a control request."""


def control(world: World, verb: str, request: Request) -> Reply:
    """Answer ``verb`` (such as ``POST login-codes``)."""
    try:
        if verb in ("POST login-codes", "POST phone-codes"):
            return 200, {"code": world.make_code(verb[5:10], _openid(_fields(request)))}
        if verb == "GET messages":
            return 200, {"messages": world.messages(request.query.get("openid"))}
        if verb == "GET calls":
            return 200, {"calls": dict(world.calls)}
        if verb == "DELETE messages":
            world.forget_messages()
            return 200, {}
        if verb == "DELETE faults":
            world.faults.clear()
            return 200, {}
        if verb in WITH_FIELDS:
            return 200, WITH_FIELDS[verb](world, _fields(request))
    except Unacceptable as problem:
        return 422, {"error": str(problem)}
    return 404, {"error": "there is no such control"}


def _register(world: World, fields: dict[str, Any]) -> dict[str, Any]:
    phone, unionid = fields.get("phone"), fields.get("unionid")
    if phone is not None and not (isinstance(phone, str) and PHONE.fullmatch(phone)):
        raise Unacceptable("phone is a text of 11 digits")
    if unionid is not None and not (isinstance(unionid, str) and OPENID.fullmatch(unionid)):
        raise Unacceptable("unionid is a text like an openid")
    return world.register(_openid(fields), phone, unionid)


def _accept(world: World, fields: dict[str, Any]) -> dict[str, Any]:
    template_id, count = fields.get("template_id"), fields.get("count", 1)
    if not isinstance(template_id, str) or not template_id or " " in template_id:
        raise Unacceptable("template_id is a text")
    if type(count) is not int or not 0 <= count <= 1000:
        raise Unacceptable("count is 0 to 1000")
    return {"left": world.accept_messages(_openid(fields), template_id, count)}


def _break(world: World, fields: dict[str, Any]) -> dict[str, Any]:
    """Set a fault. At least one thing must go wrong, or nothing was asked for."""
    kinds: dict[str, type | tuple[type, ...]] = {
        "path": str,
        "times": int,
        "errcode": int,
        "http_status": int,
        "body": str,
        "location": str,
        "delay": (int, float),
        "hang": bool,
        "drop": bool,
        "drip": bool,
        "after": bool,
    }
    for name, value in fields.items():
        if name not in kinds or not isinstance(value, kinds[name]) or (bool is not kinds[name] and value is True):
            raise Unacceptable(f"{name[:40]} is not a property of a fault, or of another type")
    if fields.get("path") not in ENDPOINTS:
        raise Unacceptable("path is one of: " + ", ".join(ENDPOINTS))
    fault = Fault(**fields)
    if not 1 <= fault.times <= 10_000 or not math.isfinite(fault.delay) or not 0 <= fault.delay <= 60:
        raise Unacceptable("times is 1 to 10000, delay 0 to 60 seconds")
    if fault.http_status is not None and not 200 <= fault.http_status <= 599:
        raise Unacceptable("http_status is 200 to 599")
    if fault.location is not None and not (fault.location.isascii() and fault.location.isprintable()):
        raise Unacceptable("location is an address")
    if fault.errcode == 0 or not set(fields) - {"path", "times", "after", "location"}:
        raise Unacceptable("name an errcode, http_status, body, delay, hang, drop or drip")
    with world.lock:
        world.faults.append(fault)
    return {}


def _forward(world: World, fields: dict[str, Any]) -> dict[str, Any]:
    seconds = fields.get("forward_seconds")
    if type(seconds) is not int or not 0 <= seconds <= 10 * 366 * 86400:
        raise Unacceptable("forward_seconds is a whole number, not negative")
    world.clock.forward(seconds)
    return {"now": world.clock.now()}


WITH_FIELDS = {
    "POST people": _register,
    "POST acceptances": _accept,
    "POST faults": _break,
    "POST clock": _forward,
}


def _fields(request: Request) -> dict[str, Any]:
    if not request.json_body or not isinstance(request.body, dict):
        raise Unacceptable("the body is a JSON object")
    return request.body


def _openid(fields: dict[str, Any]) -> str:
    openid = fields.get("openid")
    if not isinstance(openid, str) or not OPENID.fullmatch(openid):
        raise Unacceptable("openid is 1 to 64 characters out of letters, digits, _ and -")
    return openid
