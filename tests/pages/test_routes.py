"""The addresses that a browser opens: honest, escaped, cached rightly."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import zxingcpp
from flask.testing import FlaskClient
from PIL import Image

from backend.codes import service as codes
from backend.codes.rules import new_printed_code
from backend.kit import clock, db
from backend.kit.errors import DomainError
from backend.merchants import service as merchants
from tests.checked_client import CheckedClient

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>{{7*7}}'
Register = Callable[..., str]


# --- the badge -----------------------------------------------------------------------------------------------------


def test_the_badge_says_who_what_and_why(browser: FlaskClient, registered: Register) -> None:
    code = registered()
    answer = browser.get(f"/m/{code}")
    text = answer.get_data(as_text=True)
    assert answer.status_code == 200 and answer.content_type == "text/html; charset=utf-8"
    for words in ("演示青禾小吃（演示商户）", "江宁区演示路1号", "演示甲子", "演示JY001", "2099年1月1日", "餐饮",
                  "东山街道信用商圈", "良好", "无公示中的行政处罚", "诚信经营承诺书", "它不说明", "12315", "信易+·江宁",
                  f"{code[:4]}-{code[4:7]}-{code[7:]}"):  # fmt: skip
        assert words in text, words
    assert "演示数据" not in text  # this installation is no demo


def test_the_badge_adds_up(browser: FlaskClient, registered: Register) -> None:
    text = browser.get(f"/m/{registered()}").get_data(as_text=True)
    cells = [int(value.replace("−", "-")) for value in re.findall(r'class="num">([+−]?\d+)<', text)]
    assert len(cells) >= 3 and sum(cells[:-1]) == cells[-1]


def test_the_demo_marks_its_data(browser: FlaskClient, registered: Register, change_settings: Any) -> None:
    change_settings(environment="demo")
    assert "演示数据" in browser.get(f"/m/{registered()}").get_data(as_text=True)


def test_hostile_names_stay_text(browser: FlaskClient, registered: Register) -> None:
    code = registered(name=HOSTILE[:120], address=HOSTILE, legal_representative=HOSTILE[:60])
    text = browser.get(f"/m/{code}").get_data(as_text=True)
    assert "<script>alert" not in text and "<img src=x" not in text and "49" not in text.split("</h1>")[0]
    assert "&lt;script&gt;" in text


def test_an_expired_licence_and_a_closed_shop_are_said_in_words(browser: FlaskClient, registered: Register) -> None:
    code = registered(licence_valid_until_on=date(2020, 1, 1))
    with db.transaction() as session:
        merchants.close(session, _merchant_of(code))
    text = browser.get(f"/m/{code}").get_data(as_text=True)
    assert "已过期" in text and "已停止经营" in text


def _merchant_of(code: str) -> Any:
    with db.reading() as reader:
        return codes.lookup_printed(reader, code).subject_id


def test_a_typed_code_may_be_written_loosely(browser: FlaskClient, registered: Register) -> None:
    code = registered()
    assert browser.get(f"/m/{code[:4].lower()}-{code[4:]}").status_code == 200


def test_a_revoked_code_says_when_and_shows_nothing_as_valid(browser: FlaskClient, registered: Register) -> None:
    code = registered()
    moment = datetime(2026, 3, 5, 8, 30, tzinfo=UTC)
    with clock.at(moment), db.transaction() as session:
        merchants.revoke_code(session, code, "遗失补办 <b>")
    answer = browser.get(f"/m/{code}")
    text = answer.get_data(as_text=True)
    assert answer.status_code == 410 and "已作废" in text
    assert "2026年3月5日 16:30" in text and "遗失补办 &lt;b&gt;" in text
    assert "有效</span>" not in text and "信用等级" not in text
    assert answer.headers["Cache-Control"] == "no-store" and "Accept" in answer.headers["Vary"]


WELL_FORMED = pytest.param(new_printed_code(), id="well formed")  # a new one each time, under one name


@pytest.mark.parametrize("asked", [WELL_FORMED, "ABC", "%00", "%3Cscript%3E", "💥", "x" * 300, "a.txt.", ".."])
def test_an_unknown_code_is_not_verified(browser: FlaskClient, asked: str) -> None:
    answer = browser.get(f"/m/{asked}")
    text = answer.get_data(as_text=True)
    assert answer.status_code == 404 and "<script>" not in text.replace('<script type="module"', "")
    if answer.mimetype == "text/html":
        assert "未能核实" in text and "信用等级" not in text


def test_who_does_not_ask_for_html_gets_a_problem(client: CheckedClient, registered: Register) -> None:
    code = registered()
    with db.transaction() as session:
        merchants.revoke_code(session, code, "补办")
    assert client.get(f"/m/{code}").get_json()["type"] == "/problems/merchant-code-revoked"
    assert client.get("/m/ABC").get_json()["type"] == "/problems/merchant-code-unknown"
    for name in ("code.png", "code.svg", "poster.pdf"):
        assert client.get(f"/m/{code}/{name}").status_code == 410
        assert client.get(f"/m/ABC/{name}").status_code == 404


def test_the_etag_changes_with_shanghais_date_and_not_before(browser: FlaskClient, registered: Register) -> None:
    path = f"/m/{registered()}"
    evening = datetime(2026, 3, 5, 15, 59, 0, tzinfo=UTC)  # 23:59 in Shanghai
    with clock.at(evening):
        first = browser.get(path)
    assert first.headers["Cache-Control"] == "public, no-cache"
    tag = {"If-None-Match": first.headers["ETag"]}
    with clock.at(evening - timedelta(hours=3)):
        assert browser.get(path, headers=tag).status_code == 304
    with clock.at(evening + timedelta(minutes=2)):
        assert browser.get(path, headers=tag).status_code == 200


def test_the_etag_changes_with_the_content(browser: FlaskClient, registered: Register) -> None:
    path = f"/m/{registered()}"
    tag = {"If-None-Match": browser.get(path).headers["ETag"]}
    assert browser.get(path, headers=tag).status_code == 304
    registered(address="江宁区演示路2号")
    assert browser.get(path, headers=tag).status_code == 200


def test_the_pictures_lead_back_to_the_badge(browser: FlaskClient, registered: Register, tmp_path: Path) -> None:
    code = registered()
    png = browser.get(f"/m/{code}/code.png")
    picture = tmp_path / "code.png"
    picture.write_bytes(png.data)
    with Image.open(picture) as image:
        read = zxingcpp.read_barcode(image)
    assert read is not None and read.text == f"http://127.0.0.1:8000/m/{code}"
    svg = browser.get(f"/m/{code}/code.svg")
    assert svg.content_type == "image/svg+xml" and svg.data.startswith(b"<svg")
    pdf = browser.get(f"/m/{code}/poster.pdf")
    assert pdf.content_type == "application/pdf" and pdf.data.startswith(b"%PDF")
    assert browser.get(f"/m/{code}/poster.pdf", headers={"If-None-Match": pdf.headers["ETag"]}).status_code == 304


# --- WeChat's verification file --------------------------------------------------------------------------------------


@pytest.fixture
def verify_folder(change_settings: Any, tmp_path: Path) -> Path:
    change_settings()
    folder = tmp_path / "wechat-verify"
    folder.mkdir()
    (folder / "WW_verify_abc.txt").write_text("abc")
    (folder / "other.json").write_text("{}")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "big.txt").write_text("x" * 5000)
    return folder


def test_the_verification_file_is_served_as_text(browser: FlaskClient, verify_folder: Path) -> None:
    answer = browser.get("/m/WW_verify_abc.txt")
    assert (answer.status_code, answer.get_data(as_text=True)) == (200, "abc")
    assert answer.content_type == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    "name",
    ["missing.txt", "other.json", "link.txt", "big.txt", "../secret.txt", "..%2Fsecret.txt", "%2E%2E%2Fsecret.txt",
     "..%5Csecret.txt", "a%00.txt", ".txt", f"{'a' * 65}.txt", "WW_verify_abc.TXT", "中.txt"],
)  # fmt: skip
def test_nothing_else_is_served_beside_it(browser: FlaskClient, verify_folder: Path, name: str) -> None:
    answer = browser.get(f"/m/{name}")
    assert answer.status_code == 404 and b"secret" not in answer.data.replace(b"secret.txt", b"")


# --- problems, home, static files ------------------------------------------------------------------------------------


def test_every_problem_has_its_page(browser: FlaskClient) -> None:
    listed = browser.get("/problems").get_data(as_text=True)
    for slug, kind in DomainError.registry.items():
        text = browser.get(f"/problems/{slug}").get_data(as_text=True)
        assert kind.title_zh in text and kind.title_en.replace("'", "&#39;") in text, slug
        assert f'href="/problems/{slug}"' in listed


def test_an_unknown_problem_is_not_found(browser: FlaskClient, client: CheckedClient) -> None:
    assert browser.get("/problems/no-such-thing").status_code == 404
    assert "没有找到" in browser.get("/problems/no-such-thing").get_data(as_text=True)
    assert client.get("/problems/no-such-thing").get_json()["type"] == "/problems/not-found"


@pytest.mark.parametrize("path", ["/", "/problems", "/app/venue", "/app/resident", "/app/worker", "/app/office"])
def test_pages_are_under_a_strict_policy(browser: FlaskClient, path: str) -> None:
    answer = browser.get(path)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert answer.status_code == 200 and policy["default-src"] == "'none'"
    assert policy["style-src"] == "'self'" and "http" not in answer.headers["Content-Security-Policy"]
    assert policy["script-src"] == ("'self' 'wasm-unsafe-eval'" if path == "/app/venue" else "'self'")
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("css/site.css", "text/css"), ("js/api.js", "text/javascript"), ("icon.svg", "image/svg+xml")],
)
def test_static_files_are_checked_each_time(browser: FlaskClient, name: str, media_type: str) -> None:
    with browser.get(f"/static/{name}") as answer:
        assert answer.status_code == 200 and answer.mimetype == media_type
        assert "no-cache" in answer.headers["Cache-Control"]
    with browser.get(f"/static/{name}", headers={"If-None-Match": answer.headers["ETag"]}) as again:
        assert again.status_code == 304


@pytest.mark.parametrize(
    "name", ["../routes.py", "..%2Froutes.py", "js", "js/", "vendor/.ready", "css/site.css%00.css", "x.css"]
)
def test_nothing_else_is_static(browser: FlaskClient, name: str) -> None:
    assert browser.get(f"/static/{name}").status_code == 404


# --- what only the demo serves ----------------------------------------------------------------------------------------


def test_the_hand_over_exists_in_the_demo_only(browser: FlaskClient, change_settings: Any, tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text(json.dumps({"residents": []}))
    change_settings()
    assert browser.get("/demo/handover.json").status_code == 404
    change_settings(environment="production")
    assert browser.get("/demo/handover.json").status_code == 404
    change_settings(environment="demo")
    answer = browser.get("/demo/handover.json")
    assert answer.get_json() == {"residents": []} and answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("address", "host"), [("10.1.2.3", "localhost"), ("127.0.0.1", "evil.example.com"), ("127.0.0.1", "10.1.2.3:8000")]
)
def test_the_hand_over_is_for_this_machine_only(
    browser: FlaskClient, change_settings: Any, tmp_path: Path, address: str, host: str
) -> None:
    (tmp_path / "demo.json").write_text("{}")
    change_settings(environment="demo")
    given = {"environ_base": {"REMOTE_ADDR": address}, "headers": {"Host": host}}
    assert browser.get("/demo/handover.json", **given).status_code == 404
    body = {"openid": "demo-openid-0001", "kind": "login"}
    assert browser.post("/demo/wechat-codes", json=body, **given).status_code == 404


@pytest.mark.parametrize("mark", ["Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP"])
def test_the_hand_over_is_not_for_those_whom_a_proxy_on_this_machine_brings(
    browser: FlaskClient, change_settings: Any, tmp_path: Path, mark: str
) -> None:
    (tmp_path / "demo.json").write_text("{}")
    change_settings(environment="demo")
    given = {"environ_base": {"REMOTE_ADDR": "127.0.0.1"}, "headers": {"Host": "localhost", mark: "203.0.113.9"}}
    assert browser.get("/demo/handover.json", **given).status_code == 404
    body = {"openid": "demo-openid-0001", "kind": "login"}
    assert browser.post("/demo/wechat-codes", json=body, **given).status_code == 404


def test_the_demo_passes_on_codes_of_the_stand_in(browser: FlaskClient, change_settings: Any) -> None:
    body = {"openid": "demo-openid-0001", "kind": "login"}
    assert browser.post("/demo/wechat-codes", json=body).status_code == 404
    change_settings(environment="demo")
    for kind in ("login", "phone"):
        answer = browser.post("/demo/wechat-codes", json={**body, "kind": kind})
        assert answer.status_code == 200 and answer.get_json()["code"]
    change_settings(environment="demo", wechat_base_url="https://api.weixin.qq.com")
    assert browser.post("/demo/wechat-codes", json=body).status_code == 404


@pytest.mark.parametrize(
    "body", [{}, [], {"openid": "a"}, {"openid": 1, "kind": "login"}, {"openid": "a", "kind": "other"},
             {"openid": "不行", "kind": "login"}, {"openid": "x" * 65, "kind": "phone"}]
)  # fmt: skip
def test_a_wrong_wish_for_a_code_is_refused(browser: FlaskClient, change_settings: Any, body: Any) -> None:
    change_settings(environment="demo")
    answer = browser.post("/demo/wechat-codes", json=body)
    assert answer.status_code == 422 and answer.get_json()["type"] == "/problems/invalid-request"


def test_a_silent_stand_in_is_said(browser: FlaskClient, change_settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise httpx.ConnectError("refused")

    change_settings(environment="demo")
    monkeypatch.setattr(httpx, "post", fail)
    answer = browser.post("/demo/wechat-codes", json={"openid": "a", "kind": "login"})
    assert answer.status_code == 503


def test_other_bodies_than_json_are_refused(browser: FlaskClient, change_settings: Any) -> None:
    change_settings(environment="demo")
    assert browser.post("/demo/wechat-codes", data="openid=a").status_code == 415
    assert browser.post("/demo/wechat-codes", data="{", content_type="application/json").status_code == 400
