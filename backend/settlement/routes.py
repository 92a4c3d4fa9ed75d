"""Settlement over HTTP: a partner's manager sees and reviews her own, the office every partner's."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from flask import Response

from backend.kit import clock
from backend.kit.db import reading, transaction
from backend.kit.errors import FieldError, NotFound
from backend.kit.workbooks import MEDIA_TYPE
from backend.settlement import errors, rules, schemas, service
from backend.web import callers
from backend.web.api import blueprint
from backend.web.callers import allow, keyed
from backend.web.paging import PageQuery, decode_cursor, page, page_of
from backend.web.problems import problems

blp = blueprint("settlement", "结算：合作机构每月的结算单")
FILE = {"type": "string", "format": "binary"}
SEE_ALL = frozenset({"office", "auditor"})


def _whose(action: str = "settlement.read") -> service.Partners:
    caller = callers.current()
    return None if SEE_ALL & {held.role for held in caller.roles} else caller.organisations_for(action)


def _actor(action: str) -> service.Actor:
    caller = callers.current()
    return service.Actor(caller.account_id, caller.role_for(action), _whose(action))


@blp.route("/settlement/statements", methods=["GET"])
@allow("settlement.read")
@blp.arguments(schemas.StatementsQuery, location="query")
@blp.response(200, page_of(schemas.SettlementStatementView))
def list_settlements(query: dict[str, Any]) -> dict[str, Any]:
    """结算单，新的月份在前

    一个月按核销入账的时间（上海）统计。合作机构只看本单位，项目办公室和审计看全部。
    """
    position = decode_cursor(query["cursor"], date, UUID)
    month = rules.month_of(query["month"]) if query["month"] else None
    wanted = service.Wanted(query["partner_id"], month, query["state"])
    with reading() as reader:
        after = (position[0], position[1]) if position else None
        found = service.list_statements(reader, _whose(), wanted, after, query["limit"])
    return page(found, query["limit"], lambda one: (one.row.month, one.id))


@blp.route("/settlement/running", methods=["GET"])
@allow("settlement.read")
@blp.arguments(schemas.RunningQuery, location="query")
@blp.response(200, schemas.RunningMonthView)
@problems(NotFound, FieldError)
def read_running_month(query: dict[str, Any]) -> dict[str, Any]:
    """本月至今

    正在进行的月份到此刻为止的合计，还不是结算单。
    """
    with reading() as reader:
        partner = service.partner(reader, _whose(), query["partner_id"])
        return {
            "partner": {"id": partner.id, "name": partner.name}, "month": f"{clock.today():%Y-%m}",
            "sums": service.running(reader, partner.id),
        }  # fmt: skip


@blp.route("/settlement/statements", methods=["POST"])
@allow("settlement.office")
@keyed
@blp.arguments(schemas.PrepareStatementRequest)
@blp.response(202, schemas.SettlementStatementView)
@problems(NotFound, errors.MonthNotOver)
def prepare_settlement(body: dict[str, Any]) -> service.StatementView:
    """编制一家合作机构一个月的结算单

    每月自动编制；这里用来立即编制。已经有的不会重新编制。逐批写入，`state` 由 preparing 变为 proposed 后可核对。
    """
    with transaction() as session:
        key = service.order_preparation(
            session, body["partner_id"], rules.month_of(body["month"]), _actor("settlement.office"), callers.operation()
        )
        return service.statement(session, None, key)


@blp.route("/settlement/statements/<uuid:statement_id>", methods=["GET"])
@allow("settlement.read")
@blp.response(200, schemas.SettlementStatementDetailView)
@problems(NotFound)
def read_settlement(statement_id: UUID) -> dict[str, Any]:
    """一份结算单，附按优惠、场所和付款单位的合计"""
    with reading() as reader:
        view = service.statement(reader, _whose(), statement_id)
        return {**_plain(view), "sums": service.sums(reader, view)}


def _plain(view: service.StatementView) -> dict[str, Any]:
    names = schemas.SettlementStatementView().fields
    return {name: getattr(view, name) for name in names}


@blp.route("/settlement/statements/<uuid:statement_id>/lines", methods=["GET"])
@allow("settlement.read")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.SettlementLineView))
@problems(NotFound)
def list_settlement_lines(query: dict[str, Any], statement_id: UUID) -> dict[str, Any]:
    """结算单的行

    每行对应一次核销（`admission_id`）和它的积分流水（`transfer_id`）；更正以前月份的行 `kind` 为 correction，为负数。
    """
    position = decode_cursor(query["cursor"], int)
    with reading() as reader:
        view = service.statement(reader, _whose(), statement_id)
        found = service.list_lines(reader, view, position[0] if position else 0, query["limit"])
    return page(found, query["limit"], lambda one: (one.number,))


@blp.route("/settlement/statements/<uuid:statement_id>/statement.xlsx", methods=["GET"])
@allow("settlement.read")
@blp.response(200, FILE, content_type=MEDIA_TYPE)
@problems(NotFound)
def download_settlement_xlsx(statement_id: UUID) -> Response:
    """结算单的 Excel 工作簿：合计、逐笔明细、异议三张表"""
    with reading() as reader:
        view = service.statement(reader, _whose(), statement_id)
        disputed = service.list_disputes(reader, view, None, view.lines)
        made = service.workbook(view, service.sums(reader, view), service.every_line(reader, view), disputed)
    return _file(made, view, "xlsx", MEDIA_TYPE)


@blp.route("/settlement/statements/<uuid:statement_id>/statement.pdf", methods=["GET"])
@allow("settlement.read")
@blp.response(200, FILE, content_type="application/pdf")
@problems(NotFound)
def download_settlement_pdf(statement_id: UUID) -> Response:
    """结算单的 PDF，供打印签章；已关账的月份每次下载逐字节相同"""
    with reading() as reader:
        view = service.statement(reader, _whose(), statement_id)
        made = service.pdf(view, service.sums(reader, view), service.every_line(reader, view))
    return _file(made, view, "pdf", "application/pdf")


def _file(made: bytes, view: service.StatementView, ending: str, media_type: str) -> Response:
    name = f"settlement-{view.month}-{str(view.id)[:8]}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(made, content_type=media_type, headers=headers)


@blp.route("/settlement/statements/<uuid:statement_id>/agreement", methods=["POST"])
@allow("settlement.review")
@keyed
@blp.response(200, schemas.SettlementStatementView)
@problems(NotFound, errors.StatementClosed, errors.StatementNotReady)
def agree_settlement(statement_id: UUID) -> service.StatementView:
    """合作机构确认结算单

    确认后项目办公室可以不等核对期满就关账。还有未决异议时不能确认。
    """
    with transaction() as session:
        service.agree(session, statement_id, _actor("settlement.review"), callers.operation())
        return service.statement(session, None, statement_id)


@blp.route("/settlement/statements/<uuid:statement_id>/disputes", methods=["GET"])
@allow("settlement.read")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.LineDisputeView))
@problems(NotFound)
def list_settlement_disputes(query: dict[str, Any], statement_id: UUID) -> dict[str, Any]:
    """对结算单各行的异议，先提出的在前"""
    position = decode_cursor(query["cursor"], datetime, UUID)
    with reading() as reader:
        view = service.statement(reader, _whose(), statement_id)
        after = (position[0], position[1]) if position else None
        found = service.list_disputes(reader, view, after, query["limit"])
    return page(found, query["limit"], lambda one: (one.raised_at, one.id))


@blp.route("/settlement/statements/<uuid:statement_id>/disputes", methods=["POST"])
@allow("settlement.review")
@keyed
@blp.arguments(schemas.LineDisputeRequest)
@blp.response(201, schemas.LineDisputeView)
@problems(NotFound, FieldError, errors.StatementClosed, errors.StatementNotReady, errors.AlreadyDisputed)
def dispute_settlement_line(body: dict[str, Any], statement_id: UUID) -> Any:
    """对结算单的一行提出异议

    写明主张应付多少分和理由。每行一次；有未决异议时不能关账。
    """
    with transaction() as session:
        actor = _actor("settlement.review")
        key = service.dispute(
            session, statement_id, body["line"], body["wanted_fen"], body["text"], actor, callers.operation()
        )
        return service.dispute_of(session, service.statement(session, actor.partners, statement_id), key)


@blp.route("/settlement/statements/<uuid:statement_id>/disputes/<uuid:dispute_id>/decision", methods=["POST"])
@allow("settlement.office")
@keyed
@blp.arguments(schemas.LineDecisionRequest)
@blp.response(200, schemas.LineDisputeView)
@problems(NotFound, FieldError, errors.StatementClosed, errors.DisputeDecided)
def decide_settlement_dispute(body: dict[str, Any], statement_id: UUID, dispute_id: UUID) -> Any:
    """项目办公室决定一项异议

    `upheld` 时写明该行改为应付多少分。决定只作一次，理由给合作机构看。
    """
    decision = service.Decision(body["outcome"] == "upheld", body["due_fen"], body["reason"])
    with transaction() as session:
        service.decide(
            session, statement_id, dispute_id, decision, _actor("settlement.office"), callers.operation()
        )  # fmt: skip
        return service.dispute_of(session, service.statement(session, None, statement_id), dispute_id)


@blp.route("/settlement/statements/<uuid:statement_id>/closing", methods=["POST"])
@allow("settlement.office")
@keyed
@blp.response(200, schemas.SettlementStatementView)
@problems(NotFound, errors.StatementClosed, errors.StatementNotReady)
def close_settlement(statement_id: UUID) -> service.StatementView:
    """关账

    合作机构已确认，或核对期已满；没有未决异议。关账之后永远不变，`digest` 是各行的摘要；以后的差错在下一份里更正。
    """
    with transaction() as session:
        service.close(session, statement_id, _actor("settlement.office"), callers.operation())
        return service.statement(session, None, statement_id)
