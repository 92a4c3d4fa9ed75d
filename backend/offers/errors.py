"""The refusals of this room."""

from __future__ import annotations

from backend.kit.errors import DomainError


class SoldOut(DomainError):
    slug = "sold-out"
    status = 409
    title_zh = "名额已领完"
    title_en = "Sold out"
    explain_zh = "该优惠的名额已全部领完，没有扣除积分。有人退券后名额会重新放出。"
    explain_en = "Nothing is left of this offer and no points were taken. A cancelled coupon puts its place back."


class SlotFull(DomainError):
    slug = "slot-full"
    status = 409
    title_zh = "这个时段已约满"
    title_en = "The time slot is full"
    explain_zh = "starts_at 这个时段的名额已约满，没有扣除积分。可以另选时段；有人取消后名额会重新放出。"
    explain_en = "Every place of the slot that starts at `starts_at` is taken and no points were. Choose another one."
