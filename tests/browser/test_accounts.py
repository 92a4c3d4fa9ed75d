"""A lost phone, a child's guardian, and a counter that helps: clicked through on real pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from backend.kit import clock
from tests.browser.desks import at_desk
from tests.browser.people import Demo, Resident
from tests.browser.test_browser import FREE, card, go
from tests.browser.watching import Watched

pytestmark = [pytest.mark.browser, pytest.mark.once]
Open = Callable[..., Watched]


def counter_at_work(open_page: Open, demo: Demo) -> Watched:
    page = at_desk(open_page, demo, "/app/counter", "窗口工作人员")
    page.sees("给出实名验证码")
    page.is_usable()
    return page


def fill(form: Any, one: dict[str, str], whose: str = "") -> None:
    form.get_by_label(f"{whose}姓名", exact=True).fill(one["name"])
    form.get_by_label(f"{whose}身份证号", exact=True).fill(one["id_number"])


def sign_in(page: Watched, one: dict[str, str]) -> None:
    page.page.get_by_role("combobox", name="演示居民").select_option(label=f"{one['label']}（{one['name']}）")
    page.press("微信登录")


def bound(page: Watched, one: dict[str, str]) -> None:
    sign_in(page, one)
    page.press("用微信手机号绑定")
    page.sees("首页")
    expect(page.page.get_by_role("navigation")).to_be_visible()


@pytest.fixture
def counter(open_page: Open, demo: Demo) -> Watched:
    return counter_at_work(open_page, demo)


def test_an_account_is_recovered_on_a_second_wechat_and_the_old_page_is_out(
    open_page: Open, demo: Demo, counter: Watched
) -> None:
    lost, other = demo.fresh_resident(), demo.fresh_resident()
    old = open_page("/app/resident")
    bound(old, lost)
    fill(counter.page.locator("#vouch"), lost)
    counter.press("给出验证码")
    code = counter.page.locator("#counter-code").inner_text()
    new = open_page("/app/resident")
    sign_in(new, other)
    new.press("换了手机或微信？找回我的账号")
    fill(new.page.locator("form"), lost)
    new.page.get_by_label("证明方式").select_option(label="服务窗口给的验证码")
    new.page.get_by_label("验证码", exact=True).fill(code)
    new.is_usable()
    new.press("找回到这个微信")
    expect(new.page.locator("#who")).to_contain_text(lost["name"][0] + "*")
    go(new, "我的")
    expect(new.page.locator("#pause")).to_contain_text("前不能兑换")
    expect(new.page.locator('[data-message="account-recovered"]')).to_be_visible()
    new.is_usable()
    _redeems_nothing(new)
    go(old, "优惠")
    old.sees("会话已结束，请重新登录")
    sign_in(old, lost)
    expect(old.page.locator('[data-message="account-moved"]')).to_be_visible()
    old.is_usable()
    fill(counter.page.locator("#lift"), lost)
    counter.press("解除冷静期")
    counter.sees("冷静期已解除")
    go(new, "首页")
    new.page.reload()
    go(new, "我的")
    expect(new.page.locator('[data-message="pause-lifted"]')).to_be_visible()
    expect(new.page.locator("#pause")).to_have_count(0)


def _redeems_nothing(page: Watched) -> None:
    go(page, "优惠")
    offer = card(page, FREE)
    page.press("免费领取", within=offer)
    page.press("确认兑换")
    expect(offer.get_by_role("alert")).to_contain_text("账号刚找回，暂停兑换")
    expect(offer.get_by_role("alert")).to_contain_text("以后可以再办")
    page.is_usable()


def test_a_guardian_registered_at_the_counter_acts_for_the_child(open_page: Open, demo: Demo, counter: Watched) -> None:
    parent = demo.fresh_resident()
    child = demo.one("residents", "未成年")
    go(counter, "监护")
    form = counter.page.locator("#register")
    fill(form, parent, "监护人")
    form.get_by_label("被监护人姓名").fill(child["name"])
    form.get_by_label("被监护人身份证号").fill(child["id_number"])
    form.get_by_label("证明编号").fill("T320000001")
    counter.is_usable()
    counter.press("登记")
    counter.sees("已登记")
    page = open_page("/app/resident")
    bound(page, parent)
    go(page, "我的")
    page.press("切换为替此人代办")
    expect(page.page.locator("#acting")).to_contain_text(f"代办：{child['name'][0]}")
    page.sees("信用分尚未开启")
    page.sees("年满十八周岁后可以开启")
    go(page, "社区")
    page.sees("社区积分尚未开启")
    page.is_usable()
    page.press("我已阅读并同意", within=card(page, "社区积分尚未开启"))
    expect(page.page.locator('[data-community="dongshan-demo"]')).to_be_visible()
    go(page, "我的")
    expect(page.page.locator("#access-log")).to_contain_text("代办：")
    page.is_usable()
    page.press("结束代办，回到自己")
    expect(page.page.locator("#acting")).to_have_count(0)
    page.sees("信用分尚未开启")
    go(page, "我的")
    page.press("结束代办关系")
    page.press("结束代办关系", within=page.page.get_by_role("dialog"))
    expect(page.page.locator("#delegations")).to_contain_text("已结束")
    page.is_usable()


def test_a_clerk_helps_whoever_shows_the_code_and_stops(open_page: Open, demo: Demo, counter: Watched) -> None:
    resident = demo.resident()
    body = {"purpose": "counter"}
    code = str(resident.call("POST", "/me/presentation-codes", json=body)["code"])
    go(counter, "代办")
    counter.page.get_by_label("窗口代办码").fill(code)
    counter.press("用码开始代办")
    expect(counter.page.locator("#acting")).to_contain_text("正在替")
    counter.is_usable()
    go(counter, "优惠")
    expect(counter.page.locator("[data-offer]").first).to_be_visible()
    shown = [one["role"] for one in resident.call("GET", "/me/access-log")["items"]]
    assert set(shown) == {"窗口代办", "窗口工作人员"}
    counter.press("结束代办")
    counter.sees("代办已结束")
    expect(counter.page.locator("#acting")).to_have_count(0)


def test_the_child_of_the_demo_is_a_child(demo: Demo) -> None:
    one = demo.one("residents", "未成年")
    assert Resident(demo, one) and int(one["id_number"][6:10]) > clock.today().year - 18
