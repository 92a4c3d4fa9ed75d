"""What a browser sees of the public records: without scripts, on a phone, gone when the clock or a repair says so."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.kit import clock, db
from backend.publicity import jobs
from backend.records import service as records
from tests.checked_client import CheckedClient
from tests.pages.conftest import Browser
from tests.publicity.conftest import entity_code, licence, penalty

HOSTILE = '"><script>alert(1)</script>{{7*7}}'


@pytest.fixture
def browser(app: Flask, city: object) -> FlaskClient:
    return Browser(app, app.response_class, use_cookies=False)


@pytest.fixture(scope="module")
def shop(app: Flask, city: object) -> tuple[str, UUID, UUID]:
    code = entity_code()
    with db.transaction() as session:
        made = (
            licence(session, code, "乙酉紫藤茶馆（演示）"),
            penalty(session, code, "乙酉紫藤茶馆（演示）", title=HOSTILE),
        )
    jobs.index_names()
    return code, *made


def text_of(answer: Any) -> str:
    assert answer.content_type == "text/html; charset=utf-8"
    return str(answer.get_data(as_text=True))


def test_the_form_stands_alone_and_may_be_indexed(browser: FlaskClient) -> None:
    answer = browser.get("/publicity")
    text = text_of(answer)
    assert answer.status_code == 200 and "X-Robots-Tag" not in answer.headers and "robots" not in text
    assert '<form action="/publicity" method="get"' in text and "<script" not in text and "没有查到" not in text
    for words in (
        "名称、统一社会信用代码或文书号",
        "自然人的信息不公示",
        "extract.csv?kind=penalty",
        "次日自动停止公示",
    ):
        assert words in text, words


def test_one_line_finds_by_name_by_code_and_by_number(browser: FlaskClient, shop: tuple[str, UUID, UUID]) -> None:
    code, licensed, fined = shop
    for typed in ("紫藤茶", code, code.lower(), code[8:17]):
        answer = browser.get("/publicity", query_string={"q": typed})
        text = text_of(answer)
        assert f"/publicity/{code}/{licensed}" in text and f"/publicity/{code}/{fined}" in text, typed
        assert "noindex" in answer.headers["X-Robots-Tag"] and 'content="noindex' in text
    only = text_of(browser.get("/publicity", query_string={"q": "紫藤茶", "kind": "licence"}))
    assert f"/publicity/{code}/{licensed}" in only and f"/publicity/{code}/{fined}" not in only
    number = re.search(r"宁测〔\d+〕\d+号", only)
    assert number and f"/publicity/{code}/{licensed}" in text_of(
        browser.get("/publicity", query_string={"q": number[0]})
    )


def test_hostile_words_stay_text(browser: FlaskClient, shop: tuple[str, UUID, UUID]) -> None:
    code, _, fined = shop
    queries = [{"q": HOSTILE}, {"q": code}, {"kind": HOSTILE}, {"q": code, "cursor": HOSTILE}]
    pages = [browser.get("/publicity", query_string=query) for query in queries]
    for answer in [*pages, browser.get(f"/publicity/{code}/{fined}")]:
        text = text_of(answer)
        assert "<script" not in text and "49" not in text.split("</h1>")[0] and answer.status_code in (200, 422)


@pytest.mark.parametrize(
    ("typed", "status", "words"),
    [("有限公司", 422, "太常见"), ("同", 422, "两个连续的字"), ("91110000600037341M", 422, "校验位不对"),
     ("长" * 121, 422, "最长 120 个字"), ("甲\x00乙", 422, "控制字符"), ("%", 422, "两个连续的字"),
     ("查无此店", 200, "没有查到"), ("", 200, "查一家单位"), ("　 ", 200, "查一家单位")],
)  # fmt: skip
def test_what_cannot_be_looked_up_is_said_beside_the_form(
    browser: FlaskClient, client: CheckedClient, typed: str, status: int, words: str
) -> None:
    answer = browser.get("/publicity", query_string={"q": typed})
    text = text_of(answer)
    assert answer.status_code == status and words in text and "\x00" not in text and "<form" in text
    assert ('role="alert"' in text) == (status == 422)
    if status == 422:
        assert client.get("/publicity", query_string={"q": typed}).mimetype == "application/problem+json"
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("cursor", ["x", "W10", "%00", "A" * 500])
def test_a_cursor_that_is_not_ours_is_refused(browser: FlaskClient, cursor: str) -> None:
    assert browser.get("/publicity", query_string={"q": "紫藤", "cursor": cursor}).status_code == 422


def test_a_page_leads_to_the_next_and_back(browser: FlaskClient) -> None:
    code = entity_code()
    with db.transaction() as session:
        for _ in range(23):
            licence(session, code, "丙戌多照商店")
    first = text_of(browser.get("/publicity", query_string={"q": code}))
    (onward,) = re.findall(r'rel="next" href="([^"]+)"', first)
    second = text_of(browser.get(onward.replace("&amp;", "&")))
    links = re.findall(rf"/publicity/{code}/[0-9a-f-]+", first), re.findall(rf"/publicity/{code}/[0-9a-f-]+", second)
    assert [len(found) for found in links] == [20, 3] and not set(links[0]) & set(links[1])
    assert "回到第一页" in second and 'rel="next"' not in second


def test_a_penalty_says_why_until_when_and_how_it_is_repaired(
    browser: FlaskClient, shop: tuple[str, UUID, UUID]
) -> None:
    code, _, fined = shop
    answer = browser.get(f"/publicity/{code}/{fined}")
    text = text_of(answer)
    for words in ("《行政处罚法》第四十八条", "还有 <strong>335</strong> 天", "行政处罚决定书文号", "违法事实",
                  "怎样修复", "属“一般”", "3 个工作日", "10 个工作日", "不收任何费用", "没有报送的 "):  # fmt: skip
        assert words in text, words
    assert "002X" not in text and "异议处理中，" not in text and "<script" not in text
    assert (
        answer.headers["X-Robots-Tag"] == "noindex, noarchive" and 'name="robots" content="noindex, noarchive"' in text
    )


def test_a_licence_may_be_indexed_until_its_last_day(browser: FlaskClient, shop: tuple[str, UUID, UUID]) -> None:
    code, licensed, _ = shop
    answer = browser.get(f"/publicity/{code}/{licensed}")
    assert answer.headers["X-Robots-Tag"].startswith("noarchive, unavailable_after: 20")
    assert "怎样修复" not in text_of(answer) and "食品经营许可证" in text_of(answer)


def test_a_page_is_checked_by_its_tag_and_ends_with_its_day(
    browser: FlaskClient, client: CheckedClient, shop: tuple[str, UUID, UUID]
) -> None:
    code, _, fined = shop
    path = f"/publicity/{code}/{fined}"
    first = browser.get(path)
    assert first.headers["Cache-Control"] == "public, no-cache"
    tag = {"If-None-Match": first.headers["ETag"]}
    assert browser.get(path, headers=tag).status_code == 304
    with clock.shifted(timedelta(days=1)):
        assert browser.get(path, headers=tag).status_code == 200
    with clock.shifted(timedelta(days=335)):
        assert "今天是最后一天" in text_of(browser.get(path))
    with clock.shifted(timedelta(days=336)):
        gone = browser.get(path, headers=tag)
        assert gone.status_code == 404 and "没有公示中的这条信息" in text_of(gone) and "紫藤" not in text_of(gone)
        assert client.get(path).get_json()["type"] == "/problems/not-found"
        assert path not in text_of(browser.get("/publicity", query_string={"q": code}))


def test_a_dispute_is_said_and_a_repair_ends_the_page_at_once(browser: FlaskClient) -> None:
    code = entity_code()
    with db.transaction() as session:
        record_id = penalty(session, code, "丁亥商店")
        records.change_entity_status(session, code, record_id, "disputed", None, "异议")
    path = f"/publicity/{code}/{record_id}"
    assert "这条信息存在异议" in text_of(browser.get(path))
    assert "异议处理中</span>" in text_of(browser.get("/publicity", query_string={"q": code}))
    with db.transaction() as session:
        records.change_entity_status(session, code, record_id, "repaired", None, "修复")
    gone = browser.get(path)
    assert gone.status_code == 404 and "丁亥" not in text_of(gone)


def test_what_never_was_and_what_was_somebody_elses_is_answered_alike(
    browser: FlaskClient, shop: tuple[str, UUID, UUID]
) -> None:
    code, licensed, _ = shop
    told = {
        re.sub(r"[0-9a-f-]{36}", "", text_of(browser.get(path)))
        for path in (
            f"/publicity/{code}/{uuid4()}",
            f"/publicity/{entity_code()}/{licensed}",
            f"/publicity/%/{licensed}",
        )
    }
    assert len(told) == 1


def test_the_home_page_and_the_badge_lead_here(browser: FlaskClient) -> None:
    assert 'href="/publicity"' in text_of(browser.get("/"))
