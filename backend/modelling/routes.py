"""Drafts of the scoring policy for the office, and the published rule for anyone."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from backend.approvals import policies
from backend.approvals.errors import ConcernsYourself, StepMissing
from backend.approvals.routes import actor_for, shown
from backend.approvals.schemas import ApprovalDetailView
from backend.kit.city import CityRefused
from backend.kit.db import reading, transaction
from backend.kit.errors import NotFound
from backend.modelling import errors, schemas, service
from backend.web import callers, paging
from backend.web.api import blueprint
from backend.web.callers import allow, keyed, public
from backend.web.problems import problems

blp = blueprint("modelling", "评分办法：草稿、在全市模拟、提出发布；人人可读的现行和历次办法")


@blp.route("/score-drafts", methods=["POST"])
@allow("scoring.draft")
@keyed
@blp.arguments(schemas.DraftRequest)
@blp.response(201, schemas.DraftDetailView)
def create_score_draft(body: dict[str, Any]) -> service.Draft:
    """上传一份评分办法的草稿

    当即按全部规则检查：只许激励、有依据、不含社区生活和受保护的个人特征、上限和等级可达，并与其他各类政策对照。
    有问题也会保存，`problems` 逐条写明在哪里。草稿不能修改，改好以后作为新的草稿上传。不是 TOML 的答复 422。
    """
    content = policies.content_of(body.get("toml"), body.get("content"))
    with transaction() as session:
        return service.take(session, callers.operation(), actor_for("scoring.draft"), content, body.get("toml"))


@blp.route("/score-drafts", methods=["GET"])
@allow("scoring.read")
@blp.arguments(paging.PageQuery, location="query")
@blp.response(200, paging.page_of(schemas.DraftView))
def list_score_drafts(query: dict[str, Any]) -> dict[str, Any]:
    """评分办法的草稿，新的在前，各附最近一次模拟"""
    position = paging.decode_cursor(query["cursor"], datetime, UUID)
    before = (position[0], position[1]) if position else None
    with reading() as reader:
        found = service.drafts(reader, query["limit"] + 1, before)
    return paging.page(found, query["limit"], lambda one: (one.created_at, one.id))


@blp.route("/score-drafts/<uuid:draft_id>", methods=["GET"])
@allow("scoring.read")
@blp.response(200, schemas.DraftDetailView)
@problems(NotFound)
def read_score_draft(draft_id: UUID) -> service.Draft:
    """一份草稿，连同全文、检查出来的问题和最近一次模拟"""
    with reading() as reader:
        return service.draft(reader, draft_id)


@blp.route("/score-drafts/<uuid:draft_id>/simulations", methods=["POST"])
@allow("scoring.draft")
@keyed
@blp.response(201, schemas.SimulationDetailView)
@problems(NotFound, errors.DraftFaulty, errors.SimulationUnderWay)
def simulate_score_draft(draft_id: UUID) -> dict[str, Any]:
    """在全市模拟一份草稿

    由后台分批计算每一位同意信用分的居民按草稿会是多少分、哪一级，与执行中的版本比较，不写入任何人的分数。
    进度读 `residents_done` 与 `residents_total`；中断后从断点继续。
    """
    with transaction() as session:
        made = service.simulate(session, callers.operation(), actor_for("scoring.draft"), draft_id)
        return service.told(session, made)


@blp.route("/score-drafts/<uuid:draft_id>/simulations/<uuid:simulation_id>", methods=["GET"])
@allow("scoring.read")
@blp.response(200, schemas.SimulationDetailView)
@problems(NotFound)
def read_score_simulation(draft_id: UUID, simulation_id: UUID) -> dict[str, Any]:
    """一次模拟：进度，完成后有结果

    `moves` 从哪一级到哪一级各多少人；`before`、`after` 是分数的分布；`changes` 是分数变化的分布。人数取整到 5，
    1 至 4 人为 null，不暴露任何一个人。`outdated_by` 不为 null 时，之后又发布了别的版本，须重新模拟。
    """
    with reading() as reader:
        return service.told(reader, service.simulation(reader, draft_id, simulation_id))


@blp.route("/score-drafts/<uuid:draft_id>/proposal", methods=["POST"])
@allow("policies.propose")
@keyed
@blp.arguments(schemas.DraftProposalRequest)
@blp.response(201, ApprovalDetailView)
@problems(NotFound, errors.DraftFaulty, errors.DraftProposed, CityRefused, StepMissing, ConcernsYourself)
def propose_score_draft(body: dict[str, Any], draft_id: UUID) -> dict[str, Any]:
    """提出发布一份模拟过的草稿

    与其他政策一样由另一个人审批，审批的人看得到逐项差异和模拟的结果。没有完成模拟，或模拟之后又发布了别的版本，答复
    `step-missing`。生效日不能早于今天。
    """
    with transaction() as session:
        made = service.propose(session, callers.operation(), actor_for("policies.propose"), draft_id, body["reason"])
        return shown(made)


# --- for everybody ---------------------------------------------------------------------------------------------------


@blp.route("/score-policies", methods=["GET"])
@public
@blp.arguments(paging.PageQuery, location="query")
@blp.response(200, paging.page_of(schemas.ScorePolicyView))
def list_score_policies(query: dict[str, Any]) -> dict[str, Any]:
    """评分办法的历次版本：自哪天起、到哪天止、分数范围和等级

    任何人可读；最晚开始的在前。执行中的 `state` 是 `in-force`。
    """
    with reading() as reader:
        return paging.part_of(service.versions(reader), query)


@blp.route("/score-policies/<string:version>", methods=["GET"])
@public
@blp.response(200, schemas.ScorePolicyDetailView)
@problems(NotFound)
def read_score_policy(version: str) -> dict[str, Any]:
    """评分办法的一个版本，全文

    任何人可读：各维度和指标、每条记录计多少分、计多久、怎样随时间减少、上限、依据，以及永远不计的是什么。本人每一分
    从哪里来，见 `/me/score/reasons`。
    """
    with reading() as reader:
        return {**vars(service.published(reader, version)), "never_counts": service.NEVER_COUNTS}
