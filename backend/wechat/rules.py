"""Facts about WeChat's interface that need no connection: its host, its alphabets, its limits."""

from __future__ import annotations

import string

OFFICIAL_BASE_URL = "https://api.weixin.qq.com"

SCENE_CHARACTERS = frozenset(string.digits + string.ascii_letters + "!#$&'()*+,/:;=?@-._~")
SCENE_LENGTH = 32
TEXT_LENGTH = 2500
"""Characters that msgSecCheck takes at once."""


def is_stand_in(base_url: str) -> bool:
    """Whether ``base_url`` is anything but WeChat's own host over HTTPS.

    The comparison is of whole strings: what needs parsing to be believed (user info, another port, a
    path, plain HTTP) is a stand-in.
    """
    return base_url.lower().removesuffix("/").removesuffix(":443") != OFFICIAL_BASE_URL


def scene_is_valid(scene: str) -> bool:
    """Whether getUnlimitedQRCode takes ``scene``: 1–32 characters of its alphabet (no ``%``, no Chinese)."""
    return 1 <= len(scene) <= SCENE_LENGTH and SCENE_CHARACTERS.issuperset(scene)


def code_is_possible(code: str) -> bool:
    """Whether ``code`` could be a login or phone code: 1–256 visible ASCII characters."""
    return 1 <= len(code) <= 256 and code.isascii() and code.isprintable() and " " not in code


def page_is_valid(page: str) -> bool:
    """Whether ``page`` can name a page of a mini-program: no leading slash, no parameters."""
    return bool(page) and page.isascii() and page.isprintable() and page[0] != "/" and not {" ", "?"} & set(page)
