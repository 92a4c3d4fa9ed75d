"""The quality of what departments report: figures, plots that have words, and a workbook to take away."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import openpyxl
import pytest
from playwright.sync_api import expect

from backend.kit import clock
from tests.browser.desks import TOKENS, at_desk
from tests.browser.people import Demo
from tests.browser.test_browser import card, go
from tests.browser.watching import Watched
from tests.quality.conftest import ABNORMAL, MARKET, row

pytestmark = [pytest.mark.browser, pytest.mark.once]
Open = Callable[..., Watched]
TABS = ("单位", "目录", "问题", "口径", "总览")


@pytest.fixture
def officer(open_page: Open, demo: Demo) -> Watched:
    """A department's data officer, who has just reported two good rows and a row with a wrong code."""
    page = at_desk(open_page, demo, "/app/quality", f"{MARKET}数据专员")
    token = json.loads(page.page.evaluate(TOKENS))["access_token"]
    day = str(clock.today() - timedelta(days=1))
    rows = [row(ABNORMAL, day), row(ABNORMAL, day), row(ABNORMAL, day, 统一社会信用代码="92320115MA00000000")]
    for number, told in enumerate(rows):
        told["document_no"] = f"测〔2026〕{uuid4().hex[:8]}-{number}"
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())}
    sent = httpx.post(
        f"{demo.base_url}/api/v1/batches", params={"item_code": ABNORMAL}, json={"rows": rows}, headers=headers,
        timeout=20, trust_env=False,
    )  # fmt: skip
    assert sent.status_code == 201, sent.text
    page.page.reload()
    return page


def test_a_data_officer_sees_her_own_figures_with_plots_that_have_words(officer: Watched) -> None:
    expect(card(officer, "合计")).to_contain_text("超过 1‰")
    expect(officer.page.locator("#scope")).to_contain_text(MARKET)
    plots = officer.page.get_by_role("img")
    expect(plots).to_have_count(2)
    for number, title in enumerate(("逐月的合规率和及时率", "各单位的重错码率，警戒线 1‰")):
        plot = plots.nth(number)
        expect(plot.locator("title")).to_have_text(title)
        assert len(plot.locator("desc").text_content() or "") > 10
    expect(officer.page.locator(".chart .series").first).to_have_css("fill", "none")
    expect(officer.page.locator(".chart .bar.over").first).not_to_have_css("fill", "rgb(0, 0, 0)")
    expect(officer.page.get_by_role("table")).to_have_count(2)
    expect(card(officer, "各单位的重错码率").get_by_role("row").filter(has_text=MARKET)).to_contain_text("超过 1‰")
    for tab in TABS:
        go(officer, tab)
        expect(officer.page.locator("nav [aria-current]")).to_have_text(tab)
        officer.is_usable()
    go(officer, "问题")
    expect(officer.page.locator("#faults")).to_contain_text("GB 32100")


def test_the_office_narrows_to_a_department_and_takes_the_workbook_away(
    officer: Watched, open_page: Open, demo: Demo
) -> None:
    del officer  # who has reported
    office = at_desk(open_page, demo, "/app/quality", "信用办工作人员")
    office.page.get_by_text("换月份、单位、目录").click()
    office.is_usable()
    office.page.get_by_label("单位", exact=True).select_option(label=MARKET)
    office.press("查看")
    expect(office.page.locator("#scope")).to_contain_text(MARKET)
    expect(card(office, "各单位的重错码率").get_by_role("rowheader")).to_have_text([MARKET])
    with office.page.expect_download() as waiting:
        office.press("下载 Excel")
    book = openpyxl.load_workbook(io.BytesIO(Path(waiting.value.path()).read_bytes()))
    assert book.sheetnames[:5] == ["总表", "按单位", "按目录", "逐月明细", "问题明细"]
    assert [line[0].value for line in book["按单位"].iter_rows()] == ["单位", MARKET, "合计"]
    assert waiting.value.suggested_filename.endswith(".xlsx")
