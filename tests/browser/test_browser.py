"""What a person sees: every page on a phone, and the journeys through the public API, without WeChat."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from playwright.sync_api import Locator, Playwright, expect

from backend.codes.service import qr_png
from backend.messages import rules as messages
from config.settings import ROOT
from tests.browser.conftest import PHONE, SWITCHES
from tests.browser.desks import at_desk
from tests.browser.people import Demo, Resident, filmed, photograph
from tests.browser.watching import Watched
from tests.suites import chromium
from tests.support.pages import DESKS

pytestmark = [pytest.mark.browser, pytest.mark.once]
Open = Callable[..., Watched]

GATE = "明文化村（演示）入口"
FREE = "明文化村免费参观券"
TICKET, TICKET_POINTS = "汤山温泉门票一张", 120


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "path",
    ["/", "/problems", "/problems/sold-out", "/app/resident", "/app/worker", "/app/venue", *DESKS],
)
def test_a_page_is_usable_on_a_phone(open_page: Open, path: str, scheme: str) -> None:
    page = open_page(path, color_scheme=scheme)
    page.page.wait_for_load_state("networkidle")
    page.is_usable()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_kind_of_badge_is_usable_on_a_phone(open_page: Open, demo: Demo, scheme: str) -> None:
    page = open_page("/", color_scheme=scheme)
    for merchant in demo.told["merchants"][4:10]:
        page.goto(f"/m/{merchant['public_code']}")
        expect(page.page.get_by_role("heading", level=1)).to_have_text(merchant["label"])
        page.sees("演示数据")
        page.is_usable()


def test_an_unknown_code_is_never_shown_as_verified(open_page: Open) -> None:
    page = open_page("/m/AAAAAAAAAA")
    page.expected.append("404")
    page.sees("未能核实")
    expect(page.page.locator(".good-line, .tag.good")).to_have_count(0)
    page.is_usable()


def test_the_keyboard_reaches_the_content_first(open_page: Open) -> None:
    page = open_page("/")
    page.page.keyboard.press("Tab")
    expect(page.page.get_by_text("跳到正文")).to_be_focused()
    page.page.keyboard.press("Enter")
    assert page.page.evaluate("document.activeElement.id") == "main"


# --- the resident and the worker -----------------------------------------------------------------------------------


def card(page: Watched, title: str) -> Locator:
    """The card under a heading."""
    heading = page.page.get_by_role("heading", name=title, exact=True)
    return page.page.locator("section.card").filter(has=heading).first


def sign_in(page: Watched, one: dict[str, str]) -> None:
    page.page.get_by_role("combobox", name="演示居民").select_option(label=f"{one['label']}（{one['name']}）")
    page.press("微信登录")
    expect(page.page.get_by_label("姓名")).to_have_value(one["name"])
    page.is_usable()
    page.press("用微信手机号绑定")


def go(page: Watched, tab: str) -> None:
    page.page.get_by_role("navigation").get_by_role("link", name=tab).click()


def worker_at_work(open_page: Open, demo: Demo) -> Watched:
    page = at_desk(open_page, demo, "/app/worker", "东山街道演示社区")
    page.sees("谁看过我")
    return page


def test_a_resident_goes_from_sign_in_to_a_coupon_and_back(open_page: Open, demo: Demo) -> None:
    page = open_page("/app/resident")
    sign_in(page, demo.fresh_resident())
    _sees_the_score_after_consent(page)
    before = balance(page)
    worker = worker_at_work(open_page, demo)
    _joins_and_checks_in(page, worker)
    _submits_a_deed(page)
    _is_reviewed(worker)
    _sees_points(page, before + 15 + 5)
    _redeems_and_cancels(page, before + 15 + 5)
    _withdraws_the_consent(page)
    assert balance(page) == before + 15 + 5


def balance(page: Watched) -> int:
    return int(page.page.locator("#balance").inner_text())


def _sees_the_score_after_consent(page: Watched) -> None:
    page.sees("信用分尚未开启")
    page.is_usable()
    page.press("我已阅读并同意")
    score = page.page.locator("#score")
    expect(score).to_have_text(re.compile(r"^\d+$"))
    lines = page.page.locator("#reasons > li")
    points = [int(text.replace("−", "-").replace("+", "")) for text in lines.locator(":scope > .num").all_inner_texts()]
    assert sum(points[:-1]) == points[-1] == int(score.inner_text())
    expect(page.page.locator("#would-raise > li").first).to_contain_text("还可以加")
    course = card(page, "分数的变化").get_by_role("img", name=re.compile(f"为 {score.inner_text()} 分"))
    expect(course).to_be_visible()
    assert course.evaluate("image => image.naturalWidth") == 320
    page.is_usable()


def _joins_and_checks_in(page: Watched, worker: Watched) -> None:
    go(page, "社区")
    page.press("我已阅读并同意")
    place = page.page.locator('[data-community="dongshan-demo"]')
    page.press("阅读并签署公约", within=place)
    page.press("签署公约", within=place)
    expect(place.get_by_text("已加入")).to_be_visible()
    go(worker, "活动签到")
    worker.press("展示签到码", within=card(worker, "周末楼道大扫除"))
    code = worker.page.locator("[data-code]").first
    expect(code).to_be_visible()
    worker.is_usable()
    activity = card(page, "周末楼道大扫除")
    activity.get_by_label("现场签到码").fill(code.get_attribute("data-code") or "")
    page.press("签到", within=activity)
    expect(activity.get_by_text("已签到")).to_be_visible()


def _submits_a_deed(page: Watched) -> None:
    page.page.get_by_label("做了什么").select_option(label="整理共享单车、清理楼道")
    page.page.get_by_role("textbox", name="说明").fill("清理了二单元楼道")
    picture = {"name": "楼道.jpg", "mimeType": "image/jpeg", "buffer": photograph()}
    page.page.get_by_label("照片").set_input_files([picture])
    page.is_usable()
    page.press("提交申报")
    expect(page.page.locator("#submissions").get_by_text("待审核")).to_be_visible()


def _is_reviewed(worker: Watched) -> None:
    go(worker, "待审核")
    item = card(worker, "整理共享单车、清理楼道")
    expect(item.locator("img")).to_be_visible()
    assert worker.page.evaluate("document.querySelector('.photos img').naturalWidth") == 640
    worker.is_usable()
    page_reason = item.get_by_label("审核理由")
    worker.press("通过", within=item)
    expect(page_reason).to_be_focused()  # nothing is decided without a reason
    page_reason.fill("照片与说明相符")
    worker.press("通过", within=item)
    worker.sees("已通过，发放 5 积分")


def _sees_points(page: Watched, points: int) -> None:
    go(page, "首页")
    expect(page.page.locator("#balance")).to_have_text(str(points))
    expect(page.page.locator("#entries li")).not_to_have_count(0)
    _saves_the_month(page, points)
    go(page, "社区")
    page.sees("审核意见：照片与说明相符")
    _is_told_of_points_that_end(page)
    expect(page.page.locator("#access-log li").first).to_be_visible()
    page.is_usable()


def _saves_the_month(page: Watched, points: int) -> None:
    """The month's statement is reached with the keyboard and gives a file that can be read."""
    months = page.page.locator("#statements li")
    expect(months.first).to_contain_text("尚未结账")
    with page.page.expect_download() as coming:
        months.first.get_by_role("button", name=re.compile(r"^\d{4}年\d{1,2}月明细（PDF）$")).press("Enter")
    assert coming.value.suggested_filename == f"积分月结单-{months.first.get_attribute('data-month')}.pdf"
    document = pypdfium2.PdfDocument(coming.value.path())
    text = "".join(document[n].get_textpage().get_text_range() for n in range(len(document)))
    assert "社区积分月结单" in text and f"期末余额 {points} 积分" in text
    page.sees("已保存")
    page.is_usable()


