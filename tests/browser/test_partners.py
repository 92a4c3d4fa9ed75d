"""A partner applies, is reviewed and let in by two, joins, offers something, and settles a month."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pyotp
import pytest
from playwright.sync_api import Locator, expect

from tests.browser import partnering
from tests.browser.desks import at_desk
from tests.browser.people import Demo
from tests.browser.test_browser import sign_in
from tests.browser.watching import Watched

pytestmark = [pytest.mark.browser, pytest.mark.once]
Open = Callable[..., Watched]
DESK = "/app/partners"
TICKET = "tangshan-hotspring-ticket"
PASSWORD = "seven green kettles at dawn"


def go(page: Watched, tab: str) -> None:
    page.page.get_by_role("navigation").get_by_role("link", name=tab, exact=True).click()


def agree(page: Watched, answer: str) -> None:
    """Say yes in the dialog that asks."""
    page.page.get_by_role("dialog").get_by_role("button", name=answer, exact=True).click()


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What one step tells the next."""
    mark = uuid4().hex[:6]
    return {"name": f"演示新合作机构{mark}", "slug": f"browser-{mark}", "offer": f"演示体验券{mark}",
            "code": partnering.credit_code()}  # fmt: skip


def test_a_partner_comes_in_offers_something_and_settles_a_month(
    open_page: Open, demo: Demo, told: dict[str, Any]
) -> None:
    applicant = open_page("/app/apply")
    _applies(applicant, told)
    office = at_desk(open_page, demo, DESK, "信用办工作人员")
    second = at_desk(open_page, demo, DESK, "信用办复核人员")
    _is_sent_back_and_corrects(office, applicant, told)
    _is_put_before_a_second(office, "申请", told["name"])
    _is_approved(second, "申请", told["name"])
    partner = _joins(open_page, applicant, told)
    _offers(partner, told)
    _is_put_before_a_second(office, "提议", told["offer"])
    _is_approved(second, "提议", told["offer"])
    _sees_what_it_offers(partner, told)

    coupon_id = demo.resident().coupon_for(_offer_id(partner, told))
    partnering.visits(demo, told["slug"], coupon_id, [1250, 1250])
    _is_prepared(office, told)
    _disputes(partner)
    _is_decided(office, told)
    _agrees(partner)
    _is_closed(office, partner)


def test_a_conflict_and_a_charge_are_answered_disputed_and_decided(open_page: Open, demo: Demo) -> None:
    page = open_page("/app/resident")
    sign_in(page, demo.fresh_resident())
    page.sees("绑定成功")
    coupon_id = _free_coupon(page)
    conflict_id = partnering.conflict(demo, TICKET, coupon_id)
    obligation_id = partnering.obligation(demo, TICKET, coupon_id)
    partner = at_desk(open_page, demo, DESK, "合作方管理员")
    office = at_desk(open_page, demo, DESK, "信用办工作人员")
    _is_claimed_and_decided(partner, office, conflict_id)
    _is_charged(partner, obligation_id)

    go(page, "我的")
    line = page.page.locator(f'[data-obligation="{obligation_id}"]')
    page.is_usable()
    line.get_by_role("button", name="查看").click()
    page.sees("演示事由")
    page.page.get_by_label("哪里不对").fill("演示异议：只骑了一次")
    page.is_usable()
    page.press("提出异议")
    page.sees("办公室还没有决定")
    go(office, "争议")
    office.page.locator(f'[data-dispute="{obligation_id}"]').get_by_role("link").click()
    office.sees("演示异议：只骑了一次")
    office.page.get_by_label("理由").fill("记录与异议相符")
    office.is_usable()
    office.press("取消账单")
    office.sees("账单取消")
    page.press("← 返回")
    page.page.locator(f'[data-obligation="{obligation_id}"]').get_by_role("button", name="查看").click()
    page.sees("记录与异议相符")
    page.is_usable()


def _free_coupon(page: Watched) -> str:
    """Redeem what costs nothing, as whoever is signed in."""
    offer = page.page.evaluate(
        """async () => {
          const { Client } = await import("/static/js/api.js");
          const api = new Client("resident");
          const offers = await api.all("/perks/offers");
          const free = offers.find((one) => one.title === "明文化村免费参观券");
          return (await api.keyed("POST", `/perks/offers/${free.id}/redemptions`)).coupon.id;
        }"""
    )
    return str(offer)


def _is_claimed_and_decided(partner: Watched, office: Watched, conflict_id: str) -> None:
    go(partner, "冲突")
    mine = partner.page.locator(f'[data-conflict="{conflict_id}"]')
    expect(mine).to_contain_text("8.00 元")
    partner.press("主张结算", within=mine)
    expect(mine.get_by_label("为什么仍应结算")).to_be_focused()
    mine.get_by_label("为什么仍应结算").fill("检票员当场核对过")
    partner.is_usable()
    partner.press("主张结算", within=mine)
    expect(mine).to_have_count(0)
    go(office, "冲突")
    theirs = office.page.locator(f'[data-conflict="{conflict_id}"]')
    theirs.get_by_label("决定的理由").fill("有核对记录")
    office.is_usable()
    office.press("计入结算", within=theirs)
    expect(theirs).to_have_count(0)
    partner.page.get_by_label("进展").select_option(label="计入结算")
    expect(mine).to_contain_text("有核对记录")


