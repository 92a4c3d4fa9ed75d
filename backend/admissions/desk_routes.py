"""The edge of what the door has counted: reports, and conflicts between partner and office."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response

from backend.admissions import conflicts, desk_schemas, reports, service
from backend.admissions.desk_sheet import HEADER, rows
from backend.admissions.errors import ConflictSettled, DeviceWithoutVenue, OwnConflict
from backend.admissions.reports import Line, Place, Report
from backend.kit import clock, sheets
from backend.kit.db import reading, transaction
from backend.kit.errors import NotFound
from backend.web import callers
from backend.web.api import blueprint
from backend.web.callers import allow, keyed
from backend.web.paging import decode_cursor, page, page_of
from backend.web.problems import problems, title_of

blp = blueprint("door-desk", "场所报表与离线冲突")
FILE = {"type": "string", "format": "binary"}
ANSWER, DECIDE = "conflicts.answer", "conflicts.decide"


# --- reports ---------------------------------------------------------------------------------------------------------


def _own_report(query: dict[str, Any]) -> Report:
    caller = callers.current()
    at_door = service.door(caller.device_id, caller.organisation_id, caller.venue_id)
    bounds = reports.span(query["on"], query["since"], query["until"])
    with reading() as reader:
        return reports.report(reader, Place([at_door.partner_id], None, at_door.device_id), bounds)


def _partner_report(query: dict[str, Any]) -> Report:
    bounds = reports.span(query["on"], query["since"], query["until"])
    with reading() as reader:
        place = reports.own_place(reader, callers.current().organisations_for("partner.report"), query["venue"])
        return reports.report(reader, place, bounds)


def _figures(line: Line) -> dict[str, Any]:
    refused = sorted(line.refused.items(), key=lambda one: (-one[1], one[0]))
    told = [{"reason": reason, "title": title_of(reason), "count": count} for reason, count in refused]
    offer = None if line.offer_id is None else {"id": line.offer_id, "title": line.title or ""}
    return {**vars(line), "refused": told, "offer": offer}


def _view(report: Report) -> dict[str, Any]:
    offers = [_figures(line) for line in report.offers]
    return {**vars(report), "offers": offers, "total": _figures(report.total)}


def _file(report: Report, name: str) -> Response:
    day = clock.shanghai_date(report.since).isoformat()
    headers = {"Content-Disposition": f'attachment; filename="{name}-{day}.csv"', "Cache-Control": "no-store"}
    body = sheets.table(HEADER, rows(report, title_of))
    return Response(body, content_type="text/csv; charset=utf-8", headers=headers)


@blp.route("/venue/report", methods=["GET"])
@allow("venue.report")
@blp.arguments(desk_schemas.ReportQuery, location="query")
@blp.response(200, desk_schemas.ReportView)
@problems(DeviceWithoutVenue)
def read_shift_report(query: dict[str, Any]) -> dict[str, Any]:
    """本机一天或一班的报表

    按优惠：放行、撤销、按原因的拒绝、冲突、离线、积分和应付金额（分）、第一次和最后一次。按记录到达的时间归入，
    晚上传的离线核销算在上传那天。只有数字，没有任何居民。
    """
    return _view(_own_report(query))


@blp.route("/venue/report.csv", methods=["GET"])
@allow("venue.report")
@blp.arguments(desk_schemas.ReportQuery, location="query")
@blp.response(200, FILE, content_type="text/csv")
@problems(DeviceWithoutVenue)
def download_shift_report(query: dict[str, Any]) -> Response:
    """下载本机一天或一班的报表（CSV）

    UTF-8 带 BOM，字段都加双引号；以 `'` 开头的单元格是为了不被表格软件当作公式。
    """
    return _file(_own_report(query), "shift")


@blp.route("/partner/report", methods=["GET"])
@allow("partner.report")
@blp.arguments(desk_schemas.PartnerReportQuery, location="query")
@blp.response(200, desk_schemas.ReportView)
@problems(NotFound)
def read_partner_report(query: dict[str, Any]) -> dict[str, Any]:
    """本单位场馆一天或一班的报表

    `venue` 只看一个场馆，别家的场馆答 404。数字的含义同 `GET /venue/report`。
    """
    return _view(_partner_report(query))


@blp.route("/partner/report.csv", methods=["GET"])
@allow("partner.report")
@blp.arguments(desk_schemas.PartnerReportQuery, location="query")
@blp.response(200, FILE, content_type="text/csv")
@problems(NotFound)
def download_partner_report(query: dict[str, Any]) -> Response:
    """下载本单位场馆一天或一班的报表（CSV）"""
    return _file(_partner_report(query), "partner")


# --- conflicts -------------------------------------------------------------------------------------------------------


def _desk(action: str) -> conflicts.Desk:
    caller = callers.current()
    return conflicts.Desk(caller.account_id, caller.role_for(action), caller.person_id)


def _position(query: dict[str, Any]) -> tuple[datetime, UUID] | None:
    position = decode_cursor(query["cursor"], datetime, UUID)
    return (position[0], position[1]) if position else None


@blp.route("/partner/conflicts", methods=["GET"])
@allow(ANSWER)
@blp.arguments(desk_schemas.ConflictQuery, location="query")
@blp.response(200, page_of(desk_schemas.ConflictView))
def list_conflicts(query: dict[str, Any]) -> dict[str, Any]:
    """本单位的离线冲突，新的在前

    离线时放行了、按规则却不该放行的：何时、哪个场馆、哪台设备、哪项优惠、为什么、涉及多少。从不说是哪位居民。
    `open` 待处理，`claimed` 已主张待办公室决定；`accepted` 计入结算（分），积分始终不动。
    """
    mine = callers.current().organisations_for(ANSWER)
    with reading() as reader:
        found = conflicts.of_partners(reader, mine, query["step"], query["limit"] + 1, _position(query))
    return page(found, query["limit"], lambda one: (one.recorded_at, one.id))


@blp.route("/partner/conflicts/<uuid:conflict_id>/claims", methods=["POST"])
@allow(ANSWER)
@keyed
@blp.arguments(desk_schemas.ClaimRequest)
@blp.response(201, desk_schemas.ConflictView)
@problems(NotFound, ConflictSettled)
def claim_conflict(body: dict[str, Any], conflict_id: UUID) -> conflicts.Conflict:
    """主张一条冲突仍应结算，写明理由

    办公室决定之前不计入结算。`text` 不要写居民的姓名和号码。
    """
    mine = callers.current().organisations_for(ANSWER)
    with transaction() as session:
        return conflicts.claim(session, mine, conflict_id, body["text"], _desk(ANSWER), callers.operation())


@blp.route("/partner/conflicts/<uuid:conflict_id>/waivers", methods=["POST"])
@allow(ANSWER)
@keyed
@blp.response(201, desk_schemas.ConflictView)
@problems(NotFound, ConflictSettled)
def waive_conflict(conflict_id: UUID) -> conflicts.Conflict:
    """放弃一条冲突，已主张的也可以放弃；之后不再改变"""
    mine = callers.current().organisations_for(ANSWER)
    with transaction() as session:
        return conflicts.waive(session, mine, conflict_id, _desk(ANSWER), callers.operation())


@blp.route("/conflicts", methods=["GET"])
@allow(DECIDE)
@blp.arguments(desk_schemas.ClaimQuery, location="query")
@blp.response(200, page_of(desk_schemas.ConflictView))
def list_claims(query: dict[str, Any]) -> dict[str, Any]:
    """合作机构主张的冲突，先主张的在前；默认只列待决定的"""
    with reading() as reader:
        found = conflicts.claimed(reader, query["step"], query["limit"] + 1, _position(query))
    return page(found, query["limit"], lambda one: (one.listed_at, one.id))


@blp.route("/conflicts/<uuid:conflict_id>/decisions", methods=["POST"])
@allow(DECIDE)
@keyed
@blp.arguments(desk_schemas.ConflictDecisionRequest)
@blp.response(201, desk_schemas.ConflictView)
@problems(NotFound, ConflictSettled, OwnConflict)
def decide_conflict(body: dict[str, Any], conflict_id: UUID) -> conflicts.Conflict:
    """认可或不认可一条主张，写明理由

    认可的计入结算（分），积分不动；决定之后不再改变。不能决定与自己有关的。
    """
    with transaction() as session:
        return conflicts.decide(
            session, conflict_id, body["accepted"], body["reason"], _desk(DECIDE), callers.operation()
        )  # fmt: skip
