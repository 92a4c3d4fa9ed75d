"""A person's score, as she may have it; and its end."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.consents.errors import ConsentMissing
from backend.kit import city
from backend.kit.db import Reader
from backend.kit.personal import Column, Keeper, Leaving, Page, Section, delete_where, listing
from backend.scores import models, reading
from backend.scores.causes import CAUSES

_SCORE = (
    Column("value", "分数", "whole"),
    Column("level_id", "等级"),
    Column("policy_version", "评分办法版本"),
    Column("as_of_on", "截至", "day"),
    Column("next_change_on", "下次变化", "day"),
    Column("computed_at", "计算时间", "instant"),
)
_REASON = (
    Column("points", "分值", "whole"),
    Column("dimension_id", "维度"),
    Column("indicator_id", "指标"),
    Column("percent", "计入比例（%）", "whole"),
    Column("capped_by", "受何上限"),
    Column("record_id", "档案编号"),
    Column("expires_on", "用到", "day"),
)
_HISTORY = (
    Column("at", "时间", "instant"),
    Column("previous_value", "原分数", "whole"),
    Column("value", "分数", "whole"),
    Column("level_id", "等级"),
    Column("cause", "原因", words=CAUSES),
    Column("policy_version", "评分办法版本"),
    Column("as_of_on", "截至", "day"),
)


def _words(reader: Reader) -> dict[str, dict[str, str]]:
    """What the policy in force calls levels, dimensions and indicators."""
    policy = city.get(reader, "scoring").content
    return {
        "level_id": {one["id"]: f"{one['id']} · {one['name']}" for one in policy["levels"]},
        "dimension_id": {one["id"]: one["name"] for one in policy["dimensions"]},
        "indicator_id": {one["id"]: one["title"] for one in policy["indicators"]},
    }


def erase(session: Session, leaving: Leaving) -> dict[str, int]:
    """Number and history, as with a withdrawn consent; the number first, which a run over the city may hold."""
    names = {"scores": models.scores, "score_history": models.history, "score_reasons": models.reasons}
    return {name: delete_where(session, table, resident_id=leaving.resident_id) for name, table in names.items()}


def _reasons(reader: Reader, resident_id: UUID, _after: Any) -> Page:
    """Today's reasons, which are computed and not kept; none without consent."""
    try:
        told = reading.explain(reader, resident_id)
    except ConsentMissing:
        return Page([], None)
    return Page([{column.name: getattr(row, column.name) for column in _REASON} for row in told.reasons], None)


_WHY = (
    "只为给守信的人更多便利",
    "您的单独同意（《个人信息保护法》第二十四条、第二十九条）",
    "撤回同意或退出时立即删除",
)
KEEPER = Keeper(
    room="scores",
    sections=(
        Section("score", "信用分", *_WHY, _SCORE, listing(models.scores, "resident_id", _SCORE), _words),
        Section("score-reasons", "每一分从哪里来", *_WHY, _REASON, _reasons, _words),
        Section("score-history", "分数的变化", *_WHY, _HISTORY, listing(models.history, "id", _HISTORY), _words),
    ),
    erase=erase,
    deleted={"scores": "信用分", "score_reasons": "信用分的理由（旧版本存过的）", "score_history": "信用分的历史"},
)
