"""A driver registers a plate, agrees, allows an operator, sees who asked, and takes it back."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.people import Demo
from tests.browser.test_browser import card, go, sign_in
from tests.browser.watching import Watched

pytestmark = [pytest.mark.browser, pytest.mark.once]
Open = Callable[..., Watched]
_numbers = itertools.count(secrets.randbelow(80_000))


def test_a_plate_is_registered_allowed_and_removed(open_page: Open, demo: Demo) -> None:
    page, plate = open_page("/app/resident"), f"苏A{next(_numbers):05d}"
    sign_in(page, demo.fresh_resident())
    go(page, "我的")
    page.sees("还没有登记车牌")
    form = page.page.locator("#new-plate")
    form.get_by_label("车牌号").fill("苏AI2345")
    page.press("登记车牌", within=form)
    expect(form.get_by_role("alert")).to_contain_text("民用号牌")
    form.get_by_label("车牌号").fill(plate.lower())
    page.press("登记车牌", within=form)
    line = page.page.locator(f'[data-plate="{plate}"]')
    expect(line).to_contain_text("待现场确认")
    expect(line).to_contain_text("请先在上面同意")
    page.is_usable()
    consent = page.page.locator('[data-purpose="parking"]')
    consent.get_by_text("阅读全文，再决定").click()
    page.press("我已阅读并同意", within=consent)
    allow = line.get_by_role("button", name="允许演示停车运营单位询问")
    allow.click()
    expect(line.get_by_role("button", name="不再允许演示停车运营单位询问")).to_be_visible()
    expect(card(page, "谁问过我的车牌")).to_contain_text("还没有人问过")
    page.is_usable()
    line.get_by_role("button", name="不再允许").click()
    expect(line.get_by_role("button", name="不再允许")).to_have_count(0)
    line.get_by_role("button", name="删除这块车牌").click()
    page.page.get_by_role("dialog").get_by_role("button", name="删除").click()
    page.sees("还没有登记车牌")
    page.is_usable()
