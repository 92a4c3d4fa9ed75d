"""A request that takes too long is given up: 503, when to come back, and nothing half done."""

from __future__ import annotations

import time
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from backend.kit import db, deadline
from backend.web import frame, problems
from tests.checked_client import CheckedClient
from tests.factories import accounts as make
from tests.house.snapshots import unchanged
from tests.kit.test_deadline import LONG
from tests.wechat_server import WechatServer

V1 = "/api/v1"


@pytest.fixture
def slow(app: Flask) -> FlaskClient:
    """A small application whose routes do not come to an end by themselves."""
    small = Flask("small")
    problems.install(small)
    frame.install(small, frame.Figures(CollectorRegistry()))
    frame.limit_time(small, 0.5)

    @small.get("/reads")
    def reads() -> str:
        with db.reading() as reader:
            reader.execute(text(LONG[db.current().dialect]))
        return "done"

    @small.post("/writes")
    def writes() -> str:
        with db.transaction() as session:
            session.execute(text("UPDATE organisations SET name = name || '?'"))
            session.execute(text(LONG[db.current().dialect]))
        return "done"

    @small.get("/quick")
    def quick() -> dict[str, float]:
        return {"left": deadline.left(9.0)}

    return small.test_client()


@pytest.mark.parametrize(("method", "path"), [("GET", "/reads"), ("POST", "/writes")])
def test_a_really_slow_statement_is_given_up(slow: FlaskClient, city: Any, method: str, path: str) -> None:
    begun = time.monotonic()
    with unchanged():
        answer = slow.open(path, method=method)
    problem = answer.get_json()
    assert (answer.status_code, problem["type"]) == (503, "/problems/deadline-exceeded")
    assert int(answer.headers["Retry-After"]) > 0 and time.monotonic() - begun < 15
    assert not deadline.over(), "the next request of this thread has its own time"


def test_every_request_has_a_budget_of_its_own(slow: FlaskClient) -> None:
    slow.get("/reads")
    assert 0.3 < slow.get("/quick").get_json()["left"] <= 0.5
    assert deadline.left(9.0) == 9.0


@pytest.fixture
def hurried(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "REQUEST_SECONDS", 0.6)


def test_a_slow_wechat_is_waited_for_no_longer_than_the_request_has(
    client: CheckedClient, wechat: WechatServer, hurried: None
) -> None:
    code = wechat.world.make_code("login", make.openid())
    wechat.world.faults.append(fault("/sns/jscode2session"))
    begun = time.monotonic()
    try:
        with unchanged():
            answer = client.post(f"{V1}/auth/wechat", json={"code": code})
    finally:
        wechat.world.faults.clear()
    assert (answer.status_code, answer.get_json()["type"]) == (503, "/problems/deadline-exceeded")
    assert 0.5 < time.monotonic() - begun < 4


def test_an_attempt_that_ended_with_the_budget_is_given_back(
    client: CheckedClient, wechat: WechatServer, hurried: None
) -> None:
    openid = make.openid()
    with db.transaction() as session:
        from backend.accounts import service as accounts

        token = accounts.sign_in_wechat(session, make.WechatUser(openid, None)).access_token
    for _ in range(7):  # five are allowed within a day
        code = wechat.world.make_code("phone", openid)
        wechat.world.faults.append(fault("/wxa/business/getuserphonenumber"))
        body = {"name": make.name(), "id_number": make.id_number(), "proof": {"kind": "wechat_phone", "value": code}}
        try:
            answer = client.put(f"{V1}/me/identity", json=body, token=token)
        finally:
            wechat.world.faults.clear()
        assert (answer.status_code, answer.get_json()["type"]) == (503, "/problems/deadline-exceeded")


def fault(path: str) -> Any:
    from tests.wechat_server.world import Fault

    return Fault(path=path, times=10, delay=10.0)
