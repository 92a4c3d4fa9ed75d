"""The stand-in by itself: does it keep what WeChat documents?"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.wechat_server import APP_ID, APP_SECRET, Clock, WechatServer, synthetic_phone

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def http(server: WechatServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.base_url, trust_env=False) as http:
        yield http


def login(http: httpx.Client, **changes: str | None) -> dict[str, Any]:
    query = {"appid": APP_ID, "secret": APP_SECRET, "js_code": "none", "grant_type": "authorization_code"}
    sent = {name: value for name, value in {**query, **changes}.items() if value is not None}
    answer = http.get("/sns/jscode2session", params=sent)
    assert answer.status_code == 200
    document: dict[str, Any] = answer.json()
    return document


def token(http: httpx.Client, **changes: object) -> dict[str, Any]:
    body = {"grant_type": "client_credential", "appid": APP_ID, "secret": APP_SECRET, **changes}
    document: dict[str, Any] = http.post("/cgi-bin/stable_token", json=body).json()
    return document


def with_token(http: httpx.Client, path: str, body: object, access_token: str | None = None) -> dict[str, Any]:
    access_token = token(http)["access_token"] if access_token is None else access_token
    document: dict[str, Any] = http.post(path, params={"access_token": access_token}, json=body).json()
    return document


def code(http: httpx.Client, kind: str, openid: str) -> str:
    answer = http.post(f"/stand-in/{kind}-codes", json={"openid": openid})
    assert answer.status_code == 200
    made: str = answer.json()["code"]
    return made


def test_a_login_answers_session_key_and_openid_without_errcode(http: httpx.Client) -> None:
    answer = login(http, js_code=code(http, "login", "o-1"))
    assert set(answer) == {"session_key", "openid"}


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"appid": None}, 41002),
        ({"secret": None}, 41004),
        ({"js_code": None}, 41008),
        ({"grant_type": "client_credential"}, 40002),
        ({"appid": "wx1"}, 40013),
        ({"secret": "wrong"}, 40125),
        ({}, 40029),
    ],
)
def test_a_login_that_lacks_something_is_told_what(
    http: httpx.Client, changes: dict[str, str | None], errcode: int
) -> None:
    assert login(http, **changes)["errcode"] == errcode


def test_a_login_must_be_a_get(http: httpx.Client) -> None:
    assert http.post("/sns/jscode2session", json={}).json()["errcode"] == 43001
    assert http.get("/cgi-bin/stable_token").json()["errcode"] == 43002


def test_a_used_code_is_40163_until_it_would_have_expired(http: httpx.Client, clock: Clock) -> None:
    made = code(http, "login", "o-1")
    login(http, js_code=made)
    assert login(http, js_code=made)["errcode"] == 40163
    clock.forward(300)
    assert login(http, js_code=made)["errcode"] == 40029


def test_a_user_may_sign_in_a_hundred_times_a_minute(server: WechatServer, http: httpx.Client, clock: Clock) -> None:
    for _ in range(100):
        server.world.use_code("login", server.world.make_code("login", "o-1"), used_errcode=40163)
    late = code(http, "login", "o-1")
    assert login(http, js_code=late)["errcode"] == 45011
    assert "openid" in login(http, js_code=code(http, "login", "o-2"))
    clock.forward(61)
    assert login(http, js_code=late)["openid"] == "o-1"


def test_the_normal_mode_answers_the_same_token(http: httpx.Client, clock: Clock) -> None:
    first = token(http)
    clock.forward(6000)
    second = token(http)
    assert second["access_token"] == first["access_token"]
    assert second["expires_in"] in (1199, 1200)


def test_the_normal_mode_renews_in_the_last_five_minutes_and_both_work(http: httpx.Client, clock: Clock) -> None:
    first = token(http)["access_token"]
    clock.forward(6950)
    second = token(http)
    assert second["access_token"] != first
    assert second["expires_in"] >= 7199
    message = {"version": 2, "scene": 1, "openid": "o-1", "content": "好"}
    assert with_token(http, "/wxa/msg_sec_check", message, first)["errcode"] == 0
    clock.forward(301)
    assert with_token(http, "/wxa/msg_sec_check", message, first)["errcode"] == 42001
    assert with_token(http, "/wxa/msg_sec_check", message, second["access_token"])["errcode"] == 0


def test_a_forced_renewal_pushes_the_old_token_out(http: httpx.Client, clock: Clock) -> None:
    first = token(http)["access_token"]
    second = token(http, force_refresh=True)["access_token"]
    assert second != first
    assert with_token(http, "/wxa/msg_sec_check", {}, first)["errcode"] == 40001
    assert token(http, force_refresh=True)["access_token"] == second  # not within 30 seconds
    clock.forward(31)
    assert token(http, force_refresh=True)["access_token"] != second


def test_twenty_forced_renewals_a_day(http: httpx.Client, clock: Clock) -> None:
    for _ in range(20):
        assert "access_token" in token(http, force_refresh=True)
        clock.forward(31)
    assert token(http, force_refresh=True)["errcode"] == 45009
    assert "access_token" in token(http)
    clock.forward(86400)
    assert "access_token" in token(http, force_refresh=True)


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"appid": None}, 41002),
        ({"secret": 5}, 41004),
        ({"grant_type": "x"}, 40002),
        ({"force_refresh": "true"}, 47001),
        ({"secret": "x"}, 40125),
        ({"appid": "x"}, 40013),
    ],
)
def test_a_token_request_that_lacks_something_is_told_what(
    http: httpx.Client, changes: dict[str, object], errcode: int
) -> None:
    assert token(http, **changes)["errcode"] == errcode


def test_a_call_without_a_token_is_41001_and_with_an_invented_one_40001(http: httpx.Client) -> None:
    assert http.post("/wxa/msg_sec_check", json={}).json()["errcode"] == 41001
    assert with_token(http, "/wxa/msg_sec_check", {}, "80_invented")["errcode"] == 40001


@pytest.mark.parametrize(
    ("path", "body", "errcode"),
    [
        ("/wxa/business/getuserphonenumber", {}, 40029),
        ("/wxa/business/getuserphonenumber", {"code": 5}, 47001),
        ("/wxa/getwxacodeunlimit", {}, 40169),
        ("/wxa/getwxacodeunlimit", {"scene": "a" * 33}, 40169),
        ("/wxa/getwxacodeunlimit", {"scene": "a%b"}, 40129),
        ("/wxa/getwxacodeunlimit", {"scene": "a", "page": "/pages/a"}, 41030),
        ("/wxa/getwxacodeunlimit", {"scene": "a", "page": "pages/a?b=1"}, 41030),
        ("/wxa/getwxacodeunlimit", {"scene": "a", "width": 100}, 40097),
        ("/cgi-bin/message/subscribe/send", {}, 40003),
        ("/cgi-bin/message/subscribe/send", {"touser": "o-1"}, 40037),
        ("/cgi-bin/message/subscribe/send", {"touser": "o-1", "template_id": "t"}, 47003),
        (
            "/cgi-bin/message/subscribe/send",
            {"touser": "o-1", "template_id": "t", "data": {"thing1": "a"}},
            47003,
        ),
        ("/wxa/msg_sec_check", {"content": "a"}, 47001),
        ("/wxa/msg_sec_check", {"version": 2, "scene": 9}, 40129),
        ("/wxa/msg_sec_check", {"version": 2, "scene": 1}, 40003),
        ("/wxa/msg_sec_check", {"version": 2, "scene": 1, "openid": "o-1"}, 44002),
        ("/wxa/msg_sec_check", {"version": 2, "scene": 1, "openid": "o-1", "content": "a" * 2501}, 45002),
    ],
)
def test_parameters_are_checked_as_documented(
    http: httpx.Client, path: str, body: dict[str, object], errcode: int
) -> None:
    assert with_token(http, path, body)["errcode"] == errcode


def test_an_unknown_address_is_40066(http: httpx.Client) -> None:
    assert http.get("/no/such").json()["errcode"] == 40066


def phone_of(http: httpx.Client, openid: str) -> str:
    answer = with_token(http, "/wxa/business/getuserphonenumber", {"code": code(http, "phone", openid)})
    number: str = answer["phone_info"]["purePhoneNumber"]
    return number


def test_an_unknown_openid_always_has_the_same_synthetic_phone(http: httpx.Client) -> None:
    assert phone_of(http, "o-unknown") == phone_of(http, "o-unknown") == synthetic_phone("o-unknown")
    assert synthetic_phone("o-unknown").startswith("1990000")
    assert len(synthetic_phone("o-unknown")) == 11


def test_a_registered_person_has_the_registered_phone_and_unionid(http: httpx.Client) -> None:
    person = {"openid": "o-1", "phone": "19900005555", "unionid": "u-1"}
    assert http.post("/stand-in/people", json=person).json() == person
    assert phone_of(http, "o-1") == "19900005555"
    assert login(http, js_code=code(http, "login", "o-1"))["unionid"] == "u-1"


def test_the_people_file_is_read_when_it_is_written_later(tmp_path: Path) -> None:
    listed = tmp_path / "people.json"
    with WechatServer(people_file=listed) as server:
        assert server.world.person("o-1") == {"phone": synthetic_phone("o-1")}
        listed.write_text(json.dumps({"o-1": "19900001111", "o-2": {"phone": "19900002222", "unionid": "u"}}))
        assert server.world.person("o-1") == {"phone": "19900001111"}
        assert server.world.person("o-2") == {"phone": "19900002222", "unionid": "u"}
        listed.write_text('{"o-1": "1990')
        assert server.world.person("o-1") == {"phone": "19900001111"}
        listed.write_text(json.dumps({"o-1": 5, "o-2": None, "o-3": {"phone": "x"}}))
        assert server.world.person("o-3") == {"phone": synthetic_phone("o-3")}


def test_the_state_file_outlives_the_server(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    with WechatServer(state_file=state) as server:
        server.world.register("o-1", "19900007777", None)
        server.world.store_message({"touser": "o-1", "template_id": "t", "data": {}})
        token_before = server.world.stable_token(force=False)[0]
    with WechatServer(state_file=state) as server:
        assert server.world.person("o-1")["phone"] == "19900007777"
        assert len(server.world.messages("o-1")) == 1
        server.world.check_token(token_before)


def test_messages_can_be_read_and_forgotten(http: httpx.Client) -> None:
    for openid in ("o-1", "o-2"):
        body = {"touser": openid, "template_id": "t", "data": {"thing1": {"value": "好"}}}
        assert with_token(http, "/cgi-bin/message/subscribe/send", body)["errcode"] == 0
    assert len(http.get("/stand-in/messages").json()["messages"]) == 2
    (message,) = http.get("/stand-in/messages", params={"openid": "o-2"}).json()["messages"]
    assert message["touser"] == "o-2"
    http.delete("/stand-in/messages")
    assert http.get("/stand-in/messages").json() == {"messages": []}


def test_acceptances_are_counted_once_they_are_named(http: httpx.Client) -> None:
    body = {"touser": "o-1", "template_id": "t", "data": {"thing1": {"value": "好"}}}
    http.post("/stand-in/acceptances", json={"openid": "o-1", "template_id": "t", "count": 1})
    answers = [with_token(http, "/cgi-bin/message/subscribe/send", body)["errcode"] for _ in range(2)]
    assert answers == [0, 43101]


def test_a_fault_happens_as_often_as_asked(http: httpx.Client) -> None:
    http.post("/stand-in/faults", json={"path": "/sns/jscode2session", "errcode": 40226, "times": 2})
    assert [login(http)["errcode"] for _ in range(3)] == [40226, 40226, 40029]
    http.post("/stand-in/faults", json={"path": "/sns/jscode2session", "http_status": 503})
    assert http.get("/sns/jscode2session").status_code == 503
    http.post("/stand-in/faults", json={"path": "/sns/jscode2session", "errcode": 40226})
    http.delete("/stand-in/faults")
    assert login(http)["errcode"] == 40029
    assert http.get("/stand-in/calls").json() == {"calls": {"/sns/jscode2session": 5}}


def test_the_clock_can_be_moved_from_outside(http: httpx.Client) -> None:
    made = code(http, "login", "o-1")
    assert http.post("/stand-in/clock", json={"forward_seconds": 301}).status_code == 200
    assert login(http, js_code=made)["errcode"] == 40029


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("login-codes", {}),
        ("login-codes", {"openid": 5}),
        ("login-codes", {"openid": ""}),
        ("login-codes", {"openid": "a/../b"}),
        ("phone-codes", []),
        ("people", {"openid": "o", "phone": "123"}),
        ("people", {"openid": "o", "unionid": 1}),
        ("faults", {"path": "/nowhere", "errcode": 1}),
        ("faults", {"path": "/sns/jscode2session"}),
        ("faults", {"path": "/sns/jscode2session", "errcode": 0}),
        ("faults", {"path": "/sns/jscode2session", "errcode": True}),
        ("faults", {"path": "/sns/jscode2session", "errcode": 1, "times": 0}),
        ("faults", {"path": "/sns/jscode2session", "delay": 1e9}),
        ("faults", {"path": "/sns/jscode2session", "http_status": 42}),
        ("faults", {"path": "/sns/jscode2session", "boom": 1}),
        ("faults", {"path": "/sns/jscode2session", "http_status": 302, "location": "a\r\nb"}),
        ("acceptances", {"openid": "o", "template_id": "t", "count": -1}),
        ("clock", {"forward_seconds": -5}),
    ],
)
def test_a_control_request_that_makes_no_sense_is_422(http: httpx.Client, verb: str, body: object) -> None:
    answer = http.post(f"/stand-in/{verb}", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]


def test_an_unknown_control_is_404(http: httpx.Client) -> None:
    assert http.get("/stand-in/nothing").status_code == 404
    assert http.get("/stand-in/login-codes").status_code == 404


def test_it_runs_as_a_program_and_ends_when_told(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "tests.wechat_server",
        "--port",
        str(port),
        "--state",
        str(tmp_path / "s.json"),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"stand-in for WeChat on http://127.0.0.1:{port}\n"
        answer = httpx.post(f"http://127.0.0.1:{port}/stand-in/login-codes", json={"openid": "o-1"}, trust_env=False)
        assert len(answer.json()["code"]) == 32
        process.terminate()
        assert process.wait(timeout=10) == 0


def test_as_a_program_it_does_not_start_beyond_loopback() -> None:
    command = [sys.executable, "-m", "tests.wechat_server", "--host", "0.0.0.0", "--port", "0"]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=20, env={**os.environ}, check=False
    )
    assert ended.returncode == 2
    assert "loopback only" in ended.stderr
