from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.wechat import rules

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    "base_url",
    [
        "https://api.weixin.qq.com",
        "https://api.weixin.qq.com/",
        "https://api.weixin.qq.com:443",
        "HTTPS://API.WEIXIN.QQ.COM",
    ],
)
def test_the_official_host_is_no_stand_in(base_url: str) -> None:
    assert not rules.is_stand_in(base_url)


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "http://127.0.0.1:8001",
        "http://api.weixin.qq.com",
        "https://api.weixin.qq.com:8443",
        "https://api.weixin.qq.com.example.org",
        "https://api.weixin.qq.com@example.org",
        "https://example.org#https://api.weixin.qq.com",
        "https://api.weixin.qq.com/proxy",
        "https://аpi.weixin.qq.com",  # a Cyrillic letter
        " https://api.weixin.qq.com",
    ],
)
def test_anything_else_is_a_stand_in(base_url: str) -> None:
    assert rules.is_stand_in(base_url)


ALPHABET = string.ascii_letters + string.digits + "!#$&'()*+,/:;=?@-._~"


@given(st.text(ALPHABET, min_size=1, max_size=32))
def test_a_scene_of_the_alphabet_is_valid(scene: str) -> None:
    assert rules.scene_is_valid(scene)


@given(st.text(ALPHABET, max_size=31), st.characters(exclude_characters=ALPHABET), st.integers(0, 31))
def test_one_foreign_character_makes_a_scene_invalid(rest: str, foreign: str, place: int) -> None:
    assert not rules.scene_is_valid(rest[:place] + foreign + rest[place:])


@pytest.mark.parametrize("scene", ["", "a" * 33, "%E4%BD%A0", "信易", "a b"])
def test_a_scene_outside_the_limits_is_invalid(scene: str) -> None:
    assert not rules.scene_is_valid(scene)


@pytest.mark.parametrize("page", ["/pages/index", "pages/index?a=1", "", "页面", "pages/a b", "pages/a\n"])
def test_a_page_with_slash_or_parameters_is_invalid(page: str) -> None:
    assert not rules.page_is_valid(page)


@pytest.mark.parametrize("code", ["", "a" * 257, "a b", "验证", "a\x00", "a\n", "\ud800"])
def test_a_code_that_cannot_be_is_known_without_asking(code: str) -> None:
    assert not rules.code_is_possible(code)
