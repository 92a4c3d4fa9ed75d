"""Two people of the office approve a policy; a partner's manager enrols a device by a code."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from backend.kit import clock
from config.settings import ROOT
from tests.browser.desks import at_desk
from tests.browser.people import Demo, Resident
from tests.browser.watching import Watched

pytestmark = [pytest.mark.browser, pytest.mark.once]
Open = Callable[..., Watched]


def at_work(open_page: Open, demo: Demo, label: str) -> Watched:
    return at_desk(open_page, demo, "/app/office", label)


def changed_deadlines() -> tuple[str, str]:
    """The demo's deadlines with another version, from today, and one more working day somewhere."""
    text = (ROOT / "config" / "cities" / "320115" / "deadlines.toml").read_text("utf-8")
    version = f"browser.{clock.now():%H%M%S}"
    text = re.sub(r'^version = ".*"', f'version = "{version}"', text, flags=re.MULTILINE)
    text = re.sub(r"^effective_on = .*", f"effective_on = {clock.today()}", text, flags=re.MULTILINE)
    return version, text.replace("workdays = 7", "workdays = 8", 1)


def test_two_people_publish_a_policy(open_page: Open, demo: Demo) -> None:
    first, second = at_work(open_page, demo, "信用办工作人员"), at_work(open_page, demo, "信用办复核人员")
    version, text = changed_deadlines()
    first.page.get_by_role("link", name="提出").click()
    first.page.get_by_label("哪一类").select_option("deadlines")
    form = first.page.locator("form").filter(has=first.page.get_by_label("或粘贴全文"))
    first.page.get_by_label("或粘贴全文").fill(text.replace("[[clocks]]", "[[klocks]]"))
    form.get_by_label("理由").fill("按新规定延长一个工作日")
    first.press("提出", within=form)
    first.sees("缺少 clocks")
    first.is_usable()
    first.page.get_by_label("或粘贴全文").fill(text)
    first.press("提出", within=form)
    first.sees("须由另一位同事审批")
    expect(first.page.get_by_role("button", name="批准", exact=True)).to_have_count(0)
    first.is_usable()
    _approve(second, version)
    second.page.get_by_role("link", name="政策").click()
    expect(second.page.get_by_text(version, exact=True)).to_be_visible()
    second.is_usable()


def _approve(page: Watched, version: str) -> None:
    page.page.get_by_label("状态").select_option("approved")
    page.page.get_by_label("状态").select_option("proposed")
    proposal = page.page.locator("section.card").filter(has_text=version).first
    page.is_usable()
    proposal.get_by_role("link", name="查看并审批").click()
    change = page.page.locator(".change").filter(has_text="clocks[id=record_report].workdays")
    expect(change.locator("pre")).to_have_text(["7", "8"])
    page.is_usable()
    page.press("批准")
    expect(page.page.get_by_label("审批理由")).to_be_focused()  # nothing is decided without a reason
    page.page.get_by_label("审批理由").fill("与文件一致")
    page.press("批准")
    page.press("批准并执行")
    page.sees("已批准并执行")
    expect(page.page.locator(".tag").first).to_have_text("已批准")
    page.is_usable()


def test_points_are_given_by_two_and_an_export_is_fetched_once(open_page: Open, demo: Demo) -> None:
    first, second = at_work(open_page, demo, "信用办工作人员"), at_work(open_page, demo, "信用办复核人员")
    resident = demo.resident()
    before = resident.call("GET", "/me/wallet")["balance_points"]
    _propose_points(first, resident.call("GET", "/me")["resident_id"])
    _approved(second, "调整积分")
    assert resident.call("GET", "/me/wallet")["balance_points"] == before + 30
    _propose_correction(first, resident)
    _approved(second, "更正积分")
    assert resident.call("GET", "/me/wallet")["balance_points"] == before
    _propose_export(first, resident.one["id_number"])
    _approved(second, "导出个人信息")
    first.page.reload()
    with first.page.expect_download():
        first.press("下载（一次）")
    first.sees("不能再下载")
    first.is_usable()
    first.page.reload()
    first.press("下载（一次）")
    first.sees("下载于")
    assert resident.call("GET", "/me/access-log")["items"][0]["purpose"] == "核对补发名单"


