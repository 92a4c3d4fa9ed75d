"""Answers in HTML: escaped templates, an ETag over content and day, and pages for problems."""

from __future__ import annotations

import hashlib
import re
from datetime import date, datetime
from typing import Any

from flask import Flask, Response, current_app, g, render_template, request

from backend.kit import clock
from backend.kit.errors import DomainError
from backend.web import problems
from config.settings import Settings

HTML = "text/html; charset=utf-8"
CHECK_EACH_TIME = "public, no-cache"
"""May be kept, but is asked after each time: a revoked code must not look valid for another minute."""


def settings() -> Settings:
    """The settings of the application that serves this request."""
    found: Settings = current_app.config["SETTINGS"]
    return found


def is_demo() -> bool:
    """Whether everything shown is synthetic."""
    return settings().environment == "demo"


def page(template: str, status: int = 200, **values: Any) -> Response:
    """Render ``template``. The ETag covers the content and Shanghai's date: a publicity may end without a write."""
    common = {"base_url": settings().public_base_url, "demo": is_demo(), "request_id": g.get("request_id", "")}
    body = render_template(template, **common, **values)
    response = Response(body, status, content_type=HTML)
    response.headers["Cache-Control"] = CHECK_EACH_TIME if status == 200 else "no-store"
    if status == 200:
        response.set_etag(tag_of(body.encode()))
    return response


def tag_of(content: bytes) -> str:
    """An entity tag for ``content`` as shown today."""
    return hashlib.sha256(content + b"|" + clock.today().isoformat().encode()).hexdigest()[:32]


def wants_html() -> bool:
    """Whether the caller names HTML before JSON; a caller without a wish gets JSON, as everywhere."""
    kinds = [problems.MEDIA_TYPE, "application/json", "text/html"]
    return request.accept_mimetypes.best_match(kinds) == "text/html"


def problem_page(error: DomainError) -> Response:
    """A problem as a page for those who asked for one, else as the API tells it."""
    if not wants_html():
        response = problems.render(error)
    else:
        response = page("problem_met.html", error.status, error=error)
        response.headers.extend(error.headers)
    response.headers.add("Vary", "Accept")
    return response


def day(value: date | None) -> str:
    """``2026年3月5日``; empty for None."""
    return f"{value.year}年{value.month}月{value.day}日" if value else ""


def dated(value: Any) -> Any:
    """``2026年3月5日`` for a day that is written as a text; anything else as it is."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        try:
            return day(date.fromisoformat(value))
        except ValueError:
            return value
    return value


def instant(value: datetime | str | None) -> str:
    """``2026年3月5日 16:30`` in Shanghai."""
    if not value:
        return ""
    parsed = datetime.fromisoformat(value) if isinstance(value, str) else value
    local = parsed.astimezone(clock.SHANGHAI)
    return f"{day(local.date())} {local:%H:%M}"


def signed(points: int) -> str:
    """Points with their sign, the minus as typographers write it."""
    return f"+{points}" if points > 0 else f"−{-points}" if points < 0 else "0"


def ink_on(colour: str) -> str:
    """Black or white, whichever reads better on ``#RRGGBB`` (WCAG 2 relative luminance)."""

    def linear(pair: str) -> float:
        value = int(pair, 16) / 255
        return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)

    red, green, blue = (linear(colour[at : at + 2]) for at in (1, 3, 5))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#ffffff" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else "#000000"


def install_filters(app: Flask) -> None:
    """Give the templates their words for days, instants and points."""
    app.jinja_env.filters.update(day=day, dated=dated, instant=instant, signed=signed, ink_on=ink_on)
