"""A route that goes away says so, in every answer and in the document."""

from __future__ import annotations

from datetime import date
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from flask import Flask

from backend.kit.errors import NotFound
from backend.web import api, problems
from backend.web.callers import entrance
from backend.web.deprecation import deprecated

SINCE, SUNSET = date(2026, 3, 1), date(2026, 9, 30)


@pytest.fixture
def leaving() -> Flask:
    """A throw-away application with one route that is going and one that stays."""
    small = Flask("small")
    problems.install(small)
    blp = api.blueprint("leaving", "要取消的接口", url_prefix="/api/v1")

    @blp.route("/old")
    @entrance
    @deprecated(since=SINCE, sunset=SUNSET, successor="/api/v1/new")
    @blp.response(200)
    def read_old() -> dict[str, str]:
        """旧的"""
        return {"a": "b"}

    @blp.route("/gone")
    @entrance
    @deprecated(since=SINCE, sunset=SUNSET, successor="/api/v1/new")
    @blp.response(200)
    def read_gone() -> dict[str, str]:
        """没有的"""
        raise NotFound()

    @blp.route("/new")
    @entrance
    @blp.response(200)
    def read_new() -> dict[str, str]:
        """新的"""
        return {"a": "b"}

    api.create_api(small).register_blueprint(blp)
    return small


@pytest.mark.parametrize("path", ["/api/v1/old", "/api/v1/gone"])
def test_every_answer_says_since_when_until_when_and_what_instead(leaving: Flask, path: str) -> None:
    headers = leaving.test_client().get(path).headers
    assert headers["Deprecation"] == "@1772294400"  # 2026-03-01 00:00 in Shanghai, a structured Date (RFC 9745)
    assert parsedate_to_datetime(headers["Sunset"]).isoformat() == "2026-09-29T16:00:00+00:00"
    links = headers["Link"]
    assert '</docs>; rel="deprecation"' in links and '</api/v1/new>; rel="successor-version"' in links


def test_what_stays_says_nothing(leaving: Flask) -> None:
    headers = leaving.test_client().get("/api/v1/new").headers
    assert not {"Deprecation", "Sunset", "Link"} & set(headers.keys())


def test_the_document_says_so(leaving: Flask) -> None:
    paths: Any = api.document(leaving)["paths"]
    old = paths["/api/v1/old"]["get"]
    assert old["deprecated"] is True and old["x-sunset-on"] == "2026-09-30" and old["x-deprecated-on"] == "2026-03-01"
    assert "deprecated" not in paths["/api/v1/new"]["get"]


def test_a_route_is_announced_half_a_year_ahead() -> None:
    with pytest.raises(ValueError, match="180 days"):
        deprecated(since=SINCE, sunset=date(2026, 4, 1), successor="/x")
