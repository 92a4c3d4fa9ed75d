"""What only the demo serves: who its people are, and a way to the stand-in WeChat. Elsewhere this is *not found*."""

from __future__ import annotations

import ipaddress
import json
from typing import Any
from urllib.parse import urlsplit

import httpx
from flask import Response, request

from backend.kit.errors import FieldError, NotFound, TryAgain
from backend.pages.rendering import is_demo, settings

SECONDS = 5
KINDS = {"login": "login-codes", "phone": "phone-codes"}
PROXY_HEADERS = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")


def require_demo() -> None:
    """Raise NotFound unless this is the demo, asked from this machine under a name of this machine.

    The name is looked at because a page elsewhere may let its own name point to this machine. Whoever comes through a
    proxy on this machine looks like this machine, and may choose the name: the proxy's marks give that away.
    """
    if not is_demo() or not is_loopback(request.remote_addr or "") or not is_loopback(_asked_host()):
        raise NotFound()
    if any(name in request.headers for name in PROXY_HEADERS):
        raise NotFound()


def _asked_host() -> str:
    return urlsplit(f"//{request.host}").hostname or ""


def is_loopback(host: str) -> bool:
    """Whether ``host`` names this machine and nothing else."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def handover() -> Response:
    """The demo's hand-over: residents, staff, devices, merchants, offers."""
    require_demo()
    try:
        text = (settings().instance_root / "demo.json").read_text("utf-8")
    except OSError:
        raise NotFound("演示数据还没有准备好。", "The demo's data is not ready.") from None
    return Response(text, content_type="application/json", headers={"Cache-Control": "no-store"})


def wechat_code() -> Response:
    """What WeChat's client would produce, from the stand-in: ``{openid, kind: login|phone}`` → ``{code}``."""
    require_demo()
    base = settings().wechat_base_url
    if not is_loopback(urlsplit(base).hostname or ""):
        raise NotFound()
    body = request.get_json()
    kind, openid = _field(body, "kind"), _field(body, "openid")
    if kind not in KINDS:
        raise FieldError.at("/kind", "应为 login 或 phone。", "login or phone.")
    try:
        answer = httpx.post(f"{base}/stand-in/{KINDS[kind]}", json={"openid": openid}, timeout=SECONDS, trust_env=False)
        code = answer.raise_for_status().json()["code"]
    except httpx.HTTPStatusError:
        raise FieldError.at("/openid", "替身不接受这个 openid。", "The stand-in refuses this openid.") from None
    except (httpx.TransportError, ValueError, KeyError):
        raise TryAgain("微信替身没有应答。", "The stand-in WeChat does not answer.") from None
    return Response(json.dumps({"code": code}), content_type="application/json", headers={"Cache-Control": "no-store"})


def _field(body: Any, name: str) -> str:
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, str) or not 1 <= len(value) <= 64 or not value.isprintable():
        raise FieldError.at(f"/{name}", "应为 1 至 64 个字符的文本。", "A text of 1 to 64 characters.")
    return value