def _is_told_of_points_that_end(page: Watched) -> None:
    """The daily job's message, as the inbox shows it."""
    title, body, link = messages.text("points-ending", {"points": 20, "day": "2026年12月31日", "left": "还有 7 天"})
    one = {"id": "00000000-0000-4000-8000-000000000001", "kind": "points-ending", "title": title, "body": body,
           "link": link, "created_at": "2026-12-24T01:00:00Z", "read_at": None}  # fmt: skip
    inbox = re.compile(r"/api/v1/me/messages(\?|$)")
    page.page.route(inbox, lambda route: route.fulfill(json={"items": [one], "next_cursor": None, "unread": 1}))
    go(page, "我的")
    expect(page.page.locator('#inbox [data-message="points-ending"]')).to_contain_text("20 积分可用到 2026年12月31日")
    page.is_usable()
    page.page.unroute(inbox)


def _redeems_and_cancels(page: Watched, points: int) -> None:
    go(page, "优惠")
    villagers = card(page, "村民生活用品一份")
    expect(villagers.get_by_text("面向横溪街道演示村的居民")).to_be_visible()
    expect(villagers.get_by_role("button")).to_be_disabled()
    page.is_usable()
    page.page.get_by_role("button", name=re.compile("^信易游")).click()
    expect(villagers).to_have_count(0)
    page.press(f"用 {TICKET_POINTS} 积分兑换", within=card(page, TICKET))
    page.press("确认兑换")
    expect(page.page.locator("img.qr")).to_be_visible()
    page.is_usable()
    coupon = card(page, TICKET)
    page.press("取消", within=coupon)
    page.press("取消这张券")
    expect(coupon.get_by_text("已取消", exact=True)).to_be_visible()
    go(page, "首页")
    expect(page.page.locator("#balance")).to_have_text(str(points))
    expect(page.page.locator("#entries li").first).to_contain_text(f"+{TICKET_POINTS}")


