"""What was agreed to and who looked, as the person may have it; and what stays of it as proof."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.orm import Session

from backend.consents import service
from backend.consents.models import ConsentEventRow, ConsentRow
from backend.kit.db import Reader
from backend.kit.personal import (
    PAGE,
    Column,
    Keeper,
    Kept,
    Leaving,
    Page,
    Section,
    delete_where,
    listing,
    table_of,
)

_CONSENTS, _EVENTS = table_of(ConsentRow), table_of(ConsentEventRow)
_EVENT = (
    Column("at", "时间", "instant"),
    Column("purpose", "事项"),
    Column("granted", "是否同意", "flag"),
    Column("text_version", "文本版本"),
)
_LOOK = (
    Column("at", "时间", "instant"),
    Column("actor", "谁"),
    Column("role", "身份"),
    Column("organisation", "代表哪个单位"),
    Column("purpose", "为什么"),
    Column("fields", "看了什么", "json"),
    Column("basis", "依据"),
    Column("authorisation", "授权文件或案号"),
)


def _words(reader: Reader) -> dict[str, dict[str, str]]:
    return {"purpose": {one.id: one.title for one in service.purposes(reader)}}


def _looks(reader: Reader, resident_id: UUID, after: Any) -> Page:
    found = service.looks(reader, resident_id, PAGE, after)
    rows = [{column.name: getattr(one, column.name) for column in _LOOK} for one in found]
    return Page(rows, (found[-1].at, found[-1].id) if len(found) == PAGE else None)


def erase(session: Session, leaving: Leaving) -> dict[str, int]:
    """Withdraw everything, so that what follows from a withdrawal follows; what stands goes, the events stay."""
    service.withdraw_every(session, leaving.resident_id)
    return {"consents": delete_where(session, _CONSENTS, resident_id=leaving.resident_id)}


def forget_events(session: Session, resident_ids: Collection[UUID], before: datetime) -> int:
    """Delete the proofs of those who left, when their period is over."""
    old = delete(_EVENTS).where(_EVENTS.c.resident_id.in_(resident_ids), _EVENTS.c.at < before)
    return len(session.execute(old.returning(_EVENTS.c.id)).all())


KEEPER = Keeper(
    room="consents",
    sections=(
        Section(
            "consents", "给出和撤回的同意", "证明您同意过什么、何时撤回", "《个人信息保护法》第十四条、第十五条",
            "直到您退出后 {proof_days} 天", _EVENT, listing(_EVENTS, "id", _EVENT), _words,
        ),
        Section(
            "access-log", "谁看过我、为什么", "让您知道谁看过您的信息",
            "《征信业管理条例》第二十二条；《个人信息保护法》第四十四条", "{access_log_years} 年", _LOOK, _looks,
        ),
    ),
    erase=erase,
    deleted={"consents": "同意事项的现状（全部撤回）"},
    kept={
        "consent_events": Kept(
            "同意与撤回的记录", "只有编号、事项、时间和文本版本", "退出后 {proof_days} 天", "{proof_basis}"
        ),
        "access_log": Kept(
            "查询登记（谁看过您）", "只有编号、查看人、看了哪些项目，没有内容", "自查看之日起 {access_log_years} 年",
            "{access_log_basis}",
        ),
    },
)  # fmt: skip
