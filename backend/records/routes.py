"""The archives over HTTP: for the person, for departments' data officers, for the programme office."""

from __future__ import annotations

from datetime import date
from typing import Any, cast
from uuid import UUID

from backend.catalogue import service as catalogue
from backend.catalogue.rules import Item
from backend.kit import db
from backend.kit.errors import NotFound
from backend.records import desk, rules, schemas, service
from backend.records.errors import RecordExists, RecordRefused, RecordSelfDeclared, StatusNotPossible
from backend.web import callers
from backend.web.api import blueprint
from backend.web.callers import IdentityNotBound, allow, keyed
from backend.web.paging import PageQuery, decode_cursor, encode_cursor, page, page_of
from backend.web.problems import problems

blp = blueprint("records", "信用档案：本人、法人和非法人组织名下的公共信用信息")


# --- one's own -------------------------------------------------------------------------------------------------------


@blp.route("/me/records", methods=["GET"])
@allow("records.read_own")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.RecordView))
@problems(IdentityNotBound)
def list_my_records(query: dict[str, Any]) -> dict[str, Any]:
    """本人的信用档案

    按决定日期从新到旧。每条写明依据哪个目录条目、哪份文书、由谁认定、现在的状态和使用到哪一天；
    异议处理中、已修复、已撤销的也列出，但不再使用。self_declared 为 true 的由本人自主申报，经 source 所写的单位确认。
    """
    caller = callers.current()
    after = decode_cursor(query["cursor"], date, UUID)
    with db.reading() as reader:
        items = catalogue.items(reader)
        found = service.records_of(reader, caller.person(), query["limit"] + 1, cast("tuple[date, UUID] | None", after))
    answer = page(found, query["limit"], lambda record: (record.decided_on, record.id))
    answer["items"] = [_view(record, items) for record in answer["items"]]
    return answer


@blp.route("/me/records/<uuid:record_id>/versions", methods=["GET"])
@allow("records.read_own")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.RecordVersionView))
@problems(IdentityNotBound, NotFound)
def list_my_record_versions(query: dict[str, Any], record_id: UUID) -> dict[str, Any]:
    """本人一条记录的来历：先后说过什么

    从最早的一版到现在。每版写明当时的内容和状态、何时变更（`changed_at`）、为什么、被下一版取代的时间（`replaced_at`，
    现行的一版为空）。
    """
    resident_id = callers.current().person()
    with db.reading() as reader:
        items = catalogue.items(reader)
        found = service.lineage_of(reader, resident_id, record_id)
    return _versions(found, query, items)


# --- legal entities, for staff -----------------------------------------------------------------------------------


def _officer(action: str) -> desk.Officer:
    caller = callers.current()
    office = any(held.role == "office" for held in caller.roles)
    return desk.Officer(caller.account_id, caller.role_for(action), caller.organisations_for(action), office)


@blp.route("/records/entities/<string:entity_code>", methods=["GET"])
@allow("records.read_entities")
@blp.arguments(PageQuery, location="query")
@blp.response(200, schemas.EntityArchiveView)
@problems(NotFound)
def read_entity_archive(query: dict[str, Any], entity_code: str) -> dict[str, Any]:
    """一个法人或非法人组织的信用档案

    部门数据专员看到本部门为来源单位的条目；项目办公室看到全部条目，须经授权查询的除外。按决定日期从新到旧，
    不论状态和公示与否。法定代表人的证件不显示。
    """
    officer, after = _officer("records.read_entities"), decode_cursor(query["cursor"], date, UUID)
    with db.reading() as reader:
        items = catalogue.items(reader)
        entity, found = desk.archive(
            reader, officer, _code(entity_code), query["limit"] + 1, cast("tuple[date, UUID] | None", after)
        )
    answer = page(found, query["limit"], lambda record: (record.decided_on, record.id))
    answer["items"] = [_view(record, items) for record in answer["items"]]
    told = {name: getattr(entity, name) for name in ("code", "name", "known_from", "changed_at")}
    return told | answer


@blp.route("/records/entities/<string:entity_code>/records/<uuid:record_id>/versions", methods=["GET"])
@allow("records.read_entities")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.EntityVersionView))
@problems(NotFound)
def list_entity_record_versions(query: dict[str, Any], entity_code: str, record_id: UUID) -> dict[str, Any]:
    """一条记录的来历：谁、哪一批、何时让它这样说

    从最早的一版到现在；`replaced_at` 为空的是现行的一版。
    """
    officer = _officer("records.read_entities")
    with db.reading() as reader:
        items = catalogue.items(reader)
        found = desk.lineage(reader, officer, _code(entity_code), record_id)
    return _versions(found, query, items)


@blp.route("/records/entities/<string:entity_code>/records/<uuid:record_id>", methods=["PUT"])
@allow("records.correct")
@keyed
@blp.arguments(schemas.CorrectionRequest)
@blp.response(200, schemas.EntityRecordView)
@problems(NotFound, RecordRefused, RecordExists, StatusNotPossible)
def correct_entity_record(body: dict[str, Any], entity_code: str, record_id: UUID) -> dict[str, Any]:
    """更正法人的一条记录

    由来源单位的数据专员办理：给出文书的全部内容（不只是要改的列），目录条目和主体不能变。原来的内容作为一版保留；公示和保存
    的期限按更正后的内容重新计算；异议处理中的仍在处理。已修复、已撤销、已到期的不再更正。内容没有变化时什么也不写。
    """
    officer, operation = _officer("records.correct"), callers.operation()
    with db.transaction() as session:
        record = desk.correct_entity_record(
            session, officer, operation, _code(entity_code), record_id, _content(body), body["reason"]
        )
        return _view(record, catalogue.items(session))


