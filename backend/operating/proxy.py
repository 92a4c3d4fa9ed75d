"""The site file of the reverse proxy, written out of ``config/nginx.conf.example`` for one installation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from config.settings import ROOT, Settings

TEMPLATE = ROOT / "config" / "nginx.conf.example"
CERTIFICATE = "/etc/xinyi/tls/fullchain.pem"
KEY = "/etc/xinyi/tls/privkey.pem"


@dataclass(frozen=True)
class Site:
    """What differs from one installation to the next. ``address``: listen on this one alone."""

    base_url: str
    upstream: str
    http_port: int = 80
    address: str = ""
    certificate: str = CERTIFICATE
    key: str = KEY
    brotli: bool = False

    @classmethod
    def of(cls, settings: Settings, *, certificate: str = CERTIFICATE, key: str = KEY, brotli: bool = False) -> Self:
        upstream = f"{settings.host}:{settings.port}"
        return cls(settings.public_base_url, upstream, certificate=certificate, key=key, brotli=brotli)


def render(site: Site, template: Path = TEMPLATE) -> str:
    """The template with the site's names and ports. Raises ValueError when the template lacks one of its marks."""
    parts, at = urlsplit(site.base_url), f"{site.address}:" if site.address else ""
    changes = [
        ("https://xinyi.example.cn$request_uri", f"{site.base_url}$request_uri"),
        ("Host xinyi.example.cn;", f"Host {parts.netloc};"),
        ("server_name xinyi.example.cn;", f"server_name {parts.hostname};"),
        ("listen 443 ", f"listen {at}{parts.port or 443} "),
        ("listen 80 ", f"listen {at}{site.http_port} "),
        ("listen 80;", f"listen {at}{site.http_port};"),
        ("server 127.0.0.1:8000;", f"server {site.upstream};"),
        ("on 127.0.0.1:8000.", f"on {site.upstream}."),
        (CERTIFICATE, site.certificate),
        (KEY, site.key),
        ("    #brotli# ", "    " if site.brotli else "    # "),
    ]
    text = template.read_text("utf-8")
    for mark, value in changes:
        if mark not in text:
            raise ValueError(f"{template.name} no longer says {mark!r}")
        text = text.replace(mark, value)
    return text
