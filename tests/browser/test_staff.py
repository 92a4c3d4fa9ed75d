"""Staff in a browser: coming in by a link, signing in, leaving; the administrator of accounts at work."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pyotp
import pytest
from playwright.sync_api import expect

from tests.browser.desks import at_desk
from tests.browser.people import Demo
from tests.browser.watching import Watched

pytestmark = [pytest.mark.browser, pytest.mark.once]
Open = Callable[..., Watched]
PASSWORD = "five blue bicycles at noon"


def go(page: Watched, tab: str) -> None:
    page.page.get_by_role("navigation").get_by_role("link", name=tab, exact=True).click()


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What one step tells the next."""
    return {"name": f"测试新同事{uuid4().hex[:4]}", "username": f"new.{uuid4().hex[:8]}"}


@pytest.fixture
def admin(open_page: Open, demo: Demo) -> Watched:
    """The administrator of accounts, signed in. One sign-in for the journey: her one-time code works once."""
    page = at_desk(open_page, demo, "/app/staff", "账号管理员")
    page.sees("登录着的地方")
    return page


def test_a_new_colleague_comes_in_signs_in_again_and_is_suspended(
    open_page: Open, demo: Demo, admin: Watched, told: dict[str, Any]
) -> None:
    link = _is_invited(admin, told)
    page = open_page(link)
    page.sees("批准以后，同一个链接就能用了")
    page.is_usable()
    _is_let_in(open_page, demo, told)
    page = open_page(link)
    secret, codes = _joins(page, told)
    _knows_her_sessions(open_page, page, told, codes[0])
    _is_suspended(admin, page, told)
    assert secret and page.page.evaluate("location.hash") in ("", "#/account")


def _is_invited(admin: Watched, told: dict[str, Any]) -> str:
    admin.is_usable()
    go(admin, "邀请")
    admin.page.get_by_label("显示的姓名").fill(told["name"])
    admin.page.get_by_label("用户名").fill(told["username"])
    admin.page.get_by_label("角色", exact=True).select_option(label="窗口工作人员")
    admin.page.get_by_label("单位", exact=True).select_option(label="信用办公室（演示）")
    admin.is_usable()
    admin.press("生成邀请链接")
    link = admin.page.get_by_label("一次性链接")
    expect(link).to_have_value(re.compile(r"/app/staff#join=xi1\."))
    admin.sees("须由项目办公室的另一个人")
    admin.is_usable()
    value = link.input_value()
    expect(admin.page.locator("#open-links")).to_contain_text("等待项目办公室批准")
    return value


def _is_let_in(open_page: Open, demo: Demo, told: dict[str, Any]) -> None:
    """A member of the office sees who it is and approves."""
    office = at_desk(open_page, demo, "/app/office", "信用办工作人员")
    go(office, "审批")
    office.page.locator("section.card").filter(has_text=told["name"]).get_by_role("link", name="查看并审批").click()
    expect(office.page.locator("#summary")).to_contain_text("窗口工作人员（信用办公室（演示））")
    expect(office.page.locator("#summary")).to_contain_text("请先向本人核实")
    office.page.get_by_label("审批理由").fill("已当面核实")
    office.is_usable()
    office.press("批准")
    office.press("批准并执行")
    office.sees("已批准并执行")


def _joins(page: Watched, told: dict[str, Any]) -> tuple[str, list[str]]:
    page.sees(told["name"])
    assert "xi1." not in page.page.evaluate("location.href"), "the link's token is gone from the address"
    page.is_usable()
    page.page.get_by_label("新密码").fill("password2026")
    page.press("下一步")
    page.sees("太常见")
    page.page.get_by_label("新密码").fill(PASSWORD)
    page.press("下一步")
    expect(page.page.get_by_role("img", name="验证器二维码")).to_be_visible()
    assert page.page.evaluate("document.querySelector('img.qr').naturalWidth") > 0
    page.page.get_by_text("扫不了？手工输入密钥").click()
    page.is_usable()
    secret = page.page.locator(".qr-box .code-text").inner_text()
    page.page.get_by_label("动态码").fill("000000")
    page.press("完成加入")
    page.sees("动态码不正确")
    page.page.get_by_label("动态码").fill(pyotp.TOTP(secret).now())
    page.press("完成加入")
    codes = page.page.locator("#recovery-codes li")
    expect(codes).to_have_count(10)
    page.is_usable()
    shown = codes.all_inner_texts()
    page.press("我已保存好")
    page.sees("登录着的地方")
    expect(page.page.get_by_role("link", name="邀请", exact=True)).to_have_count(0)
    page.is_usable()
    return secret, shown


def _knows_her_sessions(open_page: Open, page: Watched, told: dict[str, Any], recovery_code: str) -> None:
    second = open_page("/app/staff")
    second.page.get_by_label("用户名").fill(told["username"])
    second.page.get_by_label("密码", exact=True).fill(PASSWORD)
    second.press("手机不在身边，用恢复码")
    second.page.get_by_label("恢复码", exact=True).fill(recovery_code)
    second.is_usable()
    second.press("登录")
    second.sees("9 个")
    page.page.reload()
    expect(page.page.locator("#sessions li")).to_have_count(2)
    page.press("结束其他全部会话")
    expect(page.page.locator("#sessions li")).to_have_count(1)
    second.page.reload()
    second.sees("用户名")
    expect(second.page.get_by_role("button", name="登录", exact=True)).to_be_visible()


def _is_suspended(admin: Watched, page: Watched, told: dict[str, Any]) -> None:
    go(admin, "工作人员")
    admin.page.get_by_role("link", name=told["name"], exact=True).click()
    admin.sees("已登记本人身份")
    admin.is_usable()
    admin.press("停用账号")
    admin.press("停用")
    expect(admin.page.get_by_role("button", name="恢复账号")).to_be_visible()
    page.page.reload()
    expect(page.page.get_by_role("button", name="登录", exact=True)).to_be_visible()


def test_a_link_that_is_none_is_said_to_be_none(open_page: Open) -> None:
    page = open_page("/app/staff#join=xi1." + "A" * 43)
    page.sees("链接无效")
    page.is_usable()
    page.press("去登录")
    expect(page.page.get_by_role("button", name="登录", exact=True)).to_be_visible()


def test_the_sign_in_is_filled_by_the_keyboard_alone(open_page: Open) -> None:
    page = open_page("/app/staff")
    name = page.page.get_by_label("用户名")
    name.focus()
    page.page.keyboard.type("nobody-here")
    page.page.keyboard.press("Tab")
    page.page.keyboard.type(PASSWORD)
    page.page.keyboard.press("Tab")
    page.page.keyboard.type("123456")
    page.page.keyboard.press("Enter")
    page.sees("登录未通过")
