"""What somebody waits for and missed, as she may have it; all of it goes with her."""

from __future__ import annotations

from sqlalchemy.orm import Session

from backend.bookings import rules
from backend.bookings.models import PauseRow, QueueRow, StrikeRow, WaitingRow
from backend.kit.personal import Column, Keeper, Leaving, Section, delete_where, listing, table_of
from backend.offers import service as shelf

_WAITING = (
    Column("id", "编号"),
    Column("offer_id", "优惠"),
    Column("starts_at", "时段", "instant"),
    Column("price_points", "积分", "whole"),
    Column("state", "状态", words=rules.STATE_TEXT),
    Column("joined_at", "加入时间", "instant"),
    Column("skipped_at", "轮到而不符合条件的时间", "instant"),
    Column("ended_at", "结束时间", "instant"),
)
_STRIKE = (
    Column("id", "编号"),
    Column("scene_id", "场景"),
    Column("title", "优惠"),
    Column("missed_at", "未到的时段（结束时间）", "instant"),
    Column("ends_at", "计到", "instant"),
)
_PAUSE = (
    Column("id", "编号"),
    Column("scene_id", "场景"),
    Column("paused_from", "暂停从", "instant"),
    Column("paused_until", "暂停到", "instant"),
)
_BASIS = "为您办理预约所必需（《个人信息保护法》第十三条第一款第二项）"
_COUNTED = "计满规则写明的天数为止，随即删除；不进入信用分"


def erase(session: Session, leaving: Leaving) -> dict[str, int]:
    """Everything goes; her place in a queue is the next one's."""
    gone = {}
    for model in (QueueRow, WaitingRow, StrikeRow, PauseRow):
        table = table_of(model)
        gone[table.name] = delete_where(session, table, resident_id=leaving.resident_id)
    return gone


KEEPER = Keeper(
    room="bookings",
    sections=(
        Section(
            "waiting", "候补", "时段约满时排队，轮到时为您兑换", _BASIS, f"时段过后 {rules.KEPT_DAYS} 天", _WAITING,
            listing(table_of(WaitingRow), "id", _WAITING), shelf.words,
        ),
        Section(
            "missed_slots", "预约未到", "提醒您按时到场；多次未到的，暂停这个场景的时段预约", _BASIS, _COUNTED, _STRIKE,
            listing(table_of(StrikeRow), "coupon_id", _STRIKE),
        ),
        Section(
            "slot_pauses", "时段预约的暂停", "多次预约未到后的暂停从何时到何时", _BASIS, _COUNTED, _PAUSE,
            listing(table_of(PauseRow), "scene_id", _PAUSE),
        ),
    ),
    erase=erase,
    deleted={
        "booking_waiting": "候补", "booking_queue": "候补的次序", "booking_strikes": "预约未到",
        "booking_pauses": "时段预约的暂停",
    },
)  # fmt: skip