def _withdraws_the_consent(page: Watched) -> None:
    go(page, "我的")
    page.press("撤回同意", within=page.page.locator('[data-purpose="score"]'))
    page.press("撤回")
    expect(page.page.locator('[data-purpose="score"]').get_by_text("未同意")).to_be_visible()
    go(page, "首页")
    page.sees("信用分尚未开启")


# --- the venue -------------------------------------------------------------------------------------------------------


def scanner(open_page: Open, demo: Demo, gate: str = GATE) -> Watched:
    page = open_page("/app/venue")
    page.page.get_by_role("combobox", name="设备", exact=True).select_option(label=demo.one("devices", gate)["label"])
    page.press("用这台设备")
    expect(page.page.locator("#state")).to_contain_text("名单更新于")
    return page


def typed(page: Watched, code: str) -> Locator:
    """Type a code and see what is said."""
    page.page.get_by_label("输入码上的文字").fill(code)
    page.press("核验")
    return page.page.locator("#result .verdict")


def free_code(demo: Demo, resident: Resident) -> str:
    return resident.code_of(resident.coupon_for(demo.one("offers", FREE)["id"]))


def test_a_venue_admits_once_and_says_when_it_was_used(open_page: Open, demo: Demo) -> None:
    code = free_code(demo, demo.resident())
    page = scanner(open_page, demo)
    page.is_usable()
    expect(typed(page, code)).to_contain_text("可以放行")
    page.is_usable()
    page.press("放行")
    verdict = page.page.locator("#result .verdict")
    expect(verdict).to_contain_text("已放行")
    expect(typed(page, code)).to_contain_text(re.compile("不能放行.*已使用.*上次使用：", re.DOTALL))
    page.is_usable()
    forged = code[:-4] + ("0000" if code[-4:] != "0000" else "1111")
    expect(typed(page, forged)).to_contain_text("未通过验证")
    expect(typed(page, "随便写的")).to_contain_text("不能放行")
    expect(typed(page, "https://xinyi.example.cn/m/ACDEFGHJKM")).to_contain_text("商户信用码")


def test_a_venue_undoes_a_mistake_within_its_minute_and_reads_its_day(open_page: Open, demo: Demo) -> None:
    code = free_code(demo, demo.resident())
    page = scanner(open_page, demo)
    expect(typed(page, code)).to_contain_text("可以放行")
    page.press("放行")
    verdict = page.page.locator("#result .verdict")
    expect(verdict).to_contain_text(re.compile("已放行.*撤销这次放行（[0-9]+）.*秒内撤销", re.DOTALL))
    page.is_usable()
    page.page.locator("#undo").focus()
    page.page.keyboard.press("Enter")
    expect(verdict).to_contain_text("已撤销")
    expect(typed(page, code)).to_contain_text("可以放行")
    page.press("放行")
    expect(verdict).to_contain_text("已放行")
    page.press("看今天的报表")
    expect(page.page.locator("#shift-figures")).to_contain_text(re.compile(f"{FREE}.*撤销.*结算", re.DOTALL))
    page.is_usable()


