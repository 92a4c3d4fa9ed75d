"""One's own score, taken apart, and how it came about."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from flask import Response

from backend.consents.errors import ConsentMissing
from backend.kit import clock, db
from backend.scores import plot, service
from backend.scores.causes import CAUSES
from backend.scores.errors import ScoringVersionUnknown
from backend.scores.schemas import (
    AsOfQuery,
    ReasonsQuery,
    ScoreAsOfView,
    ScoreChangeView,
    ScoreReasonsView,
    ScoreView,
)
from backend.scoring import rules
from backend.web import callers
from backend.web.api import blueprint
from backend.web.callers import IdentityNotBound, allow
from backend.web.paging import PageQuery, decode_cursor, encode_cursor, page, page_of
from backend.web.problems import problems

blp = blueprint("scores", "信用分：本人的分数、每一分的理由、变化的历史。只用于守信激励，须本人同意")


@blp.route("/me/score", methods=["GET"])
@allow("scores.read_own")
@blp.response(200, ScoreView)
@problems(IdentityNotBound, ConsentMissing)
def read_my_score() -> dict[str, Any]:
    """本人的信用分

    整数，在 `scale` 的 `min` 与 `max` 之间；没有记录的人是 `base`。没有同意“score”时不计算，答复 403
    `consent-missing` 并写明怎样同意。分数只决定可以享受哪些优惠，不会使任何服务被拒绝、变贵或变差。
    """
    resident_id = callers.current().person()
    with db.reading() as reader:
        score = service.require(reader, resident_id)
        plan = service.plan(reader)
    above = plan.next_level(score.value)
    return {
        "value": score.value,
        "level": _level(score.level),
        "as_of": score.as_of_on,
        "policy_version": score.policy_version,
        "scale": {"min": plan.minimum, "base": plan.base, "max": plan.maximum},
        "next_level": {**_level(above), "from": above.from_value, "points_needed": above.from_value - score.value}
        if above
        else None,
        "next_change_on": score.next_change_on,
    }


@blp.route("/me/score/reasons", methods=["GET"])
@allow("scores.read_own")
@blp.arguments(ReasonsQuery, location="query")
@blp.response(200, ScoreReasonsView)
@problems(IdentityNotBound, ConsentMissing)
def list_my_score_reasons(query: dict[str, Any]) -> dict[str, Any]:
    """信用分的理由

    每一分来自哪条记录、哪个指标、依据什么、计到哪一天；分值是按时间折算、按上限封顶之后的。
    `base` 加上全部 `items` 的 `points` 等于 `value`；超出分数范围的部分由指标 `clamp` 单列。
    异议处理中的记录不计算，列在 `left_out`。
    `would_raise` 写明哪些依法认定的记录还能加分、加多少，不利记录哪一天起少计。
    """
    resident_id = callers.current().person()
    after = decode_cursor(query["cursor"], int)
    with db.reading() as reader:
        told = service.explain(reader, resident_id)
        raising = service.would_raise(reader, told)
    return {**_page(told, query["limit"], after), "would_raise": raising}


@blp.route("/me/score/as-of", methods=["GET"])
@allow("scores.read_own")
@blp.arguments(AsOfQuery, location="query")
@blp.response(200, ScoreAsOfView)
@problems(IdentityNotBound, ConsentMissing, ScoringVersionUnknown)
def read_my_score_as_of(query: dict[str, Any]) -> dict[str, Any]:
    """信用分在另一天、按另一版办法、凭当时所知

    `on` 那一天（不写为今天）按 `policy_version` 那一版评分办法（不写为那一天施行的一版），只凭到 `known_at`
    为止（不写为现在）已经知道的记录，分数是多少、每一分从哪里来。用来核对过去的分数，不留存结果。须有本人现在的
    同意；已按期限删除的记录不再参与计算。
    """
    resident_id = callers.current().person()
    after = decode_cursor(query["cursor"], int)
    with db.reading() as reader:
        told = service.explain_as_of(reader, resident_id, query["on"], query["policy_version"], query["known_at"])
    page = _page(told, query["limit"], after)
    return {**page, "level": _level(told.score.level), "known_at": query["known_at"]}


def _page(told: service.Explained, limit: int, after: Any) -> dict[str, Any]:
    start = 0 if after is None else max(0, after[0])
    shown = told.reasons[start : start + limit]
    more = start + limit < len(told.reasons)
    return {
        "items": [_reason(told.plan, reason) for reason in shown],
        "next_cursor": encode_cursor(start + limit) if more else None,
        "base": told.plan.base,
        "value": told.score.value,
        "as_of": told.score.as_of_on,
        "policy_version": told.score.policy_version,
        "left_out": [_left_out(row) for row in told.left_out],
    }


@blp.route("/me/score/history", methods=["GET"])
@allow("scores.read_own")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(ScoreChangeView))
@problems(IdentityNotBound, ConsentMissing)
def list_my_score_history(query: dict[str, Any]) -> dict[str, Any]:
    """信用分的变化

    从新到旧。分数或等级每变化一次记一行，写明原因；撤回同意时全部删除。
    """
    resident_id = callers.current().person()
    after = cast("tuple[datetime, UUID] | None", decode_cursor(query["cursor"], datetime, UUID))
    with db.reading() as reader:
        plan = service.plan(reader)
        found = service.history(reader, resident_id, query["limit"] + 1, after)
    answer = page(found, query["limit"], lambda change: (change.at, change.id))
    answer["items"] = [_change(plan, change) for change in answer["items"]]
    return answer


@blp.route("/me/score/history.svg", methods=["GET"])
@allow("scores.read_own")
@blp.response(200, {"type": "string"}, content_type="image/svg+xml")
@problems(IdentityNotBound, ConsentMissing)
def draw_my_score_history() -> Response:
    """信用分变化图（SVG）

    最近一百次变化的折线，横线为各等级的起点分数；图中带有文字说明，数据即 `/me/score/history`。
    """
    resident_id = callers.current().person()
    with db.reading() as reader:
        plan = service.plan(reader)
        drawn = plot.course(plan, service.history(reader, resident_id, 100), clock.today())
    return Response(drawn, content_type="image/svg+xml; charset=utf-8", headers={"Cache-Control": "no-store"})


def _level(level: rules.Level) -> dict[str, Any]:
    return {"id": level.id, "name": level.name}


def _reason(plan: rules.Plan, reason: Any) -> dict[str, Any]:
    indicator = plan.indicators.get(reason.indicator_id)
    dimension = plan.dimensions.get(reason.dimension_id)
    return {
        "points": reason.points, "dimension": reason.dimension_id, "indicator": reason.indicator_id,
        "dimension_name": dimension.name if dimension else "分数范围", "record_id": reason.record_id,
        "record_title": reason.record_title, "source": reason.source_name, "decided_on": reason.decided_on,
        "expires_on": reason.expires_on, "changes_on": reason.changes_on,
        "rule": {
            "policy_version": plan.version, "indicator_title": indicator.title if indicator else "分数范围",
            "full_points": indicator.points if indicator else None, "percent": reason.percent,
            "capped_by": reason.capped_by, "basis": indicator.basis if indicator else "评分办法 scale",
        },
        "text": rules.reason_text(plan, reason),
    }  # fmt: skip


def _left_out(row: Any) -> dict[str, Any]:
    text = f"“{row.record_title}”（{row.source_name}）正在处理异议，处理期间不计算。"
    return {"record_id": row.record_id, "record_title": row.record_title, "source": row.source_name, "text": text}


def _change(plan: rules.Plan, change: service.Change) -> dict[str, Any]:
    names = {level.id: level.name for level in plan.levels}
    return {
        "id": change.id, "value": change.value, "previous_value": change.previous_value,
        "level": {"id": change.level_id, "name": names.get(change.level_id, change.level_id)},
        "at": change.at, "as_of": change.as_of_on, "policy_version": change.policy_version, "cause": change.cause,
        "cause_text": CAUSES[change.cause], "record_id": change.record_id,
    }  # fmt: skip
