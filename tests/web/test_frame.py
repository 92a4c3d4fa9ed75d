"""What surrounds every request: ids, headers, validators, figures, and logs that know nobody."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry

from backend.codes import service as codes
from backend.identity import service as identity
from backend.kit import db
from backend.web import frame, health, problems
from config.settings import Settings
from tests.checked_client import CheckedClient
from tests.factories import accounts as make
from tests.wechat_server import WechatServer, synthetic_phone

V1 = "/api/v1"
KINDS = {
    "a list": ("GET", f"{V1}/communities", 200),
    "a problem": ("GET", f"{V1}/me", 401),
    "no such route": ("GET", "/nothing", 404),
    "no such method": ("DELETE", f"{V1}/me", 405),
    "no such id": ("GET", f"{V1}/merchants/AAAAAAAAAA", 404),
    "a body that is none": ("POST", f"{V1}/auth/wechat", 422),
    "a page": ("GET", "/problems/not-found", 200),
    "the document": ("GET", "/openapi.json", 200),
    "the documentation": ("GET", "/docs", 200),
    "a script": ("GET", "/docs/start.js", 200),
    "health": ("GET", "/healthz", 200),
    "figures": ("GET", "/metrics", 200),
    "keys": ("GET", "/.well-known/jwks.json", 200),
    "allowed methods": ("OPTIONS", f"{V1}/me", 200),
    "a head": ("HEAD", f"{V1}/communities", 200),
}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_answer_is_named_and_guarded(client: CheckedClient, kind: str) -> None:
    method, path, status = KINDS[kind]
    answer = client.open(path, method=method)
    assert answer.status_code == status
    headers = answer.headers
    assert UUID(headers["X-Request-Id"]).version == 4
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer" and "camera=(self)" in headers["Permissions-Policy"]
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] and "Set-Cookie" not in headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'" and policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "http" not in headers["Content-Security-Policy"] and "unsafe-inline" not in policy["script-src"]


def test_two_requests_have_two_ids_and_callers_cannot_choose(client: CheckedClient) -> None:
    given = {"X-Request-Id": "mine"}
    ids = {client.get("/healthz", headers=given).headers["X-Request-Id"] for _ in range(3)}
    assert len(ids) == 3 and "mine" not in ids


def test_strict_transport_is_asked_for_over_https_alone(client: CheckedClient) -> None:
    assert "Strict-Transport-Security" not in client.get("/healthz").headers
    secure = client.get("/healthz", base_url="https://localhost")
    assert "max-age=31536000" in secure.headers["Strict-Transport-Security"]


# --- caching -----------------------------------------------------------------------------------------------------


def test_a_read_has_a_validator_and_answers_304(client: CheckedClient) -> None:
    first = client.get(f"{V1}/communities")
    tag = first.headers["ETag"]
    again = client.get(f"{V1}/communities", headers={"If-None-Match": tag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    for other in ('"x"', 'W/"x", "y"', "x"):
        assert client.get(f"{V1}/communities", headers={"If-None-Match": other}).status_code == 200
    assert client.get(f"{V1}/communities", headers={"If-None-Match": f'"x", {tag}'}).status_code == 304
    assert client.get(f"{V1}/communities", headers={"If-None-Match": "*"}).status_code == 304


def test_a_head_says_what_the_get_would(client: CheckedClient) -> None:
    got, head = client.get(f"{V1}/communities"), client.head(f"{V1}/communities")
    assert head.data == b""
    for name in ("ETag", "Cache-Control", "Content-Type"):
        assert head.headers[name] == got.headers[name], name


@pytest.fixture
def token(client: CheckedClient) -> str:
    with db.transaction() as session:
        return make.resident_token(session, make.resident(session))


def test_what_is_somebodys_is_kept_by_nobody_else(client: CheckedClient, token: str) -> None:
    answer = client.get(f"{V1}/me", token=token)
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert {"Authorization", "Accept-Language"} <= set(answer.headers.get_all("Vary"))
    assert client.get(f"{V1}/me", token=token, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_anothers_validator_opens_nothing(client: CheckedClient, token: str) -> None:
    tag = client.get(f"{V1}/me", token=token).headers["ETag"]
    assert client.get(f"{V1}/me", headers={"If-None-Match": tag}).status_code == 401
    with db.transaction() as session:
        other = make.resident_token(session, make.resident(session))
    assert client.get(f"{V1}/me", token=other, headers={"If-None-Match": tag}).status_code == 200


def test_tokens_and_problems_are_stored_nowhere(client: CheckedClient, wechat: WechatServer) -> None:
    signed_in = client.post(f"{V1}/auth/wechat", json={"code": wechat.world.make_code("login", make.openid())})
    for answer in (signed_in, client.get(f"{V1}/me")):
        assert answer.headers["Cache-Control"] == "no-store" and "ETag" not in answer.headers


# --- health and figures ------------------------------------------------------------------------------------------


def test_alive(client: CheckedClient) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.data) == (200, b"ok\n")


def small_app(checks: dict[str, health.Check], metrics_token: str = "") -> FlaskClient:
    """A small application with health and figures of its own."""
    small, figures = Flask("small"), frame.Figures(CollectorRegistry())
    problems.install(small)
    frame.install(small, figures)
    health.install(small, figures, checks, metrics_token)
    return small.test_client()


def test_readiness_says_what_is_missing(app: Flask) -> None:
    answer = small_app({"keys": lambda: "no key signs coupons", "schema": lambda: ""}).get("/readyz")
    told = {"database": "ok", "keys": "no key signs coupons", "schema": "ok"}
    assert (answer.status_code, answer.get_json()) == (503, {"ready": False, "checks": told})
    assert small_app({"keys": lambda: ""}).get("/readyz").status_code == 200


def test_the_house_is_ready_when_it_has_its_schema_and_keys(app: Flask, city: Any) -> None:
    with db.transaction() as session:
        codes.ensure_keys(session, "320115")
    answer = app.test_client().get("/readyz")
    assert (answer.status_code, answer.get_json()["checks"]) == (200, {"database": "ok", "schema": "ok", "keys": "ok"})


def test_readiness_outlives_the_database(app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    away = db.Database(f"sqlite:///{tmp_path / 'gone' / 'x.db'}")
    (tmp_path / "gone").rmdir()
    monkeypatch.setattr(db, "_bound", away)
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["checks"]["database"] == "the database does not answer (OperationalError)"
    away.dispose()


def test_figures_name_routes_and_never_addresses(client: CheckedClient) -> None:
    client.get(f"{V1}/merchants/WHATEVER77")
    client.get("/no/such/WHATEVER88")
    client.open(f"{V1}/me", method="WHATEVER99")
    text = client.get("/metrics").get_data(as_text=True)
    assert (
        f'route="{V1}/merchants/<string:public_code>"' in text and 'route="(none)"' in text and 'method="other"' in text
    )
    assert "WHATEVER" not in text


def test_private_figures_are_not_found_without_their_token() -> None:
    guarded = small_app({}, "a-token-of-the-house")
    for header in (
        None,
        "Bearer x",
        "Bearer a-token-of-the-hous",
        "a-token-of-the-house",
        "Basic a-token-of-the-house",
        "Bearer é",
    ):
        answer = guarded.get("/metrics", headers={"Authorization": header} if header else {})
        assert answer.status_code == 404, header
    answer = guarded.get("/metrics", headers={"Authorization": "Bearer a-token-of-the-house"})
    assert answer.status_code == 200 and b"xinyi_requests_total" in answer.data


# --- logs --------------------------------------------------------------------------------------------------------


@pytest.fixture
def everything_logged(settings: Settings) -> Iterator[None]:
    frame.configure_logging("debug", readable=False)
    yield
    frame.configure_logging(settings.log_level, readable=False)


def test_a_log_line_is_json_with_the_request_and_without_the_person(
    client: CheckedClient, wechat: WechatServer, everything_logged: None, capfd: pytest.CaptureFixture[str]
) -> None:
    openid, name, id_number = make.openid(), make.name(), make.id_number()
    phone = synthetic_phone(openid)
    with db.transaction() as session:
        identity.add_to_directory(session, [identity.DirectoryEntry(name, id_number, phone)])
    login = wechat.world.make_code("login", openid)
    signed_in = client.post(f"{V1}/auth/wechat", json={"code": login}).get_json()
    phone_code = wechat.world.make_code("phone", openid)
    body = {"name": name, "id_number": id_number, "proof": {"kind": "wechat_phone", "value": phone_code}}
    for changed in ({"id_number": id_number[:-1]}, {"name": name + "\x00"}, {"nonsense": phone}, {}):
        answer = client.put(f"{V1}/me/identity", json=body | changed, token=signed_in["access_token"])
    assert answer.status_code == 200
    client.get(
        f"{V1}/merchants/{name}?phone={phone}", headers={"User-Agent": name, "Referer": f"https://x/{id_number}"}
    )
    client.get(f"/{id_number}")
    said = "".join(capfd.readouterr())
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    bound = next(line for line in lines if line.get("route") == f"{V1}/me/identity" and line["status"] == 200)
    assert bound["request_id"] == answer.headers["X-Request-Id"] and bound["account_id"] == signed_in["account"]["id"]
    for secret in (name, json.dumps(name)[1:-1], id_number, id_number[6:14], phone, openid, login, phone_code,
                   signed_in["access_token"], signed_in["refresh_token"]):  # fmt: skip
        assert secret not in said
    assert not re.search(r"1990000\d{4}|329999\d{11}", said)


def test_a_failing_route_is_logged_without_what_was_sent(
    client: CheckedClient, token: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(identity, "count_binding", lambda _s, _a, claim, _k: 1 / 0 if claim else None)
    body = {"name": "测试甲乙", "id_number": "329999199001020017", "proof": {"kind": "counter_code", "value": "ABC"}}
    plain = client.application.test_client()
    answer = plain.put(f"{V1}/me/identity", json=body, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 500 and answer.get_json()["type"] == "/problems/internal-error"
    said = "".join(capfd.readouterr())
    assert "ZeroDivisionError" in said and answer.get_json()["instance"] in said
    assert "测试" not in said and "329999" not in said
