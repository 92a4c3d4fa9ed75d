"""What a resident sees of the own score."""

from __future__ import annotations

from marshmallow import fields

from backend.scores.causes import CAUSES
from backend.web.schemas import Day, Instant, QueryWhole, Request, Text, View


class ScoreLevelView(View):
    id = fields.String(required=True)
    name = fields.String(required=True)


class ScoreScaleView(View):
    min = fields.Integer(required=True)
    base = fields.Integer(required=True, metadata={"description": "没有任何记录时的分数"})
    max = fields.Integer(required=True)


class NextScoreLevelView(ScoreLevelView):
    from_ = fields.Integer(required=True, data_key="from", attribute="from", metadata={"description": "起点分数"})
    points_needed = fields.Integer(required=True, metadata={"description": "还差多少分"})


class ScoreView(View):
    value = fields.Integer(required=True, metadata={"example": 742})
    level = fields.Nested(ScoreLevelView, required=True)
    as_of = Day(required=True, metadata={"description": "分数截至哪一天（上海）"})
    policy_version = fields.String(required=True, metadata={"description": "评分办法的版本"})
    scale = fields.Nested(ScoreScaleView, required=True)
    next_level = fields.Nested(NextScoreLevelView, required=True, allow_none=True)
    next_change_on = Day(
        required=True, allow_none=True, metadata={"description": "没有新记录时，分数下一次因折算或到期而可能变化的日期"}
    )


class ScoreRuleView(View):
    """Which rule of which policy version gave the points."""

    policy_version = fields.String(required=True)
    indicator_title = fields.String(required=True)
    full_points = fields.Integer(required=True, allow_none=True, metadata={"description": "折算和封顶之前的分值"})
    percent = fields.Integer(required=True, metadata={"description": "按时间折算后的百分比"})
    capped_by = fields.String(
        required=True,
        metadata={"enum": ["", "period", "total", "dimension"], "description": "被哪一种上限减少；空为没有"},
    )
    basis = fields.String(required=True, metadata={"description": "依据"})


class ScoreReasonView(View):
    points = fields.Integer(required=True, metadata={"description": "折算和封顶之后的分值，可正可负"})
    dimension = fields.String(required=True, metadata={"description": "维度；分数范围的修正为空"})
    dimension_name = fields.String(required=True)
    indicator = fields.String(required=True, metadata={"description": "指标；`clamp` 为分数范围的修正"})
    record_id = fields.UUID(required=True, allow_none=True)
    record_title = fields.String(required=True, allow_none=True)
    source = fields.String(required=True, allow_none=True, metadata={"description": "认定单位"})
    decided_on = Day(required=True, allow_none=True)
    expires_on = Day(required=True, allow_none=True, metadata={"description": "计分的最后一天"})
    changes_on = Day(required=True, allow_none=True, metadata={"description": "下一次折算或停止计分的日期"})
    rule = fields.Nested(ScoreRuleView, required=True)
    text = fields.String(required=True, metadata={"description": "说明"})


class LeftOutView(View):
    record_id = fields.UUID(required=True)
    record_title = fields.String(required=True)
    source = fields.String(required=True)
    text = fields.String(required=True)


class RiseView(View):
    kind = fields.String(
        required=True,
        metadata={"enum": ["earn", "time"], "description": "earn 还能得到；time 不利记录到期或折算"},
    )
    indicator = fields.String(required=True, attribute="indicator_id")
    title = fields.String(required=True)
    points = fields.Integer(required=True, metadata={"description": "总共还能加多少分；`time` 为到那一天回升多少"})
    points_each = fields.Integer(required=True, allow_none=True, metadata={"description": "再有一条记录加多少分"})
    on = Day(required=True, allow_none=True, metadata={"description": "不利记录少计或不再计的日期"})
    record_id = fields.UUID(required=True, allow_none=True)
    text = fields.String(required=True, metadata={"description": "说明"})


class ScoreTakenApartView(View):
    """``base`` plus the points of all items is ``value``."""

    items = fields.List(fields.Nested(ScoreReasonView), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    base = fields.Integer(required=True)
    value = fields.Integer(required=True)
    as_of = Day(required=True)
    policy_version = fields.String(required=True)
    left_out = fields.List(
        fields.Nested(LeftOutView), required=True, metadata={"description": "异议处理中、因此没有计算的记录"}
    )


class ScoreReasonsView(ScoreTakenApartView):
    would_raise = fields.List(
        fields.Nested(RiseView),
        required=True,
        metadata={"description": "什么会使分数上升；只有目录内依法认定的记录，社区生活不在其中"},
    )


class ScoreAsOfView(ScoreTakenApartView):
    level = fields.Nested(ScoreLevelView, required=True)
    known_at = Instant(required=True, allow_none=True, metadata={"description": "凭到哪一刻为止所知；空为现在"})


class ReasonsQuery(Request):
    """All reasons by default, because only their whole sum is the score; up to 100 at a time."""

    limit = QueryWhole(least=1, most=100, load_default=100)
    cursor = Text(most=400, load_default=None)


class AsOfQuery(ReasonsQuery):
    on = Day(load_default=None, metadata={"description": "哪一天（上海）；不写为今天"})
    policy_version = Text(most=40, load_default=None, metadata={"description": "哪一版评分办法；不写为那一天施行的"})
    known_at = Instant(load_default=None, metadata={"description": "凭到哪一刻为止所知；不写为现在"})


class ScoreChangeView(View):
    id = fields.UUID(required=True)
    value = fields.Integer(required=True)
    previous_value = fields.Integer(required=True, allow_none=True)
    level = fields.Nested(ScoreLevelView, required=True)
    at = Instant(required=True)
    as_of = Day(required=True)
    policy_version = fields.String(required=True)
    cause = fields.String(required=True, metadata={"enum": list(CAUSES)})
    cause_text = fields.String(required=True)
    record_id = fields.UUID(required=True, allow_none=True)