def _is_charged(partner: Watched, obligation_id: str) -> None:
    go(partner, "应付")
    mine = partner.page.locator(f'[data-obligation="{obligation_id}"]')
    mine.get_by_text("报账", exact=True).first.click()
    mine.get_by_label("应付（元）").fill("12.34")
    mine.get_by_label("事由").fill("演示事由")
    partner.is_usable()
    partner.press("报账", within=mine)
    expect(mine).to_contain_text("12.34 元")
    partner.is_usable()


# --- coming in -------------------------------------------------------------------------------------------------------


def _fill_application(form: Locator, told: dict[str, Any]) -> None:
    form.get_by_label("联系人", exact=True).fill("演示联系人")
    form.get_by_label("联系电话").fill("025-00000000")
    form.get_by_label("声明").check()


def _applies(page: Watched, told: dict[str, Any]) -> None:
    form = page.page.locator("#application")
    form.get_by_label("统一社会信用代码").fill(told["code"])
    form.get_by_label("单位名称").fill(told["name"])
    page.press("再加一处场所")
    expect(form.get_by_label("场所名称").last).to_be_focused()
    page.press("去掉这一处", within=form.locator("fieldset.venue").last)
    _fill_venue(form)
    form.get_by_label("信易游").check()
    form.get_by_label("打算提供什么优惠和服务").fill("演示：体验券")
    _fill_application(form, told)
    page.is_usable()
    page.press("提交申请")
    expect(page.page.get_by_label("查询码")).to_have_value(re.compile(r"^pf1\."))
    page.is_usable()
    with page.page.expect_download() as kept:
        page.press("存成文本文件")
    assert page.page.get_by_label("查询码").input_value() in kept.value.path().read_text("utf-8")
    assert not page.page.evaluate("JSON.stringify({...localStorage}) + document.cookie").strip("{}")
    assert "025-00000000" not in page.page.evaluate("JSON.stringify({...sessionStorage})")
    page.page.get_by_role("link", name="查看进度").first.click()
    page.sees("办公室还没有决定")
    page.is_usable()


def _fill_venue(form: Locator) -> None:
    form.get_by_label("场所名称").fill("演示体验馆")
    form.get_by_label("地址").fill("江宁区演示路 1 号")
    form.get_by_label("纬度").fill("31.95")
    form.get_by_label("经度").fill("118.84")


def _opens(page: Watched, tab: str, what: str, status: str) -> None:
    go(page, tab)
    page.page.get_by_label("状态").select_option(label="全部")
    page.page.get_by_label("状态").select_option(label=status)
    line = page.page.locator("#view section.card").filter(has_text=what)
    line.get_by_role("link", name="查看", exact=True).click()


def _is_sent_back_and_corrects(office: Watched, applicant: Watched, told: dict[str, Any]) -> None:
    go(office, "申请")
    office.is_usable()
    _opens(office, "申请", told["name"], "待审核")
    office.sees("025-00000000")
    office.is_usable()
    office.press("退回补正")
    expect(office.page.get_by_label("理由")).to_be_focused()
    office.page.get_by_label("理由").fill("缺少场所的说明")
    office.page.get_by_label("还缺什么").fill("场所开放时间\n")
    office.press("退回补正")
    agree(office, "退回补正")
    office.sees("对方还没有补正")

    applicant.page.reload()
    applicant.sees("场所开放时间")
    form = applicant.page.locator("#application")
    form.get_by_label("打算提供什么优惠和服务").fill("演示：体验券，每天九点到十七点")
    _fill_application(form, told)
    applicant.is_usable()
    applicant.press("重新提交")
    applicant.sees("待审核")


def _is_put_before_a_second(office: Watched, tab: str, what: str) -> None:
    _opens(office, tab, what, "待审核")
    office.page.get_by_label("理由").fill("与所附材料一致")
    office.is_usable()
    office.press("通过，提请批准")
    agree(office, "提请批准")
    office.sees("已提请另一个人批准")
    office.is_usable()


def _is_approved(second: Watched, tab: str, what: str) -> None:
    second.goto(DESK)
    _opens(second, tab, what, "待另一个人批准")
    second.page.get_by_role("link", name="去审批事项").click()
    second.page.get_by_label("审批理由").fill("同意")
    second.is_usable()
    second.press("批准")
    second.press("批准并执行")
    second.sees("已批准并执行")


