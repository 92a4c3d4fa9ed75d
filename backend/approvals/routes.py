"""Proposals of dangerous acts, and the second person's decision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from backend.approvals import errors, policies, schemas, service
from backend.kit.city import CityRefused
from backend.kit.db import reading, transaction
from backend.kit.errors import FieldError, NotFound
from backend.web import api, callers, paging
from backend.web.callers import allow, keyed
from backend.web.problems import problems

blp = api.blueprint("approvals", "双人审批：发布政策、调整积分、导出个人信息、工作人员")
REFUSALS = (
    errors.OwnProposal, errors.ConcernsYourself, errors.ApprovalClosed, errors.ApprovalChanged,
    errors.ExecutionRefused,
)  # fmt: skip
SHOWN = [name for name in schemas.ApprovalDetailView().fields if name != "own"]


def actor_for(action: str) -> service.Actor:
    caller = callers.current()
    return service.Actor(caller.account_id, caller.role_for(action), getattr(caller, "person_id", None))


def shown(approval: service.Approval) -> dict[str, Any]:
    """An approval as the caller sees it."""
    told = {name: getattr(approval, name) for name in SHOWN}
    return {**told, "own": approval.proposed_by == callers.current().account_id}


def _office(body: Mapping[str, Any], action: str) -> UUID:
    """In which of the caller's organisations the act is proposed."""
    held, named = callers.current().organisations_for(action), body["organisation_id"]
    if named is None and len(held) == 1:
        return next(iter(held))
    if named not in held:
        raise FieldError.at("/organisation_id", "请写明您任职的单位。", "Name an organisation of yours.")
    return UUID(str(named))


def propose(kind: str, action: str, body: Mapping[str, Any], payload: dict[str, Any], subject: tuple[str, str]) -> Any:
    """Propose for the caller, and show what was frozen; ``body`` has the reason."""
    with transaction() as session:
        made = service.propose(
            session, callers.operation(), kind, actor_for(action), body["reason"], payload, subject
        )  # fmt: skip
    return shown(made)


@blp.route("/approvals/policies", methods=["POST"])
@allow("policies.propose")
@keyed
@blp.arguments(schemas.PolicyRequest)
@blp.response(201, schemas.ApprovalDetailView)
@problems(CityRefused, errors.StepMissing)
def propose_policy(body: dict[str, Any]) -> Any:
    """提出发布一份政策的新版本

    提出时即按全部规则检查并试着落实一遍，有问题逐条列出，什么都不保存。通过的内容冻结，附与被接替版本的逐项差异，
    七日内由另一个人审批；批准的同时发布。生效日不能早于今天，版本号不能用过。评分办法（scoring）须先在
    `/score-drafts` 里作为草稿模拟过，否则答复 `step-missing`。
    """
    content = policies.content_of(body.get("toml"), body.get("content"))
    payload = {"kind": body["kind"], "content": content}
    return propose(policies.KIND, "policies.propose", body, payload, ("policy", body["kind"]))


@blp.route("/approvals/points-adjustments", methods=["POST"])
@allow("points.propose")
@keyed
@blp.arguments(schemas.AdjustmentRequest)
@blp.response(201, schemas.ApprovalDetailView)
@problems(NotFound, errors.ConcernsYourself)
def propose_adjustment(body: dict[str, Any]) -> Any:
    """提出调整一位居民的积分

    `give` 发放，从本办公室当月额度里出；`take` 扣减，有多少扣多少，余额不会变成负数。居民编号由本人或窗口提供。
    名目和理由居民都看得到。发错的积分请优先用“更正”，它指向原来的那一笔。
    """
    takes = body["direction"] == "take"
    if takes and body["expires_on"] is not None:
        raise FieldError.at("/expires_on", "扣减没有有效期。", "What is taken does not end.")
    ends = body["expires_on"].isoformat() if body["expires_on"] else None
    payload = {
        "resident_id": str(body["resident_id"]), "organisation_id": str(_office(body, "points.propose")),
        "points": -body["points"] if takes else body["points"], "title": body["title"], "expires_on": ends,
        "reason": body["reason"],
    }  # fmt: skip
    subject = ("resident", str(body["resident_id"]))
    return propose("points.adjust", "points.propose", body, payload, subject)