def _form(page: Watched, label: str) -> Locator:
    page.page.get_by_role("link", name="提出", exact=True).click()
    return page.page.locator("form").filter(has=page.page.get_by_label(label))


def _propose_points(page: Watched, resident_id: str) -> None:
    form = _form(page, "居民编号")
    form.get_by_label("居民编号").fill(resident_id)
    form.get_by_label("积分", exact=True).fill("30")
    form.get_by_label("名目").fill("补发活动积分")
    form.get_by_label("理由").fill("签到机故障补发")
    page.press("提出", within=form)
    page.sees("须由另一位同事审批")


def _propose_correction(page: Watched, resident: Resident) -> None:
    form = _form(page, "哪一笔")
    form.get_by_label("哪位居民").fill(resident.call("GET", "/me")["resident_id"])
    form.get_by_label("哪一笔").fill(resident.call("GET", "/me/wallet/entries")["items"][0]["id"])
    form.get_by_label("理由").fill("补发有误")
    page.is_usable()
    page.press("提出", within=form)
    page.sees("须由另一位同事审批")


def _propose_export(page: Watched, id_number: str) -> None:
    form = _form(page, "哪些人")
    form.get_by_label("哪些人").fill(id_number)
    form.get_by_label("手机号").check()
    told = {
        "用途": "核对补发名单",
        "法律依据": "《江苏省社会信用条例》",
        "文号": "演示〔2026〕1号",
        "理由": "核对补发名单用",
    }
    for label, text in told.items():
        form.get_by_label(label).fill(text)
    page.is_usable()
    page.press("提出", within=form)
    page.sees("须由另一位同事审批")


def _approved(page: Watched, title: str) -> None:
    page.page.reload()
    page.page.get_by_role("link", name="审批", exact=True).click()
    proposal = page.page.locator("section.card").filter(has_text=title).first
    proposal.get_by_role("link", name="查看并审批").click()
    page.page.get_by_label("审批理由").fill("核对无误")
    page.press("批准")
    page.press("批准并执行")
    page.sees("已批准并执行")


def test_a_device_is_enrolled_by_a_code_suspended_and_gone(open_page: Open, demo: Demo) -> None:
    manager = at_work(open_page, demo, "合作方管理员")
    manager.page.get_by_role("textbox", name="设备名称").fill("浏览器里的核销机")
    manager.press("发登记码")
    code = manager.page.locator("#enrolment-code")
    expect(code).to_have_text(re.compile(r"^[2-9A-Z]{4}-[2-9A-Z]{4}-[2-9A-Z]{4}$"))
    manager.is_usable()
    device = open_page(f"/app/venue#enrol={code.inner_text()}")
    field = device.page.get_by_label("登记码")
    expect(field).to_have_value(code.inner_text())
    assert "#" not in device.page.url  # the code does not stay in the address
    field.fill("2222-2222-2222")
    device.press("登记本机")
    device.sees("登记未通过")
    device.is_usable()
    field.fill(code.inner_text().lower())
    device.press("登记本机")
    expect(device.page.locator("#state")).to_contain_text("名单更新于")
    key = device.page.evaluate(KEY)
    assert key == {"extractable": False, "type": "private", "pending": False}
    _suspended(manager, device)


KEY = """async () => {
  const done = (request) => new Promise((told) => { request.onsuccess = () => told(request.result); });
  const db = await done(indexedDB.open("xinyi-venue"));
  const get = (key) => done(db.transaction("device").objectStore("device").get(key));
  const own = await get("own");
  return { extractable: own.key.extractable, type: own.key.type, pending: Boolean(await get("pending")) };
}"""


def _suspended(manager: Watched, device: Watched) -> None:
    manager.press("登记好了，刷新")
    card = manager.page.locator("section.card[data-device]").filter(has_text="浏览器里的核销机").first
    manager.press("停用", within=card)
    manager.page.get_by_role("dialog").get_by_role("button", name="停用").click()
    expect(card.get_by_text("已停用")).to_be_visible()
    manager.is_usable()
    device.page.get_by_label("输入码上的文字").fill("XY1:NOT-A-CODE")
    device.press("核验")
    device.sees("登录未通过")
    expect(device.page.locator("#result .verdict")).to_have_count(0)