def test_an_offline_admission_is_struck_off_before_it_is_uploaded(open_page: Open, demo: Demo) -> None:
    code = free_code(demo, demo.resident())
    page = scanner(open_page, demo)
    page.expected += ["ERR_INTERNET_DISCONNECTED"]
    page.context.set_offline(True)
    expect(typed(page, code)).to_contain_text("可以放行")
    page.press("放行（离线）")
    page.sees("待上传 1 条")
    page.page.locator("#undo").click()
    expect(page.page.locator("#result .verdict")).to_contain_text("已撤销")
    expect(page.page.get_by_text("待上传 1 条")).to_have_count(0)
    expect(typed(page, code)).to_contain_text("可以放行")
    page.context.set_offline(False)


def test_a_venue_reads_a_picture_of_a_code(open_page: Open, demo: Demo, tmp_path: Path) -> None:
    picture = tmp_path / "code.png"
    picture.write_bytes(qr_png(free_code(demo, demo.resident())))
    page = scanner(open_page, demo)
    page.page.get_by_label("或选一张二维码图片").set_input_files(picture)
    expect(page.page.locator("#result .verdict")).to_contain_text("可以放行")
    picture.write_bytes(photograph())
    page.page.get_by_label("或选一张二维码图片").set_input_files(picture)
    expect(page.page.locator("#result .verdict")).to_contain_text("没有读到二维码")


def test_a_venue_reads_a_code_held_before_its_camera(playwright: Playwright, demo: Demo, tmp_path: Path) -> None:
    film = tmp_path / "camera.y4m"
    film.write_bytes(filmed(qr_png(free_code(demo, demo.resident()), side_pixels=400)))
    camera = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    switches = [*SWITCHES, *camera, f"--use-file-for-fake-video-capture={film}"]
    browser = playwright.chromium.launch(executable_path=chromium(), args=switches)
    try:
        context = browser.new_context(viewport=PHONE, base_url=demo.base_url)
        page = Watched(context, demo.base_url)
        scanner(lambda path: page.goto(path) or page, demo)
        page.press("打开摄像头扫码")
        expect(page.page.locator("#result .verdict")).to_contain_text("可以放行", timeout=20000)
        expect(page.page.locator("#camera video")).to_have_count(0)
        assert not page.complaints and not page.strangers
    finally:
        browser.close()


def test_another_venue_refuses_the_offer(open_page: Open, demo: Demo) -> None:
    code = free_code(demo, demo.resident())
    page = scanner(open_page, demo, "汤山旅游专线")
    expect(typed(page, code)).to_contain_text(re.compile("不能放行.*不是本场所的优惠", re.DOTALL))


def test_a_presentation_code_is_asked_about_one_offer(open_page: Open, demo: Demo) -> None:
    resident = demo.resident()
    page = scanner(open_page, demo)
    expect(typed(page, resident.presentation_code())).to_contain_text("必须指明优惠")
    page.page.get_by_label("身份码要核的优惠").select_option(label=FREE)
    expect(typed(page, resident.presentation_code())).to_contain_text("可以放行")
    page.press("放行")
    expect(page.page.locator("#result .verdict")).to_contain_text("已放行")


