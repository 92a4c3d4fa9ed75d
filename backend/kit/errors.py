"""What can go wrong in the domain, said once.

A room lists its refusals in its ``errors.py`` as subclasses of :class:`DomainError`; the class is the
documentation (``/problems/<slug>``), the status and the title; the instance carries the detail of this case.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar


class DomainError(Exception):
    """A refusal with a stable slug (RFC 9457 ``type``), a status, and words in Chinese and English."""

    slug: ClassVar[str] = ""
    status: ClassVar[int] = 400
    title_zh: ClassVar[str] = ""
    title_en: ClassVar[str] = ""
    explain_zh: ClassVar[str] = ""
    explain_en: ClassVar[str] = ""
    registry: ClassVar[dict[str, type[DomainError]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", cls.slug) or not (cls.title_zh and cls.title_en):
            raise TypeError(f"{cls.__name__} needs a slug and its titles")
        if (other := DomainError.registry.setdefault(cls.slug, cls)) is not cls:
            if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
                raise TypeError(f"slug {cls.slug!r} is used by {other.__qualname__} and {cls.__qualname__}")
            DomainError.registry[cls.slug] = cls

    def __init__(self, detail_zh: str = "", detail_en: str = "", **members: Any) -> None:
        super().__init__(detail_en or detail_zh or self.title_en)
        self.detail_zh = detail_zh
        self.detail_en = detail_en or detail_zh
        self.members = members
        self.headers: dict[str, str] = {}
        self.counted_as = ""
        """What the figures call this case, where that is finer than the slug. It never leaves the house."""


class NotFound(DomainError):
    slug = "not-found"
    status = 404
    title_zh = "没有找到"
    title_en = "Not found"
    explain_zh = "这个地址或编号不存在，或者您无权知道它是否存在。"
    explain_en = "There is nothing at this address or id, or you may not know whether there is."


class FieldError(DomainError):
    """The request is well-formed, yet a field is not acceptable. ``errors``: ``[{pointer, detail}]``."""

    slug = "invalid-request"
    status = 422
    title_zh = "请求内容有误"
    title_en = "The request is not acceptable"
    explain_zh = "errors 逐条列出有问题的字段（JSON 指针）以及允许的内容；什么都没有改变。"
    explain_en = "Each entry of `errors` names a field (JSON pointer) and what is allowed. Nothing has changed."

    def __init__(self, errors: list[dict[str, str]], detail_zh: str = "", detail_en: str = "") -> None:
        super().__init__(detail_zh, detail_en, errors=errors)

    @classmethod
    def at(cls, pointer: str, detail_zh: str, detail_en: str = "") -> FieldError:
        """One field at a JSON pointer (RFC 6901)."""
        return cls([{"pointer": pointer, "detail": detail_zh}], detail_zh, detail_en)


class IdempotencyConflict(DomainError):
    slug = "idempotency-conflict"
    status = 409
    title_zh = "幂等键已用于另一个请求"
    title_en = "The idempotency key belongs to another request"
    explain_zh = "同一个 Idempotency-Key 只能重发同一个请求。新的操作请生成新的键；重试请原样重发。"
    explain_en = "A key repeats one request only. Make a new key for a new act; repeat a request unchanged."


class TryAgain(DomainError):
    slug = "try-again"
    status = 503
    title_zh = "系统繁忙，请稍后重试"
    title_en = "Busy, please try again"
    explain_zh = "没有任何改变。请用同一个 Idempotency-Key 稍后重试。"
    explain_en = "Nothing has changed. Repeat the request with the same Idempotency-Key after a moment."
