"""By which names the house answers.

Every address that leaves the house is built from ``XINYI_PUBLIC_BASE_URL``; a Host header is never repeated. In
production a request for another host is not answered at all (421, RFC 9110 15.5.20), so that no cache in front can be
made to keep our answers under a stranger's name. Health and figures are asked for by address, and stay so.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, request

from backend.kit.errors import DomainError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
BY_ANY_NAME = frozenset({"/healthz", "/readyz", "/metrics"})


class UnknownHost(DomainError):
    slug = "unknown-host"
    status = 421
    title_zh = "这里不是所请求的主机"
    title_en = "Misdirected request"
    explain_zh = "Host 请求头不是本系统对外的域名。请使用 XINYI_PUBLIC_BASE_URL 的地址访问，并让代理原样转发 Host。"
    explain_en = (
        "The Host header is not this system's public name. Use the public address; proxies pass Host on unchanged."
    )


def install(app: Flask, public_base_url: str) -> None:
    """Answer for the host of ``public_base_url`` and for loopback alone. Ports are not compared: proxies drop them."""
    known = LOOPBACK | {host_of(urlsplit(public_base_url).netloc)}

    @app.before_request
    def refuse_others() -> None:
        if host_of(request.environ.get("HTTP_HOST", "")) not in known and request.path not in BY_ANY_NAME:
            raise UnknownHost()


def host_of(header: str) -> str:
    """The name in a Host header, without port and final dot, in lower case. Empty for what is none."""
    if any(mark in header for mark in "/?#@\\,% \t"):
        return ""
    try:
        return (urlsplit(f"//{header}").hostname or "").removesuffix(".")
    except ValueError:
        return ""