def test_a_venue_judges_by_its_pack_while_the_network_is_down(open_page: Open, demo: Demo) -> None:
    resident = demo.resident()
    code, presence = free_code(demo, resident), resident.presentation_code()
    page = scanner(open_page, demo)
    page.expected += ["ERR_INTERNET_DISCONNECTED"]
    page.context.set_offline(True)
    expect(typed(page, presence)).to_contain_text("只能联网核验")
    expect(typed(page, code[:-4] + "0000")).to_contain_text("不是本平台签发的码")
    expect(typed(page, code)).to_contain_text("可以放行")
    page.sees("离线判断，名单更新于")
    page.press("放行（离线）")
    verdict = page.page.locator("#result .verdict")
    expect(verdict).to_contain_text("已离线放行")
    page.sees("待上传 1 条")
    page.is_usable()
    expect(typed(page, code)).to_contain_text("次数已用完")
    page.context.set_offline(False)
    expect(page.page.get_by_text("待上传 1 条")).to_have_count(0)
    expect(typed(page, code)).to_contain_text(re.compile("不能放行.*已使用", re.DOTALL))


def test_a_device_remembers_its_own_admission_when_the_network_goes_down(open_page: Open, demo: Demo) -> None:
    code = free_code(demo, demo.resident())
    page = scanner(open_page, demo)
    page.expected += ["ERR_INTERNET_DISCONNECTED", "ERR_FAILED", "net::"]
    page.page.route("**/venue/offline-pack", lambda route: route.abort())
    expect(typed(page, code)).to_contain_text("可以放行")
    page.press("放行")
    expect(page.page.locator("#result .verdict")).to_contain_text("已放行")
    page.context.set_offline(True)
    expect(typed(page, code)).to_contain_text(re.compile("不能放行.*次数已用完", re.DOTALL))
    page.context.set_offline(False)


def test_a_lost_reply_does_not_admit_twice(open_page: Open, demo: Demo) -> None:
    """The reply to an admission is cut off twice; the third answer is of the first and only admission."""
    page = scanner(open_page, demo)
    page.expected += ["ERR_FAILED", "net::"]
    keys: list[str] = []

    def cut(route: Any) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) <= 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.page.route("**/api/v1/venue/admissions", cut)
    code = free_code(demo, demo.resident())
    expect(typed(page, code)).to_contain_text("可以放行")
    page.press("放行")
    expect(page.page.locator("#result .verdict")).to_contain_text("已放行")
    assert len(keys) == 2 and len(set(keys)) == 1


def test_a_device_is_enrolled_by_its_key_file_and_the_key_cannot_be_taken_out(
    open_page: Open, demo: Demo, tmp_path: Path
) -> None:
    device = demo.one("devices", GATE)
    page = open_page("/app/venue")
    key = tmp_path / "device.json"
    key.write_text(json.dumps(device), "utf-8")
    page.page.get_by_text("已有私钥的设备：导入").click()
    page.page.get_by_label("从文件导入私钥").set_input_files(key)
    expect(page.page.get_by_label("设备编号")).to_have_value(device["device_id"])
    page.press("导入")
    expect(page.page.locator("#state")).to_contain_text("名单更新于")
    script = """async () => {
        const { device } = await import("/static/js/store.js");
        const { key } = await device.get();
        return [key.extractable, await crypto.subtle.exportKey("jwk", key).then(() => "out", () => "stays")];
    }"""
    assert page.page.evaluate(script) == [False, "stays"]


def test_the_page_judges_every_shared_vector_like_the_reference(open_page: Open) -> None:
    page = open_page("/app/venue")
    vectors = json.loads((ROOT / "tests" / "admissions" / "offline_vectors.json").read_text("utf-8"))
    found = page.page.evaluate(JUDGE, vectors)
    assert len(found) == len(vectors["cases"]) > 20
    assert [one["name"] for one in found if one["got"] != one["expect"]] == []


JUDGE = """async ({ packs, cases }) => {
    const { OfflineVerifier, Since } = await import("/static/js/pack.js");
    const open = {};
    for (const [name, pack] of Object.entries(packs)) open[name] = await OfflineVerifier.open(pack);
    const told = [];
    for (const { name, pack, code, now, since, expect } of cases) {
        const so = new Since();
        for (const [status, count] of Object.entries(since.by_status)) so.byStatus.set(Number(status), count);
        for (const [offer, count] of Object.entries(since.by_offer)) so.byOffer.set(offer, count);
        const { verdict, reason, uses_left } = await open[pack].judge(code, Date.parse(now), so);
        told.push({ name, expect, got: { verdict, reason, uses_left: uses_left ?? null } });
    }
    return told;
}"""
