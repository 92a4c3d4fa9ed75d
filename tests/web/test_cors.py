"""Other sites' scripts: closed by default; explicit origins, no wildcard, no credentials."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.web import cors
from config.settings import Settings, SettingsError
from tests.checked_client import CheckedClient
from tests.house.write_openapi import plain_settings

DESK = "https://desk.example.cn"
ASKING = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}


def names(answer: Any) -> set[str]:
    return {name for name, _ in answer.headers if name.startswith("Access-Control-")}


@pytest.mark.parametrize("origin", [DESK, "null", "http://127.0.0.1:8000", "*", ""])
def test_without_a_setting_no_origin_is_ever_allowed(client: CheckedClient, origin: str) -> None:
    for method, path in (("GET", "/api/v1/communities"), ("GET", "/api/v1/me"), ("POST", "/api/v1/auth/wechat"),
                         ("OPTIONS", "/api/v1/me"), ("GET", "/nothing"), ("GET", "/openapi.json")):  # fmt: skip
        assert not names(client.open(path, method=method, headers={"Origin": origin, **ASKING})), (method, path)


def opened(*origins: str) -> FlaskClient:
    small = Flask("small")
    cors.install(small, frozenset(origins))

    @small.route("/api/x", methods=["GET", "PUT"])
    @small.get("/x", endpoint="outside")
    def tell() -> str:
        return "x"

    return small.test_client()


def test_a_named_origin_may_read_and_is_told_so_alone() -> None:
    answer = opened(DESK).get("/api/x", headers={"Origin": DESK})
    assert answer.headers["Access-Control-Allow-Origin"] == DESK and "Origin" in answer.headers["Vary"]
    assert "RateLimit" in answer.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    asked = opened(DESK).options("/api/x", headers={"Origin": DESK, **ASKING})
    assert "PUT" in asked.headers["Access-Control-Allow-Methods"] and asked.status_code == 200
    assert "Idempotency-Key" in asked.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in asked.headers


@pytest.mark.parametrize(
    "origin",
    ["https://desk.example.cn.evil.example", "http://desk.example.cn", "https://DESK.example.cn", "null", "*",
     "https://desk.example.cn:444", f"{DESK}/", f"{DESK}, https://evil.example", ""],
)  # fmt: skip
def test_another_origin_is_told_nothing(origin: str) -> None:
    for answer in (opened(DESK).get("/api/x", headers={"Origin": origin}),
                   opened(DESK).options("/api/x", headers={"Origin": origin, **ASKING})):  # fmt: skip
        assert not names(answer) and "Origin" in answer.headers["Vary"]


def test_outside_the_api_nothing_is_opened() -> None:
    assert not names(opened(DESK).get("/x", headers={"Origin": DESK}))


@pytest.mark.parametrize(
    "value",
    ["*", "https://*.example.cn", "null", "desk.example.cn", f"{DESK}/path", "ftp://x", f"{DESK},", "https://",
     "https://a@b.example", f"{DESK} https://b"],
)  # fmt: skip
def test_the_setting_takes_origins_and_no_wildcard(value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    env = {"XINYI_CORS_ORIGINS": value}
    with pytest.raises(SettingsError, match="XINYI_CORS_ORIGINS is not acceptable"):
        Settings.from_env(env)


def test_no_origin_is_allowed_by_default(tmp_path: Any) -> None:
    assert plain_settings(str(tmp_path)).cors_origins == frozenset()
