"""A resident declares, a department verifies, a false one is revoked; a merchant declares for itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.desks import at_desk
from tests.browser.people import Demo, photograph
from tests.browser.test_browser import card, go, sign_in
from tests.browser.watching import Watched

pytestmark = [pytest.mark.browser, pytest.mark.once]
Open = Callable[..., Watched]
DESK = "/app/declarations"


def declares(page: Watched, item: str, columns: dict[str, str]) -> None:
    form = page.page.locator("#declare")
    page.page.get_by_text("填写申报").click()
    form.get_by_label("申报什么").select_option(label=item)
    for label, value in columns.items():
        form.get_by_label(label, exact=True).fill(value)
    picture = {"name": "证书.jpg", "mimeType": "image/jpeg", "buffer": photograph()}
    form.get_by_label("证明材料的照片").set_input_files([picture])
    form.get_by_label("我已阅读并接受").check()
    page.is_usable()
    page.press("提交申报", within=form)


def latest(page: Watched) -> Locator:
    return page.page.locator("#declarations > li").first


def test_a_declaration_is_verified_counts_and_is_revoked_when_false(open_page: Open, demo: Demo) -> None:
    page = open_page("/app/resident")
    sign_in(page, demo.fresh_resident())
    go(page, "我的")
    page.sees("还没有申报")
    columns = {"文书（证书）编号": "演示证1号", "决定（发证）日期": "2026-03-05", "认定单位": "演示发证单位"}
    declares(page, "个人自主申报信息", {**columns, "申报事项": "演示：参加技能竞赛获奖"})
    expect(latest(page)).to_contain_text("待核实")
    number = latest(page).get_attribute("data-declaration")

    officer = at_desk(open_page, demo, DESK, "区发展和改革委员会数据专员")
    officer.page.locator(f'[data-declaration="{number}"]').get_by_role("link").click()
    expect(officer.page.locator(".photos img")).to_be_visible()
    officer.sees("演示：参加技能竞赛获奖")
    officer.is_usable()
    officer.page.get_by_label("理由").fill("与竞赛名单相符")
    officer.press("确认")
    officer.sees("已办结：已确认")

    go(page, "首页")
    go(page, "我的")
    expect(latest(page)).to_contain_text("区发展和改革委员会：与竞赛名单相符")
    officer.page.get_by_label("理由").fill("后查名单有误")
    officer.press("撤销确认")
    officer.page.get_by_role("dialog").get_by_role("button", name="撤销确认").click()
    officer.sees("已办结：确认已撤销")
    go(page, "首页")
    go(page, "我的")
    expect(latest(page)).to_contain_text("后查名单有误")
    page.is_usable()


def test_a_merchant_declares_for_itself_and_takes_it_back(open_page: Open, demo: Demo) -> None:
    page = at_desk(open_page, demo, DESK, "合作方管理员")
    columns = {"文书（证书）编号": "演示证2号", "决定（发证）日期": "2026-03-05", "认定单位": "演示发证单位"}
    declares(page, "经营主体自主申报信息", {**columns, "申报事项": "演示：通过管理体系认证"})
    expect(latest(page)).to_contain_text("待核实")
    page.press("撤回这条申报", within=latest(page))
    page.page.get_by_role("dialog").get_by_role("button", name="撤回").click()
    expect(latest(page)).to_contain_text("已撤回")
    expect(card(page, "自主申报")).to_be_visible()
    page.is_usable()