@blp.route("/approvals/exports", methods=["POST"])
@allow("exports.propose")
@keyed
@blp.arguments(schemas.ExportRequest)
@blp.response(201, schemas.ApprovalDetailView)
def propose_export(body: dict[str, Any]) -> Any:
    """提出依法导出个人信息

    指明最多 1000 人（居民编号或身份证号）、字段、用途、法律依据和文号。答复不透露某个身份证号是否登记过。
    批准后 24 小时内，提出人可以下载一次；每个人的“谁看过我”都会登记。
    """
    people = [{name: str(value) for name, value in one.items()} for one in body["people"]]
    for at, one in enumerate(people):
        if len(one) != 1:
            raise FieldError.at(f"/people/{at}", "resident_id 与 id_number 给出其一。", "Give exactly one of the two.")
    if len(set(body["fields"])) != len(body["fields"]):
        raise FieldError.at("/fields", "不重复。", "Not twice.")
    office = _office(body, "exports.propose")
    told = {name: body[name] for name in ("fields", "purpose", "legal_basis", "document_no")}
    payload = {**told, "people": people, "organisation_id": str(office)}
    return propose("people.export", "exports.propose", body, payload, ("residents", str(len(people))))


@blp.route("/approvals", methods=["GET"])
@allow("approvals.read")
@blp.arguments(schemas.ApprovalsQuery, location="query")
@blp.response(200, paging.page_of(schemas.ApprovalView))
def list_approvals(query: dict[str, Any]) -> dict[str, Any]:
    """审批事项，新的在前

    `state`：proposed 待审批，approved 已批准并执行，rejected 不予批准，withdrawn 已撤回，expired 过期。
    """
    position = paging.decode_cursor(query["cursor"], datetime, UUID)
    before = (position[0], position[1]) if position else None
    with reading() as reader:
        found = service.approvals(reader, query["state"], query["limit"] + 1, before)
    answer = paging.page(found, query["limit"], lambda one: (one.proposed_at, one.id))
    return {**answer, "items": [shown(one) for one in answer["items"]]}


@blp.route("/approvals/<uuid:approval_id>", methods=["GET"])
@allow("approvals.read")
@blp.response(200, schemas.ApprovalDetailView)
@problems(NotFound)
def read_approval(approval_id: UUID) -> dict[str, Any]:
    """一个审批事项：将会发生什么、逐项差异、摘要值"""
    with reading() as reader:
        return shown(service.approval(reader, approval_id))


@blp.route("/approvals/<uuid:approval_id>/decisions", methods=["POST"])
@allow("approvals.decide")
@callers.further("policies.approve", "points.approve", "exports.approve", "staff.approve")
@keyed
@blp.arguments(schemas.DecisionRequest)
@blp.response(201, schemas.ApprovalDetailView)
@problems(NotFound, *REFUSALS)
def decide_approval(body: dict[str, Any], approval_id: UUID) -> dict[str, Any]:
    """审批：批准（同时执行）或不予批准

    由提出人以外的另一个人，写明理由和所看内容的 `digest`。批准与执行在同一个事务里：执行不了就没有批准
    （`execution-refused`，事项仍待审批）。各类事项另有各自的权限。两个人同时审批时，只有一个决定成立。
    """
    with reading() as reader:
        action = service.action_of(reader, approval_id)
    callers.require(action)
    with transaction() as session:
        return shown(
            service.decide(
                session, callers.operation(), approval_id, actor_for(action), body["decision"], body["reason"],
                body["digest"],
            )
        )  # fmt: skip


@blp.route("/approvals/<uuid:approval_id>/withdrawal", methods=["POST"])
@allow("approvals.withdraw")
@blp.response(200, schemas.ApprovalDetailView)
@problems(NotFound, errors.NotYourProposal, errors.ApprovalClosed)
def withdraw_approval(approval_id: UUID) -> dict[str, Any]:
    """撤回自己提出、还没有审批的事项；重复撤回不改变什么"""
    with transaction() as session:
        return shown(service.withdraw(session, approval_id, actor_for("approvals.withdraw")))


# --- what the city decides -----------------------------------------------------------------------------------------


@blp.route("/city/policies", methods=["GET"])
@allow("policies.read")
@blp.arguments(paging.PageQuery, location="query")
@blp.response(200, paging.page_of(schemas.PolicyVersionView))
def list_policies(query: dict[str, Any]) -> dict[str, Any]:
    """城市政策的全部版本：各类各版本、自哪天起执行、现在是否执行"""
    with reading() as reader:
        return paging.part_of(policies.versions(reader), query)


@blp.route("/city/policies/<string:kind>/<string:version>", methods=["GET"])
@allow("policies.read")
@blp.response(200, schemas.PolicyContentView)
@problems(NotFound)
def read_policy(kind: str, version: str) -> dict[str, Any]:
    """一份政策的一个版本，连同全文（结构与 TOML 文件相同）"""
    with reading() as reader:
        return policies.version(reader, kind, version)
