"""A person's rights, by hand, in a browser the size of a phone."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE
from tests.browser.people import Demo, Resident
from tests.browser.test_browser import FREE, Open, card, go, sign_in
from tests.browser.watching import AXE, GRAVE, Watched

pytestmark = [pytest.mark.browser, pytest.mark.once]
PICTURES = os.environ.get("XINYI_SCREENSHOTS", "")


def picture(page: Page, name: str) -> None:
    """A screenshot for a person's eyes, where a folder for them is named."""
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=True)


def at_home(open_page: Open, demo: Demo, one: dict[str, str]) -> Watched:
    page = open_page("/app/resident", accept_downloads=True)
    sign_in(page, one)
    expect(page.page.get_by_role("navigation").get_by_role("link", name="我的")).to_be_visible()
    go(page, "我的")
    page.sees("我的全部信息")
    return page


def usable(page: Page) -> None:
    """For a page that is none of ours to watch: nothing over the edge, axe finds nothing serious."""
    wide, window = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= window, f"{wide} px on a screen of {window} px"


def test_the_archive_is_downloaded_and_opens_without_a_network(open_page: Open, demo: Demo, tmp_path: Path) -> None:
    one = demo.fresh_resident()
    page = at_home(open_page, demo, one)
    page.is_usable()
    with page.page.expect_download() as waiting:
        page.press("下载压缩包")
    target = tmp_path / "copy.zip"
    waiting.value.save_as(target)
    assert re.fullmatch(r"信易\+个人信息-\d{4}-\d\d-\d\d\.zip", waiting.value.suggested_filename)
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "copy")
    opened = page.page.context.browser
    assert opened is not None
    context = opened.new_context(viewport=PHONE, offline=True, bypass_csp=False, locale="zh-CN")
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    try:
        sheet = context.new_page()
        wrong: list[str] = []
        sheet.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
        sheet.goto((tmp_path / "copy" / "index.html").as_uri())
        expect(sheet.get_by_role("heading", level=1)).to_have_text("我的个人信息")
        expect(sheet.get_by_text(one["id_number"]).first).to_be_visible()
        usable(sheet)
        picture(sheet, "archive")
        assert all(url.startswith("file://") for url in asked) and not wrong, (asked, wrong)
    finally:
        context.close()
    _axe_on_a_copy_of(page, tmp_path / "copy" / "index.html")


def _axe_on_a_copy_of(page: Watched, sheet: Path) -> None:
    """The page itself allows no script, so that axe looks at its content in a page that does."""
    context = page.page.context.browser.new_context(viewport=PHONE)  # type: ignore[union-attr]
    try:
        blank = context.new_page()
        text = re.sub(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", "", sheet.read_text("utf-8"))
        blank.set_content(text)
        blank.evaluate(AXE.read_text("utf-8"))
        found = blank.evaluate("async () => (await axe.run(document)).violations")
        assert [one["id"] for one in found if one["impact"] in GRAVE] == []
    finally:
        context.close()


def test_everything_can_be_seen_corrected_and_withdrawn(open_page: Open, demo: Demo) -> None:
    one = demo.fresh_resident()
    page = at_home(open_page, demo, one)
    page.press("在这里查看")
    person = page.page.locator('[data-section="person"]')
    person.locator("summary").click()
    expect(person.get_by_text(one["id_number"])).to_be_visible()
    page.is_usable()
    picture(page.page, "seen")
    page.press("用微信手机号更正手机号")
    page.sees("手机号已更正为")
    page.page.get_by_text("更正姓名").first.click()
    page.page.get_by_label("新姓名").fill("演示改名")
    page.page.get_by_label("窗口验证码").fill("ABCD-EFGH")
    page.page.locator("#correct-name button").click()
    page.sees("实名信息未通过核验")
    page.is_usable()
    go(page, "首页")
    go(page, "我的")
    score = page.page.locator('[data-purpose="score"]')
    score.get_by_text("阅读全文，再决定").click()
    page.press("我已阅读并同意", within=score)
    expect(score.get_by_text("已同意")).to_be_visible()
    page.press("撤回全部")
    page.page.get_by_role("dialog").get_by_role("button", name="全部撤回").click()
    expect(score.get_by_text("未同意")).to_be_visible()
    page.sees("已全部撤回")


def test_a_session_elsewhere_is_seen_and_ended(open_page: Open, demo: Demo) -> None:
    one = demo.fresh_resident()
    page = at_home(open_page, demo, one)
    elsewhere = Resident(demo, one)
    page.page.reload()
    sessions = card(page, "登录着的地方")
    expect(sessions.get_by_text("就是这里")).to_have_count(1)
    before = sessions.get_by_role("listitem").count()
    sessions.get_by_role("button", name="结束未知的设备的会话").first.click()
    page.sees("已结束，那里要重新登录")
    expect(sessions.get_by_role("listitem")).to_have_count(before - 1)
    page.press("结束其他全部会话")
    expect(sessions.get_by_role("listitem")).to_have_count(1)
    page.is_usable()
    with pytest.raises(AssertionError, match="not-signed-in"):
        elsewhere.call("GET", "/me")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_leaving_is_told_beforehand_typed_and_final(open_page: Open, demo: Demo, scheme: str) -> None:
    one = demo.fresh_resident()
    page = at_home(open_page, demo, one)
    page.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    other = Resident(demo, one)
    other.coupon_for(demo.one("offers", FREE)["id"])
    page.press("退出前先看看会怎样")
    box = card(page, "退出项目")
    expect(box.get_by_text("1 张未用的券")).to_be_visible()
    expect(box.get_by_text("不能撤销", exact=True)).to_be_visible()
    page.is_usable()
    picture(page.page, f"departure-{scheme}")
    typed = page.page.get_by_label("逐字输入：我要退出并删除我的信息")
    typed.fill("我要退出")
    page.press("退出并删除", within=box)
    page.sees("请求内容有误")
    typed.fill("我要退出并删除我的信息")
    page.press("退出并删除", within=box)
    page.sees("您已退出")
    page.is_usable()
    picture(page.page, f"left-{scheme}")
    page.page.reload()
    expect(page.page.get_by_role("combobox", name="演示居民")).to_be_visible()
    assert Resident(demo, one).call("GET", "/me")["bound"] is False
