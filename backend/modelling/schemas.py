"""Bodies of drafts, simulations and published versions."""

from __future__ import annotations

from marshmallow import fields

from backend.approvals.rules import STATES
from backend.approvals.schemas import ContentField, OfficerView, Reason, TomlText
from backend.web.schemas import Day, Instant, Request, View, one_of

FEW = {"description": "人数，取整到 5；1 至 4 人为 null"}
DRAFT_STATES = ("faulty", "checked", "proposed", "published")
SIMULATION_STATES = ("waiting", "running", "done", "failed")
PERIOD_STATES = ("in-force", "coming", "past", "replaced")


class DraftRequest(Request):
    """``toml``: the file's text; or ``content``: the same structure as JSON, dates as ``YYYY-MM-DD``."""

    toml = TomlText(metadata={"description": "scoring.toml 全文，最多 200000 字节"})
    content = ContentField(metadata={"description": "与 TOML 文件相同的结构；toml 与 content 给出其一"})


class DraftProposalRequest(Request):
    reason = Reason()


class DraftProblemView(View):
    """``line``: in the text that was sent, where that can be told."""

    file = fields.String(required=True)
    place = fields.String(required=True, metadata={"description": "哪一个指标、维度或等级；空为整个文件"})
    line = fields.Integer(required=True, allow_none=True)
    text = fields.String(required=True)


class LevelNameView(View):
    id = fields.String(required=True)
    name = fields.String(required=True)


class LevelMoveView(View):
    """``from`` is null for those who have no number yet."""

    from_ = fields.Nested(LevelNameView, required=True, allow_none=True, data_key="from", attribute="from")
    to = fields.Nested(LevelNameView, required=True)
    residents = fields.Integer(required=True, allow_none=True, metadata=FEW)


class BarView(View):
    """Residents whose number is from ``from`` to ``to``, both included; null is without end."""

    from_ = fields.Integer(required=True, allow_none=True, data_key="from", attribute="from")
    to = fields.Integer(required=True, allow_none=True)
    residents = fields.Integer(required=True, allow_none=True, metadata=FEW)


class SimulationResultView(View):
    """Who goes from which level to which; the numbers before and after; by how much they change."""

    levels_before = fields.List(fields.Nested(LevelNameView), required=True)
    levels_after = fields.List(fields.Nested(LevelNameView), required=True)
    moves = fields.List(fields.Nested(LevelMoveView), required=True)
    before = fields.List(fields.Nested(BarView), required=True)
    after = fields.List(fields.Nested(BarView), required=True)
    changes = fields.List(fields.Nested(BarView), required=True, metadata={"description": "分数变化多少的人数"})
    residents = fields.Integer(required=True, allow_none=True, metadata=FEW)
    up = fields.Integer(required=True, allow_none=True, metadata={"description": "分数上升的" + FEW["description"]})
    same = fields.Integer(required=True, allow_none=True, metadata={"description": "分数不变的" + FEW["description"]})
    down = fields.Integer(required=True, allow_none=True, metadata={"description": "分数下降的" + FEW["description"]})
    fresh = fields.Integer(
        required=True, allow_none=True, metadata={"description": "还没有分数、无从比较的" + FEW["description"]}
    )
    summary = fields.List(fields.String(), required=True)


class SimulationView(View):
    """``outdated_by``: another version published or in force since; then the draft is simulated again."""

    id = fields.UUID(required=True)
    draft_id = fields.UUID(required=True)
    state = fields.String(required=True, validate=one_of(*SIMULATION_STATES))
    failure = fields.String(required=True, metadata={"description": "policy-changed：比较的版本已不再执行；其他为故障"})
    base_version = fields.String(required=True, metadata={"description": "与哪一个执行中的版本比较"})
    as_of = Day(required=True, attribute="as_of_on", metadata={"description": "按哪一天的记录"})
    outdated_by = fields.String(required=True, allow_none=True)
    residents_total = fields.Integer(required=True)
    residents_done = fields.Integer(required=True)
    created_at = Instant(required=True)
    done_at = Instant(required=True, allow_none=True)


