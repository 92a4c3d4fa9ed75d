"""At work: the pages of staff, signed in."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.people import Demo
from tests.browser.watching import Watched

Open = Callable[..., Watched]
TOKENS = "sessionStorage.getItem('xinyi.staff')"
_signed_in: dict[tuple[str, str], str] = {}


def sign_in(page: Watched, label: str) -> None:
    """Choose the demo's member of staff whose label is this, and sign her in."""
    page.page.get_by_role("combobox", name="工作人员").select_option(label=label)
    page.press("填好用户名、密码和动态码")
    expect(page.page.get_by_label("动态码")).to_have_value(re.compile(r"^\d{6}$"))
    page.is_usable()
    page.press("登录")
    expect(page.page.get_by_role("navigation")).to_be_visible()


def at_desk(open_page: Open, demo: Demo, path: str, label: str) -> Watched:
    """A desk, with the one of whose label this is a part at it.

    She signs in once in a run: a one-time code works once, and the next comes half a minute later.
    """
    page, one = open_page(path), demo.one("staff", label)
    known = (demo.base_url, one["username"])
    if tokens := _signed_in.get(known):
        page.page.evaluate("tokens => sessionStorage.setItem('xinyi.staff', tokens)", tokens)
        page.page.reload()
        expect(page.page.get_by_role("navigation")).to_be_visible()
    else:
        sign_in(page, one["label"])
        _signed_in[known] = page.page.evaluate(TOKENS)
    return page