def _joins(open_page: Open, applicant: Watched, told: dict[str, Any]) -> Watched:
    applicant.page.reload()
    applicant.press("领取邀请链接")
    link = applicant.page.get_by_label("一次性邀请链接")
    expect(link).to_have_value(re.compile(r"/app/staff#join=xi1\."))
    applicant.is_usable()
    page = open_page(link.input_value())
    page.page.get_by_label("新密码").fill(PASSWORD)
    page.press("下一步")
    page.page.get_by_text("扫不了？手工输入密钥").click()
    secret = page.page.locator(".qr-box .code-text").inner_text()
    page.page.get_by_label("动态码").fill(pyotp.TOTP(secret).now())
    page.press("完成加入")
    page.press("我已保存好")
    page.sees("登录着的地方")
    page.page.get_by_role("link", name="合作机构", exact=True).click()
    page.sees(told["name"])
    page.sees("演示体验馆")
    page.is_usable()
    return page


# --- an offer --------------------------------------------------------------------------------------------------------


def _offers(page: Watched, told: dict[str, Any]) -> None:
    go(page, "提议")
    page.page.get_by_role("link", name="提出优惠").click()
    form = page.page.locator("#offer-form")
    texts = {
        "编号": told["slug"], "名称": told["offer"], "一句话介绍": "演示用的体验券。", "怎样优惠": "凭券体验一次。",
        "依据": "演示依据", "希望的结算价": "12.50",
    }  # fmt: skip
    for label, text in texts.items():
        form.get_by_label(label).fill(text)
    form.get_by_label("演示体验馆").uncheck()
    form.get_by_label("种类").select_option(label="实物")
    page.press("提出", within=form)
    page.sees("venues 至少要有一个场所")
    page.sees("kind = goods 不能给出 free_ticket")  # every problem at once
    page.is_usable()
    form.get_by_label("演示体验馆").check()
    form.get_by_label("种类").select_option(label="门票")
    page.press("提出", within=form)
    page.sees("撤回这件提议")
    page.is_usable()


def _sees_what_it_offers(page: Watched, told: dict[str, Any]) -> None:
    go(page, "概况")
    page.page.get_by_role("link", name=f"历次版本：{told['offer']}").click()
    page.sees("新增")
    page.is_usable()
    for tab in ("日报", "冲突", "应付", "结算", "回调"):
        go(page, tab)
        expect(page.page.locator("#view")).not_to_contain_text("正在读取")
        page.is_usable()


def _offer_id(page: Watched, told: dict[str, Any]) -> str:
    go(page, "概况")
    link = page.page.get_by_role("link", name=f"变更优惠 {told['offer']}")
    return str(link.get_attribute("href")).rpartition("/")[2]


# --- a month ---------------------------------------------------------------------------------------------------------


def _is_prepared(office: Watched, told: dict[str, Any]) -> None:
    go(office, "结算")
    office.page.get_by_text("立即编制一份").click()
    form = office.page.locator("#prepare")
    form.get_by_label("合作机构").select_option(label=told["name"])
    form.get_by_label("哪个月").fill(f"{partnering.past_month():%Y-%m}")
    office.press("编制", within=form)
    line = office.page.locator("#statements section.card").filter(has_text=told["name"])
    expect(line).to_contain_text("待核对", timeout=60000)
    expect(line).to_contain_text("2 行，应付 25.00 元")
    office.is_usable()


def _disputes(page: Watched) -> None:
    go(page, "结算")
    page.page.get_by_role("link", name="查看", exact=True).click()
    expect(page.page.get_by_role("list", name="合计")).to_contain_text("25.00 元")
    line = page.page.locator('[data-line="2"]')
    page.page.get_by_text("对第 2 行提出异议").click()
    line.get_by_label("主张应付").fill("15.50")
    line.get_by_label("理由").fill("这一次是双人票")
    page.is_usable()
    page.press("提交异议", within=line)
    expect(page.page.locator("#disputes")).to_contain_text("主张 15.50 元")
    expect(page.page.get_by_role("button", name="确认结算单")).to_have_count(0)
    page.is_usable()


def _is_decided(office: Watched, told: dict[str, Any]) -> None:
    line = office.page.locator("#statements section.card").filter(has_text=told["name"])
    line.get_by_role("link", name="查看", exact=True).click()
    office.sees("才能关账")
    office.page.get_by_label("决定的理由").fill("核对无误")
    office.is_usable()
    office.press("异议成立")
    expect(office.page.locator('[data-line="2"]')).to_contain_text("15.50 元")


def _agrees(page: Watched) -> None:
    page.page.reload()
    expect(page.page.locator("#disputes")).to_contain_text("决定：核对无误")
    for name, start in (("下载 Excel", b"PK"), ("下载 PDF", b"%PDF")):
        with page.page.expect_download() as got:
            page.press(name)
        assert got.value.path().read_bytes().startswith(start)
    page.press("确认结算单")
    agree(page, "确认")
    page.sees("已确认")
    page.is_usable()


def _is_closed(office: Watched, partner: Watched) -> None:
    office.page.reload()
    office.press("关账")
    agree(office, "关账")
    office.sees("摘要")
    expect(office.page.locator(".tag").first).to_have_text("已关账")
    office.is_usable()
    partner.page.reload()
    expect(partner.page.locator(".tag").first).to_have_text("已关账")
    expect(partner.page.locator(".number")).to_have_text("28.00")
    partner.is_usable()