@blp.route("/records/entities/<string:entity_code>/records/<uuid:record_id>/withdrawal", methods=["POST"])
@allow("records.correct")
@keyed
@blp.arguments(schemas.WithdrawalRequest)
@blp.response(200, schemas.EntityRecordView)
@problems(NotFound, StatusNotPossible, RecordSelfDeclared)
def withdraw_entity_record(body: dict[str, Any], entity_code: str, record_id: UUID) -> dict[str, Any]:
    """撤销法人的一条记录

    由来源单位的数据专员办理：认定有误、报错主体的。随即不再公示、不再使用，档案里注明已撤销；同一文书不能再报。
    整批有误的，撤回批次。
    """
    officer, operation = _officer("records.correct"), callers.operation()
    with db.transaction() as session:
        record = desk.withdraw_entity_record(session, officer, operation, _code(entity_code), record_id, body["reason"])
        return _view(record, catalogue.items(session))


@blp.route("/records/entities/<string:entity_code>/name", methods=["PUT"])
@allow("records.rename")
@keyed
@blp.arguments(schemas.RenameRequest)
@blp.response(200, schemas.EntityView)
@problems(NotFound, RecordRefused)
def rename_entity(body: dict[str, Any], entity_code: str) -> service.Entity:
    """法人更名

    登记机关准予变更名称后由项目办公室办理；之后以新名称报送的记录归入同一档案，以旧名称报送的按名称不符处理。
    """
    officer, operation = _officer("records.rename"), callers.operation()
    with db.transaction() as session:
        return desk.rename_entity(session, officer, operation, _code(entity_code), body["name"], body["reason"])


# --- people's, for the department that reported --------------------------------------------------------------------


@blp.route("/records/people/<uuid:resident_id>/records/<uuid:record_id>", methods=["PUT"])
@allow("records.correct")
@keyed
@blp.arguments(schemas.CorrectionRequest)
@blp.response(200, schemas.ActedView)
@problems(NotFound, RecordRefused, RecordExists, StatusNotPossible)
def correct_person_record(body: dict[str, Any], resident_id: UUID, record_id: UUID) -> dict[str, Any]:
    """更正自然人的一条记录

    由来源单位的数据专员办理，要求与更正法人的记录相同；信用分随即跟着变。答复只说办成了没有，不显示档案内容；
    需要查看的，按登记的理由查询，本人看得到谁看过。
    """
    officer, operation = _officer("records.correct"), callers.operation()
    with db.transaction() as session:
        record = desk.correct_person_record(
            session, officer, operation, resident_id, record_id, _content(body), body["reason"]
        )
    return _acted(record)


@blp.route("/records/people/<uuid:resident_id>/records/<uuid:record_id>/withdrawal", methods=["POST"])
@allow("records.correct")
@keyed
@blp.arguments(schemas.WithdrawalRequest)
@blp.response(200, schemas.ActedView)
@problems(NotFound, StatusNotPossible, RecordSelfDeclared)
def withdraw_person_record(body: dict[str, Any], resident_id: UUID, record_id: UUID) -> dict[str, Any]:
    """撤销自然人的一条记录

    由来源单位的数据专员办理：认定有误、报错人的。随即不再使用，信用分跟着变；档案里注明已撤销，同一文书不能再报。
    """
    officer, operation = _officer("records.correct"), callers.operation()
    with db.transaction() as session:
        record = desk.withdraw_person_record(session, officer, operation, resident_id, record_id, body["reason"])
    return _acted(record)


# --- shown ---------------------------------------------------------------------------------------------------------


def _code(text: str) -> str:
    """A credit code as archives are keyed by it; what is none is nobody's."""
    code = rules.normal_entity_code(text)
    if code is None:
        raise NotFound()
    return code


def _content(body: dict[str, Any]) -> desk.Content:
    return desk.Content(body["document_no"], body["title"], body["decided_on"], body["ended_on"], body["fields"])


def _view(record: service.Record, items: dict[str, Item]) -> dict[str, Any]:
    item = items.get(record.item_code)
    titles = {f.name: f.title for f in item.fields} if item else {}
    told = {name: getattr(record, name) for name in service.COLUMNS}
    return told | {
        "item_title": item.title if item else record.item_code, "category": item.category if item else "",
        "source": record.source_name, "status_text": rules.STATUS_TEXT[record.status],
        "self_declared": record.declaration_id is not None, "may_feed_score": bool(item and item.may_feed_score),
        "fields": [
            {"name": name, "title": titles.get(name, name), "value": value} for name, value in record.fields.items()
        ],
    }  # fmt: skip


def _acted(record: service.Record) -> dict[str, Any]:
    told = {name: getattr(record, name) for name in ("id", "item_code", "version", "status", "changed_at")}
    return told | {"status_text": rules.STATUS_TEXT[record.status]}


def _versions(found: list[service.Version], query: dict[str, Any], items: dict[str, Item]) -> dict[str, Any]:
    """A page of versions, by number."""
    if not found:
        raise NotFound()
    after = decode_cursor(query["cursor"], int)
    rest = [version for version in found if after is None or version.record.version > after[0]]
    shown, more = rest[: query["limit"]], len(rest) > query["limit"]
    views = [_view(version.record, items) | {"replaced_at": version.replaced_at} for version in shown]
    return {"items": views, "next_cursor": encode_cursor(shown[-1].record.version) if more else None}
