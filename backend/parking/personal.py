"""A driver's plates, whom she allowed, what was asked and her stays, as she may have them; all of it goes with her."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from backend.kit.db import Reader
from backend.kit.personal import PAGE, Column, Keeper, Kept, Leaving, Page, Section, delete_where, listing
from backend.parking import plates, rules, seen
from backend.parking.models import lookups, operators, questions, stays, tickets
from backend.parking.models import plates as plate_table

_PLATE = (
    Column("plate", "车牌"),
    Column("state", "状态", words=rules.STATE_TEXT),
    Column("created_at", "登记时间", "instant"),
    Column("confirmed_at", "现场确认时间", "instant"),
    Column("ended_at", "结束时间", "instant"),
)
_OPERATOR = (
    Column("plate_id", "车牌编号"),
    Column("partner_id", "运营单位编号"),
    Column("granted", "是否允许询问", "flag"),
    Column("text_version", "文本版本"),
    Column("changed_at", "时间", "instant"),
)
_QUESTION = (
    Column("at", "时间", "instant"),
    Column("operator", "运营单位"),
    Column("venue", "停车场"),
    Column("plate", "车牌"),
    Column("purpose", "为什么", words=rules.ASKED_TEXT),
    Column("answered_yes", "答复可以", "flag"),
)
_STAY = (
    Column("operator", "运营单位"),
    Column("venue", "停车场"),
    Column("plate", "车牌"),
    Column("state", "状态", words=rules.STAY_TEXT),
    Column("entered_at", "入场时间", "instant"),
    Column("exited_at", "离场时间", "instant"),
    Column("fee_fen", "停车费（分）", "whole"),
    Column("offer_id", "优惠编号"),
    Column("admission_id", "核销编号"),
    Column("obligation_id", "账单编号"),
)


def _plates(reader: Reader, resident_id: UUID, _after: Any) -> Page:
    found = plates.listed(reader, resident_id)
    return Page([{column.name: getattr(one, column.name) for column in _PLATE} for one in found], None)


def _shown(one: Any, columns: tuple[Column, ...]) -> dict[str, Any]:
    named = {"operator": one.operator.name, "venue": one.venue.name}
    return {column.name: named.get(column.name, getattr(one, column.name)) for column in columns}


def _questions(reader: Reader, resident_id: UUID, after: Any) -> Page:
    found = seen.my_questions(reader, resident_id, PAGE, after)
    position = (found[-1].at, found[-1].id) if len(found) == PAGE else None
    return Page([_shown(one, _QUESTION) for one in found], position)


def _stays(reader: Reader, resident_id: UUID, after: Any) -> Page:
    found = seen.my_stays(reader, resident_id, PAGE, after)
    position = (found[-1].entered_at, found[-1].id) if len(found) == PAGE else None
    return Page([_shown(one, _STAY) for one in found], position)


def erase(session: Session, leaving: Leaving) -> dict[str, int]:
    """Everything goes; a car park's ticket stays without her."""
    mine = tickets.c.resident_id == leaving.resident_id
    session.execute(update(tickets).where(mine).values(resident_id=None))
    return {
        table.name: delete_where(session, table, resident_id=leaving.resident_id)
        for table in (lookups, operators, questions, stays, plate_table)
    }


_BASIS = "您的同意（《个人信息保护法》第十三条第一款第一项、第十四条）"
_DAYS = f"按本市 city.toml [parking] kept_days，未写明时 {rules.KEPT_DAYS} 天"
KEEPER = Keeper(
    room="parking",
    sections=(
        Section("plates", "我的车牌", "让停车场认出您的车，给您停车优惠", _BASIS, "直到您删除或退出", _PLATE, _plates),
        Section(
            "parking-operators", "允许询问车牌的运营单位", "只答复您允许的单位", _BASIS, "直到您删除车牌或退出",
            _OPERATOR, listing(operators, ("plate_id", "partner_id"), _OPERATOR),
        ),
        Section("parking-questions", "谁问过我的车牌", "让您看到每次询问", _BASIS, _DAYS, _QUESTION, _questions),
        Section("parking-stays", "我的停车", "使用停车优惠，核对停车费", _BASIS, _DAYS, _STAY, _stays),
    ),
    erase=erase,
    deleted={
        "parking_plates": "您的车牌", "parking_plate_lookups": "按车牌查找您的索引",
        "parking_operators": "对停车运营单位的授权", "parking_questions": "车牌询问记录", "parking_stays": "停车记录",
    },
    kept={
        "parking_tickets": Kept(
            "停车场的票号", "只有停车场、票号、时间和金额，没有车牌，也不再对应到您", _DAYS,
            "停车场核对账目（《民法典》第五百零九条）；《个人信息保护法》第七十三条（匿名化后不再是个人信息）",
        ),
    },
)  # fmt: skip
