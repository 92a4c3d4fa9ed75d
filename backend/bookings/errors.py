"""The refusals of this room."""

from __future__ import annotations

from backend.kit.errors import DomainError


class SlotFree(DomainError):
    slug = "slot-free"
    status = 409
    title_zh = "这个时段还有空位"
    title_en = "The slot has free places"
    explain_zh = "有空位的时段不用候补，直接兑换就可以。"
    explain_en = "Nobody waits for a slot that has free places: redeem the offer for it."


class AlreadyBooked(DomainError):
    slug = "already-booked"
    status = 409
    title_zh = "您已约到这个时段"
    title_en = "You hold a place of this slot"
    explain_zh = "已有这个时段可用的券，不用再候补。"
    explain_en = "Whoever holds a usable coupon for a slot does not wait for another place of it."


class TooManyWaiting(DomainError):
    """Members: ``most``."""

    slug = "too-many-waiting"
    status = 409
    title_zh = "候补的时段太多了"
    title_en = "Waiting for too many slots"
    explain_zh = "一个人同时候补的时段有上限（most），退出一个再来。"
    explain_en = "One person waits for at most `most` slots at a time. Leave one first."


class NotWaiting(DomainError):
    """Members: ``waiting_state``."""

    slug = "not-waiting"
    status = 409
    title_zh = "候补已经结束"
    title_en = "The waiting has ended"
    explain_zh = "waiting_state 为 promoted：已为您兑换，不去请取消那张券；over：时段已到，没有轮到。"
    explain_en = "`waiting_state` promoted: the place is yours, cancel the coupon instead; over: the slot has come."


class NotPaused(DomainError):
    slug = "not-paused"
    status = 409
    title_zh = "没有在暂停"
    title_en = "There is no pause to lift"
    explain_zh = "这次暂停已经结束，或已被解除。"
    explain_en = "The pause is over or was lifted before."


class OwnPause(DomainError):
    slug = "own-pause"
    status = 403
    title_zh = "不能解除自己的暂停"
    title_en = "You may not lift a pause of your own"
    explain_zh = "本人的，以及自己代办过的人的暂停，请由同事解除。"
    explain_en = "A colleague lifts one's own pause, and that of whom one acts or acted for."
