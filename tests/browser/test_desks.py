"""What all desks have in common: one sign-in for all of them, and a session that ends in mid-use."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.desks import at_desk
from tests.browser.people import Demo
from tests.browser.test_accounts import counter_at_work, fill
from tests.browser.test_browser import go
from tests.browser.watching import Watched

pytestmark = [pytest.mark.browser, pytest.mark.once]
Open = Callable[..., Watched]
GARBLE = """() => {
  const tokens = JSON.parse(sessionStorage.getItem("xinyi.staff"));
  sessionStorage.setItem("xinyi.staff", JSON.stringify({ ...tokens, access_token: "x", refresh_token: "y" }));
}"""


def session_ends(page: Watched) -> None:
    """As when an administrator ends it: neither token is accepted any more."""
    page.page.evaluate(GARBLE)


def asks_to_sign_in(page: Watched) -> None:
    page.sees("会话已结束，请重新登录")
    expect(page.page.get_by_role("button", name="登录", exact=True)).to_be_visible()
    expect(page.page.locator(".problem")).to_have_count(0)
    expect(page.page.get_by_role("navigation")).to_have_count(0)
    page.is_usable()


@pytest.mark.parametrize(
    ("path", "label", "tab"),
    [
        ("/app/worker", "东山街道演示社区", "活动签到"), ("/app/office", "信用办工作人员", "政策"),
        ("/app/audit", "审计员", "封存"), ("/app/staff", "账号管理员", "工作人员"),
    ],
)  # fmt: skip
def test_a_session_that_ended_brings_the_sign_in(open_page: Open, demo: Demo, path: str, label: str, tab: str) -> None:
    page = at_desk(open_page, demo, path, label)
    session_ends(page)
    go(page, tab)
    asks_to_sign_in(page)


def test_an_act_after_the_end_brings_the_sign_in_and_no_problem(open_page: Open, demo: Demo) -> None:
    page = counter_at_work(open_page, demo)
    fill(page.page.locator("#vouch"), {"name": "测试某人", "id_number": "320121199001010015"})
    session_ends(page)
    page.press("给出验证码")
    asks_to_sign_in(page)


def test_whoever_signed_in_at_one_desk_goes_to_the_others(open_page: Open, demo: Demo) -> None:
    page = at_desk(open_page, demo, "/app/office", "信用办工作人员")
    page.goto("/app/staff")
    page.sees("登录着的地方")
    page.page.get_by_role("link", name="办公室").click()
    expect(page.page.get_by_role("navigation").get_by_role("link", name="审批")).to_be_visible()
    page.goto("/app/counter")
    page.sees("您的角色在这里没有可办的事")
    expect(page.page.locator("#vouch")).to_have_count(0)
