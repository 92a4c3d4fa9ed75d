"""What this room keeps of a person: her closed months, and that she was told of points that ended. All of it goes."""

from __future__ import annotations

from sqlalchemy.orm import Session

from backend.kit.personal import Column, Keeper, Leaving, Section, delete_where, listing, table_of
from backend.statements.models import NoticeRow, StatementRow

_MONTHS, _NOTICES = table_of(StatementRow), table_of(NoticeRow)
_MONTH = (
    Column("month", "月份（第一天）", "day"),
    Column("opening_points", "期初余额", "whole"),
    Column("closing_points", "期末余额", "whole"),
    Column("made_at", "结账时间", "instant"),
)
_NOTICE = (
    Column("expires_on", "可用到", "day"),
    Column("days_before", "按提前几天的提醒", "whole"),
    Column("points", "积分", "whole"),
    Column("told_at", "提醒时间", "instant"),
)
_BASIS = "您的同意（社区积分）"


def erase(session: Session, leaving: Leaving) -> dict[str, int]:
    return {table.name: delete_where(session, table, resident_id=leaving.resident_id) for table in (_MONTHS, _NOTICES)}


KEEPER = Keeper(
    room="statements",
    sections=(
        Section(
            "wallet-statements", "积分月结单", "每月的期初和期末余额", _BASIS, "直到您退出", _MONTH,
            listing(_MONTHS, "month", _MONTH),
        ),
        Section(
            "points-notices", "积分到期提醒", "说明已经提醒过，不重复提醒", _BASIS, "积分到期后 180 天", _NOTICE,
            listing(_NOTICES, ("expires_on", "days_before"), _NOTICE),
        ),
    ),
    erase=erase,
    deleted={"wallet_statements": "积分月结单", "points_notices": "积分到期提醒的记录"},
)  # fmt: skip
