"""The auditor at work: who looked at whom, who did what, what is sealed; and nobody's name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from playwright.sync_api import Error, Route, expect

from tests.browser.desks import at_desk
from tests.browser.people import Demo
from tests.browser.test_accounts import counter_at_work, fill
from tests.browser.test_browser import card, go
from tests.browser.watching import Watched

pytestmark = [pytest.mark.browser, pytest.mark.once]
Open = Callable[..., Watched]


@pytest.fixture
def auditor(open_page: Open, demo: Demo) -> Watched:
    return at_desk(open_page, demo, "/app/audit", "审计员")


def test_a_look_is_found_and_one_persons_looks_are_picked_out(open_page: Open, demo: Demo, auditor: Watched) -> None:
    one = demo.resident().one
    counter = counter_at_work(open_page, demo)
    go(counter, "监护")
    fill(counter.page.locator("#find"), one)
    counter.press("查看代办关系")
    counter.sees("没有代办关系。")
    auditor.page.reload()
    first = auditor.page.locator("#found li").first
    expect(first).to_contain_text("窗口办理代办登记")
    expect(first).to_contain_text("窗口工作人员")
    expect(first).to_contain_text("遮盖后的姓名")
    auditor.is_usable()
    first.get_by_role("button", name="只看这位居民的").click()
    expect(auditor.page.locator("#found li")).to_have_count(1)
    sought = auditor.page.get_by_label("居民编号").input_value()
    assert len(sought) == 36 and sought not in auditor.page.url
    auditor.is_usable()
    text = auditor.page.locator("#view").inner_text()
    assert one["name"] not in text and one["id_number"] not in text
    auditor.press("去掉全部条件")
    expect(auditor.page.get_by_label("居民编号")).to_have_value("")


def test_acts_are_told_in_words_and_searched_by_kind_and_day(auditor: Watched) -> None:
    go(auditor, "谁做过什么")
    row = auditor.page.locator("#found li").filter(has_text="检索查询登记").first
    row.get_by_text("细节").click()
    auditor.is_usable()
    row.get_by_role("button", name="oversight.search-looks").click()
    expect(auditor.page.get_by_label("操作", exact=True)).to_have_value("oversight.search-looks")
    expect(auditor.page.locator("#found strong").first).to_have_text("检索查询登记")
    expect(auditor.page.locator("#found li").filter(has_not_text="检索查询登记")).to_have_count(0)
    auditor.page.get_by_label("至（含）").fill("2020-01-01")
    auditor.press("检索")
    auditor.sees("没有找到")
    auditor.is_usable()


def test_seals_are_shown_and_how_they_are_proven(auditor: Watched) -> None:
    go(auditor, "封存")
    expect(card(auditor, "现在")).to_contain_text("等待封存")
    auditor.sees("flask oversight verify")
    auditor.is_usable()


def test_a_late_answer_does_not_cover_the_page_that_was_opened_since(auditor: Watched) -> None:
    go(auditor, "封存")
    expect(card(auditor, "现在")).to_be_visible()
    held: list[Route] = []
    auditor.page.route("**/api/v1/oversight/looks?*", lambda route: held.append(route))
    with auditor.page.expect_request("**/api/v1/oversight/looks?*"):
        go(auditor, "谁看过谁")
    go(auditor, "封存")
    expect(card(auditor, "现在")).to_be_visible()
    with suppress(Error):  # the page no longer waits for it
        held[0].fulfill(json={"items": [], "next_cursor": None})
    auditor.page.evaluate("() => new Promise((done) => setTimeout(done, 100))")
    expect(card(auditor, "现在")).to_be_visible()
    auditor.is_usable()


def test_the_auditor_changes_nothing_at_the_office(auditor: Watched) -> None:
    auditor.goto("/app/office")
    expect(auditor.page.get_by_role("navigation").get_by_role("link", name="政策")).to_be_visible()
    expect(auditor.page.get_by_role("link", name="提出")).to_have_count(0)
    auditor.goto("/app/worker")
    auditor.sees("您的角色在这里没有可办的事")
    auditor.is_usable()
    auditor.page.get_by_role("link", name="审计").click()
    auditor.sees("谁看过谁")
