"""A resident chooses a slot, waits for a full one, and leaves the queue. The slots are what the API would say."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.browser.people import Demo
from tests.browser.test_browser import FREE, card, go, sign_in
from tests.browser.watching import Watched

pytestmark = [pytest.mark.browser, pytest.mark.once]
Open = Callable[..., Watched]
FULL, OPEN = "2030-05-02T01:00:00Z", "2030-05-02T02:00:00Z"
RULE = {"minutes": 60, "open": ["09:00-11:00"], "weekdays": [1], "days_ahead": 7, "early_minutes": 0, "no_show": None}
ENTRY: dict[str, Any] = {
    "id": "5a0e4a3e-6d1f-4f43-9a37-000000000001", "offer_title": FREE, "starts_at": FULL, "ends_at": OPEN,
    "state": "waiting", "ahead": 2, "auto": True, "text": "轮到时自动为您兑换", "coupon_id": None,
}  # fmt: skip


class Slots:
    """Answers for an offer with slots, and remembers what was asked."""

    def __init__(self, page: Watched) -> None:
        self.entries: list[dict[str, Any]] = []
        self.sent: list[Any] = []
        page.page.route("**/api/v1/perks/offers?*", self._offers)
        page.page.route("**/api/v1/perks/offers/*/slots?*", lambda route: self._list(route, self._slots()))
        page.page.route("**/api/v1/perks/offers/*/slots/waiting", self._join)
        page.page.route("**/api/v1/me/waiting?*", lambda route: self._list(route, self.entries))
        page.page.route("**/api/v1/me/waiting/*", self._leave)
        page.page.route("**/api/v1/perks/offers/*/redemptions", self._redeem)

    @staticmethod
    def _slots() -> list[dict[str, Any]]:
        ends = "2030-05-02T03:00:00Z"
        return [{"starts_at": FULL, "ends_at": OPEN, "left": 0, "full": True},
                {"starts_at": OPEN, "ends_at": ends, "left": 3, "full": False}]  # fmt: skip

    @staticmethod
    def _list(route: Route, items: list[dict[str, Any]]) -> None:
        route.fulfill(json={"items": items, "next_cursor": None})

    def _offers(self, route: Route) -> None:
        answer = route.fetch()
        told = answer.json()
        for one in told["items"]:
            if one["title"] == FREE:
                one["slots"] = RULE
                one["entitled"]["reasons"].append({"slug": "slots", "ok": False, "text": "都约满了", "remedy": ""})
                one["entitled"]["verdict"] = "not-entitled"
        route.fulfill(response=answer, body=json.dumps(told))

    def _join(self, route: Route) -> None:
        self.sent.append(route.request.post_data_json)
        self.entries = [ENTRY]
        route.fulfill(status=201, json=ENTRY)

    def _leave(self, route: Route) -> None:
        assert route.request.method == "DELETE"
        self.entries = []
        route.fulfill(status=204)

    def _redeem(self, route: Route) -> None:
        self.sent.append(route.request.post_data_json)
        route.fulfill(status=201, json={"coupon": {"id": ENTRY["id"]}})


def test_a_full_slot_is_waited_for_and_a_free_one_is_booked(open_page: Open, demo: Demo) -> None:
    page = open_page("/app/resident")
    slots = Slots(page)
    sign_in(page, demo.fresh_resident())
    go(page, "优惠")
    offer = card(page, FREE)
    page.press("选时段", within=offer)
    choice = offer.get_by_label("时段")
    expect(choice).to_have_value(FULL)
    page.is_usable()
    page.press("候补这个时段", within=offer)
    page.sees("轮到以前随时可以退出")
    page.press("同意，加入候补")
    page.sees("前面还有 2 人")
    assert slots.sent == [{"slot_starts_at": FULL, "auto": True}]
    page.is_usable()
    page.press("退出候补")
    page.sees("已退出候补")
    go(page, "优惠")
    page.press("选时段", within=offer)
    choice.select_option(OPEN)
    page.press("预约这个时段", within=offer)
    page.press("确认兑换")
    page.sees("兑换成功")
    assert slots.sent[1] == {"slot_starts_at": OPEN}
