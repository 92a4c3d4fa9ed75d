"""The office drafts a scoring policy, has it tried on the city, and two of them publish it; anybody reads the rule."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Locator, expect

from backend.kit import clock
from config.settings import ROOT
from tests.browser.desks import at_desk
from tests.browser.people import Demo
from tests.browser.watching import Watched

pytestmark = [pytest.mark.browser, pytest.mark.once]
Open = Callable[..., Watched]
FIGURES = ("从哪一级到哪一级", "分数的分布", "分数变化多少")


def changed_policy() -> tuple[str, str]:
    """The demo's policy under another label, from tomorrow on, with more points for a kept promise."""
    text = (ROOT / "config" / "cities" / "320115" / "scoring.toml").read_text("utf-8")
    version = f"browser.{clock.now():%H%M%S}"
    text = re.sub(r'^version = ".*"', f'version = "{version}"', text, flags=re.MULTILINE)
    tomorrow = clock.today() + timedelta(days=1)
    text = re.sub(r"^effective_on = .*", f"effective_on = {tomorrow}", text, flags=re.MULTILINE)
    return version, text.replace("points = 15", "points = 40", 1)


def upload(page: Watched, text: str) -> None:
    page.page.get_by_role("link", name="起草").click()
    page.page.get_by_label("或粘贴全文").fill(text)
    page.press("上传并检查")


def test_a_draft_is_checked_tried_and_published_by_two(open_page: Open, demo: Demo) -> None:
    first = at_desk(open_page, demo, "/app/modelling", "信用办工作人员")
    version, text = changed_policy()
    upload(first, text.replace("points = 40", "points = 0", 1))
    line = next(number for number, each in enumerate(text.splitlines(), 1) if each == "points = 40")
    first.sees(f"指标 promise-kept，第 {line} 行")
    first.is_usable()
    upload(first, text)
    first.press("在全市模拟")
    first.sees("模拟的结果")
    for title in FIGURES:
        expect(first.page.get_by_role("img", name=title)).to_be_visible()
    expect(first.page.get_by_role("region", name="现在的等级").locator("tbody tr")).to_have_count(5)
    first.is_usable()
    form = first.page.locator("#propose")
    form.get_by_label("理由").fill("按新规定调整")
    first.press("提出发布", within=form)
    first.sees("提出的事项：待审批")
    first.is_usable()
    _approve(at_desk(open_page, demo, "/app/office", "信用办复核人员"), version)
    first.page.reload()
    first.sees("已批准，已发布")
    first.page.get_by_role("link", name="历次办法").click()
    first.page.get_by_role("link", name=version).click()
    expect(first.page.locator(".indicator").filter(has_text="信用承诺按期履行")).to_contain_text("+40")
    first.is_usable()


def _approve(page: Watched, version: str) -> None:
    proposal: Locator = page.page.locator("section.card").filter(has_text=version).first
    proposal.get_by_role("link", name="查看并审批").click()
    expect(page.page.locator("#summary")).to_contain_text("按草稿模拟了")
    page.page.get_by_label("审批理由").fill("与文件一致")
    page.press("批准")
    page.press("批准并执行")
    page.sees("已批准并执行")


def test_anybody_reads_how_a_score_is_worked_out(open_page: Open) -> None:
    page = open_page("/scoring")
    page.sees("信用分是怎样算的")
    page.sees("永远不计的")
    page.is_usable()
