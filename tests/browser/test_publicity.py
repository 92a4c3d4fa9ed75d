"""The public records on a phone, without a script: looked up, opened, understood."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.people import Demo
from tests.browser.watching import Watched

pytestmark = [pytest.mark.browser, pytest.mark.once]
Open = Callable[..., Watched]
NARROW = {"width": 390, "height": 844}


def fined(demo: Demo) -> dict[str, str]:
    """A shop of the demo with a penalty that is shown."""
    answer = httpx.get(f"{demo.base_url}/api/v1/publicity/extract.csv?kind=penalty", trust_env=False)
    return next(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def test_a_penalty_is_looked_up_and_read_without_scripts(open_page: Open, demo: Demo) -> None:
    one = fined(demo)
    page = open_page("/", viewport=NARROW, java_script_enabled=False)
    page.page.get_by_role("link", name="信用公示").click()
    page.page.get_by_label("名称、统一社会信用代码或文书号").fill(one["主体名称"].removeprefix("演示")[:4])
    page.page.get_by_role("radio", name="行政处罚").check()
    page.press("查询")
    found = page.page.get_by_role("article").filter(has_text=one["统一社会信用代码"])
    expect(found.get_by_role("heading", level=3)).to_have_text(one["主体名称"])
    found.get_by_role("link", name=one["行政处罚决定书文号"]).click()
    expect(page.page.get_by_role("heading", level=1)).to_have_text(one["标题"])
    for words in (one["违法事实"], "怎样修复，提前停止公示", "次日自动停止公示"):
        page.sees(words)
    expect(page.page.get_by_role("img", name="公示期")).to_be_visible()
    page.page.get_by_text("标准中没有报送的").click()
    expect(page.page.get_by_text("行政相对人代码_2")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_found_and_a_record_are_usable_on_a_phone(open_page: Open, demo: Demo, scheme: str) -> None:
    one = fined(demo)
    page = open_page(f"/publicity?q={one['统一社会信用代码']}", viewport=NARROW, color_scheme=scheme)
    page.is_usable()
    page.goto(f"/publicity/{one['统一社会信用代码']}/{one['记录编号']}")
    page.is_usable()


def test_what_is_too_common_is_said_and_the_keyboard_goes_on(open_page: Open) -> None:
    page = open_page("/publicity", viewport=NARROW)
    page.expected.append("422")
    field = page.page.get_by_label("名称、统一社会信用代码或文书号")
    field.fill("有限公司")
    field.press("Enter")
    expect(page.page.get_by_role("alert")).to_contain_text("几乎每家都有")
    page.is_usable()
    field.fill("查无此店")
    field.press("Tab")
    page.page.keyboard.press("ArrowRight")
    expect(page.page.get_by_role("radio", name="行政许可")).to_be_checked()
    page.page.keyboard.press("Enter")
    page.sees("没有查到公示中的信息")
    page.is_usable()
