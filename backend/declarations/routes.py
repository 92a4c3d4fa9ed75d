"""Declarations over HTTP: for residents, for merchants' staff, and for those who verify."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from flask import Response

from backend.accounts.errors import AdultsOnly
from backend.declarations import desk, rules, schemas, service
from backend.declarations.desk import Reviewer
from backend.declarations.errors import (
    AlreadyDeclared,
    DeclarationDecided,
    DeclarationsClosed,
    EvidenceGone,
    NoCreditCode,
    OwnDeclaration,
    PledgeChanged,
    TooManyDeclarations,
    WhichOrganisation,
)
from backend.declarations.shelves import ENTITIES, PEOPLE
from backend.kit import db
from backend.kit.errors import FieldError, NotFound
from backend.records.errors import EntityNameMismatch, RecordExists, RecordRefused
from backend.web import callers
from backend.web.api import blueprint
from backend.web.callers import IdentityNotBound, allow, keyed, public
from backend.web.paging import PageQuery, decode_cursor, encode_cursor, page, page_of, part_of
from backend.web.problems import problems

blp = blueprint("declarations", "自主申报：自愿申报信用信息，经核实后使用")
OWN, OF_ENTITY, REVIEW = "declarations.declare", "declarations.declare_for_entity", "declarations.review"


def _new(body: dict[str, Any]) -> service.NewDeclaration:
    return service.NewDeclaration(
        body["item_code"], body["fields"], body["pledge_version"], tuple(body["photo_ids"])
    )  # fmt: skip


def _position(one: service.View) -> tuple[object, ...]:
    return one.declared_at, one.id


@blp.route("/catalogue/self-declarable", methods=["GET"])
@public
@blp.arguments(PageQuery, location="query")
@blp.response(200, schemas.DeclarablePage)
def list_declarable(query: dict[str, Any]) -> dict[str, Any]:
    """可以自主申报的目录条目，和申报时须接受的真实性承诺书

    `fields` 是申报时要填的列。承诺书按主体各有一份；提交申报时给出所接受的那一版。
    """
    with db.reading() as reader:
        offered = service.offered(reader)
    items = [{**vars(item), "fields": [_column(one) for one in rules.asked(item)]} for item in offered.items]
    pledges = [{"subject": subject, **pledge._asdict()} for subject, pledge in offered.pledges.items()]
    return {**part_of(items, query), "pledges": pledges}


def _column(field: Any) -> dict[str, Any]:
    return {**vars(field), "values": list(field.values)}


# --- a resident, for herself -----------------------------------------------------------------------------------------


@blp.route("/me/declarations", methods=["GET"])
@allow(OWN)
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.DeclarationView))
@problems(IdentityNotBound)
def list_my_declarations(query: dict[str, Any]) -> dict[str, Any]:
    """我的自主申报，从新到旧，附核实结果和理由"""
    mine, after = callers.current().person(), decode_cursor(query["cursor"], datetime, UUID)
    with db.reading() as reader:
        found = service.declarations(reader, PEOPLE, [mine], query["limit"] + 1, after)
    return page(found, query["limit"], _position)


@blp.route("/me/declarations", methods=["POST"])
@allow(OWN)
@keyed
@blp.arguments(schemas.DeclarationRequest)
@blp.response(201, schemas.DeclarationView)
@problems(
    FieldError, IdentityNotBound, AdultsOnly, NotFound, DeclarationsClosed, PledgeChanged, AlreadyDeclared,
    TooManyDeclarations,
)  # fmt: skip
def declare(body: dict[str, Any]) -> service.View:
    """自主申报一条信息，等待核实

    附件先用 `POST /files` 上传，1 至 9 张。须接受现行的真实性承诺书（`pledge_version`）。核实确认之前不进档案、不计分；
    `due_on` 是应当作出决定的最后一天。只能由本人办理，年满十八周岁。
    """
    resident_id, operation = callers.current().person(), callers.operation()
    with db.transaction() as session:
        return service.declare(session, service.resident(resident_id), _new(body), operation)


@blp.route("/me/declarations/<uuid:declaration_id>", methods=["GET"])
@allow(OWN)
@blp.response(200, schemas.DeclarationView)
@problems(IdentityNotBound, NotFound)
def read_my_declaration(declaration_id: UUID) -> service.View:
    """我的一条自主申报

    附件是自己上传的图片，用 `GET /files/{file_id}` 读取。
    """
    mine = callers.current().person()
    with db.reading() as reader:
        return service.declaration(reader, PEOPLE, [mine], declaration_id)


@blp.route("/me/declarations/<uuid:declaration_id>/withdrawal", methods=["POST"])
@allow(OWN)
@keyed
@blp.response(200, schemas.DeclarationView)
@problems(IdentityNotBound, NotFound, DeclarationDecided)
def withdraw_declaration(declaration_id: UUID) -> service.View:
    """撤回我的一条自主申报

    待核实的不再核实；已确认的，档案里的这条记录随即停用，计过分的同时不再计分。
    """
    resident_id, operation = callers.current().person(), callers.operation()
    with db.transaction() as session:
        return service.withdraw(session, service.resident(resident_id), declaration_id, operation)


# --- a merchant's staff, for their organisation ----------------------------------------------------------------------


@blp.route("/declarations/own", methods=["GET"])
@allow(OF_ENTITY)
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.DeclarationView))
def list_entity_declarations(query: dict[str, Any]) -> dict[str, Any]:
    """本单位的自主申报，从新到旧"""
    organisations = callers.current().organisations_for(OF_ENTITY)
    after = decode_cursor(query["cursor"], datetime, UUID)
    with db.reading() as reader:
        codes = service.codes_of(reader, organisations)
        found = service.declarations(reader, ENTITIES, codes, query["limit"] + 1, after)
    return page(found, query["limit"], _position)


@blp.route("/declarations/own", methods=["POST"])
@allow(OF_ENTITY)
@keyed
@blp.arguments(schemas.EntityDeclarationRequest)
@blp.response(201, schemas.DeclarationView)
@problems(
    FieldError, NotFound, DeclarationsClosed, PledgeChanged, AlreadyDeclared, TooManyDeclarations, NoCreditCode,
    WhichOrganisation,
)  # fmt: skip
def declare_for_entity(body: dict[str, Any]) -> service.View:
    """替本单位自主申报一条信息，等待核实

    归入本单位统一社会信用代码名下。核实确认之前不公开、不用于评价；确认之后展示时标明“自主申报”。
    """
    caller, operation = callers.current(), callers.operation()
    organisations = caller.organisations_for(OF_ENTITY)
    with db.transaction() as session:
        declarer = service.merchant(session, caller.account_id, organisations, body["organisation_id"])
        return service.declare(session, declarer, _new(body), operation)


@blp.route("/declarations/own/<uuid:declaration_id>", methods=["GET"])
@allow(OF_ENTITY)
@blp.response(200, schemas.DeclarationView)
@problems(NotFound)
def read_entity_declaration(declaration_id: UUID) -> service.View:
    """本单位的一条自主申报"""
    organisations = callers.current().organisations_for(OF_ENTITY)
    with db.reading() as reader:
        return service.declaration(reader, ENTITIES, service.codes_of(reader, organisations), declaration_id)


@blp.route("/declarations/own/<uuid:declaration_id>/withdrawal", methods=["POST"])
@allow(OF_ENTITY)
@keyed
@blp.response(200, schemas.DeclarationView)
@problems(NotFound, DeclarationDecided)
def withdraw_entity_declaration(declaration_id: UUID) -> service.View:
    """撤回本单位的一条自主申报

    待核实的不再核实；已确认的随即不再展示和使用。
    """
    caller, operation = callers.current(), callers.operation()
    organisations = caller.organisations_for(OF_ENTITY)
    with db.transaction() as session:
        return service.withdraw_for_entity(session, caller.account_id, organisations, declaration_id, operation)


# --- the desk --------------------------------------------------------------------------------------------------------


def _reviewer() -> Reviewer:
    caller = callers.current()
    roles = callers.PERMISSIONS[REVIEW].roles
    held = tuple((one.role, one.organisation_id) for one in caller.roles if one.role in roles)
    everywhere = frozenset(one.organisation_id for one in caller.roles)
    return Reviewer(caller.account_id, held, everywhere, caller.person_id)


@blp.route("/declarations/review-queue", methods=["GET"])
@allow(REVIEW)
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.DeclarationQueueItemView))
def list_declaration_queue(query: dict[str, Any]) -> dict[str, Any]:
    """待核实的自主申报，先到期的在前，逾期的排在最前

    部门数据专员看到以本部门为来源单位的条目，项目办公室看到全部。姓名只显示姓；每次查看都记入申报人的查询登记。
    """
    after = decode_cursor(query["cursor"], date, UUID)
    with db.transaction() as session:
        items, more = desk.review_queue(session, _reviewer(), query["limit"], after)
    return {"items": items, "next_cursor": encode_cursor(*more) if more else None}


@blp.route("/declarations/<uuid:declaration_id>", methods=["GET"])
@allow(REVIEW)
@blp.response(200, schemas.DeclarationShownView)
@problems(NotFound)
def show_declaration(declaration_id: UUID) -> desk.Shown:
    """一条自主申报的全部内容，供与原始登记核对

    个人的姓名完整显示，身份证号遮盖。查看之前先记入申报人的查询登记。
    """
    with db.transaction() as session:
        return desk.show(session, _reviewer(), declaration_id)


@blp.route("/declarations/<uuid:declaration_id>/photos/<uuid:file_id>", methods=["GET"])
@allow(REVIEW)
@blp.response(200, {"type": "string", "format": "binary"}, content_type="image/webp")
@problems(NotFound)
def show_declaration_photo(declaration_id: UUID, file_id: UUID) -> Response:
    """一条自主申报的一张附件

    查看之前先记入申报人的查询登记。
    """
    with db.transaction() as session:
        media_type, content = desk.photo(session, _reviewer(), declaration_id, file_id)
    return Response(content, content_type=media_type, headers={"Cache-Control": "no-store"})


@blp.route("/declarations/<uuid:declaration_id>/decisions", methods=["POST"])
@allow(REVIEW)
@keyed
@blp.arguments(schemas.DeclarationDecisionRequest)
@blp.response(201, schemas.DeclarationDecidedView)
@problems(NotFound, OwnDeclaration, DeclarationDecided, EvidenceGone, RecordRefused, RecordExists, EntityNameMismatch)
def decide_declaration(body: dict[str, Any], declaration_id: UUID) -> desk.Decided:
    """确认、不予确认一条自主申报，或撤销已作的确认，并写明理由

    确认即写入信用档案，来源写“自主申报，某单位 确认”；可以计分的条目，分数随之变化。确认之后发现不实的用 revoke：
    记录随即停用，理由留在档案里。不能对自己、自己代办过的人、自己所在单位的申报作决定。
    """
    operation = callers.operation()
    with db.transaction() as session:
        return desk.decide(session, _reviewer(), declaration_id, body["decision"], body["reason"], operation)