class SimulationDetailView(SimulationView):
    result = fields.Nested(
        SimulationResultView, required=True, allow_none=True, metadata={"description": "完成以前为 null"}
    )


class ProposalOfDraftView(View):
    id = fields.UUID(required=True)
    state = fields.String(required=True, validate=one_of(*STATES))


class DraftView(View):
    """``version`` is empty and ``effective_on`` null where the text does not say."""

    id = fields.UUID(required=True)
    version = fields.String(required=True)
    effective_on = Day(required=True, allow_none=True)
    base_version = fields.String(required=True, metadata={"description": "上传时执行的版本"})
    state = fields.String(
        required=True,
        validate=one_of(*DRAFT_STATES),
        metadata={"description": "faulty 有问题，checked 检查通过，proposed 待审批，published 已发布"},
    )
    problems = fields.List(fields.Nested(DraftProblemView), required=True)
    author = fields.Nested(OfficerView, required=True)
    created_at = Instant(required=True)
    simulation = fields.Nested(SimulationView, required=True, allow_none=True)
    approval = fields.Nested(ProposalOfDraftView, required=True, allow_none=True)


class DraftDetailView(DraftView):
    content = fields.Dict(required=True)


# --- for everybody ---------------------------------------------------------------------------------------------------


class PolicyScaleView(View):
    min = fields.Integer(required=True)
    base = fields.Integer(required=True, metadata={"description": "没有任何记录时的分数"})
    max = fields.Integer(required=True)


class PolicyLevelView(LevelNameView):
    from_ = fields.Integer(required=True, data_key="from", attribute="from")
    to = fields.Integer(required=True)


class ScorePolicyView(View):
    """A published version of the scoring policy."""

    version = fields.String(required=True)
    state = fields.String(
        required=True,
        validate=one_of(*PERIOD_STATES),
        metadata={"description": "in-force 执行中，coming 尚未开始，past 已经结束，replaced 开始以前已被接替"},
    )
    effective_on = Day(required=True)
    effective_until_on = Day(required=True, allow_none=True, metadata={"description": "最后一天；null 为没有终点"})
    basis = fields.String(required=True)
    scale = fields.Nested(PolicyScaleView, required=True)
    levels = fields.List(fields.Nested(PolicyLevelView), required=True)


class DecayView(View):
    after_days = fields.Integer(required=True)
    percent = fields.Integer(required=True)


class PolicyIndicatorView(View):
    """What one record counts. ``period_days`` 365 is the calendar year of the decision."""

    id = fields.String(required=True)
    title = fields.String(required=True)
    points = fields.Integer(required=True)
    lasts_days = fields.Integer(required=True, metadata={"description": "自决定之日起计多少天"})
    decay = fields.List(fields.Nested(DecayView), required=True)
    per_period_cap = fields.Integer(required=True, allow_none=True)
    period_days = fields.Integer(required=True, allow_none=True)
    total_cap = fields.Integer(required=True, allow_none=True)
    basis = fields.String(required=True)
    item = fields.String(required=True, metadata={"description": "信用信息目录的条目"})
    item_title = fields.String(required=True, allow_none=True)
    item_legal_basis = fields.String(required=True, allow_none=True)


class PolicyDimensionView(View):
    id = fields.String(required=True)
    name = fields.String(required=True)
    cap_up = fields.Integer(required=True, metadata={"description": "加分合计最多"})
    cap_down = fields.Integer(required=True, metadata={"description": "减分合计最多"})
    indicators = fields.List(fields.Nested(PolicyIndicatorView), required=True)


class ScorePolicyDetailView(ScorePolicyView):
    dimensions = fields.List(fields.Nested(PolicyDimensionView), required=True)
    never_counts = fields.List(fields.String(), required=True, metadata={"description": "永远不计的"})
