"""The way into this room: ``bind`` one client when the application starts, ask ``current()`` for it."""

from __future__ import annotations

from backend.wechat import errors
from backend.wechat.client import (
    CodeImage,
    PhoneNumber,
    Suggestion,
    TextScene,
    TextVerdict,
    WechatClient,
    WechatUser,
)
from backend.wechat.rules import OFFICIAL_BASE_URL, is_stand_in, scene_is_valid
from backend.wechat.tokens import MemoryCache, RedisCache, TokenCache
from backend.wechat.transport import Limits

__all__ = [
    "OFFICIAL_BASE_URL",
    "CodeImage",
    "Limits",
    "MemoryCache",
    "PhoneNumber",
    "RedisCache",
    "Suggestion",
    "TextScene",
    "TextVerdict",
    "TokenCache",
    "WechatClient",
    "WechatUser",
    "bind",
    "current",
    "is_stand_in",
    "scene_is_valid",
]

_bound: WechatClient | None = None


def bind(client: WechatClient | None) -> None:
    """Make ``client`` the one that ``current()`` answers; None takes it away."""
    global _bound
    _bound = client


def current() -> WechatClient:
    """The bound client. Raises WechatNotConfigured where the installation has none."""
    if _bound is None:
        raise errors.WechatNotConfigured()
    return _bound
