"""A resident's wallet month by month, to read and to keep."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Response

from backend.kit import city, clock
from backend.kit.db import reading
from backend.kit.errors import FieldError, NotFound
from backend.statements import printing, rules, schemas, service
from backend.statements.errors import StatementTooLong, StatementUnproved
from backend.statements.service import Month, Statement
from backend.web import callers, paging
from backend.web.api import blueprint
from backend.web.callers import IdentityNotBound, allow
from backend.web.problems import problems

blp = blueprint("statements", "积分月结单")
PDF = "application/pdf"


@blp.route("/me/wallet/statements", methods=["GET"])
@allow("wallet.read")
@blp.arguments(paging.PageQuery, location="query")
@blp.response(200, paging.page_of(schemas.StatementMonthView))
@problems(IdentityNotBound)
def list_statements(query: dict[str, Any]) -> dict[str, Any]:
    """我的积分月结单

    有积分变动的月份（上海时区），新的在前。次月 2 日起结账，结账后内容不再变动，`made_at` 是结账时间；
    在那以前也可以看，`made_at` 为 null。
    """
    position = paging.decode_cursor(query["cursor"], date)
    with reading() as reader:
        found = service.months(
            reader, callers.current().person(), query["limit"] + 1, position[0] if position else None
        )
    page = paging.page(found, query["limit"], lambda one: (one.month,))
    return {**page, "items": [_month(one) for one in page["items"]]}


@blp.route("/me/wallet/statements/<string:month>", methods=["GET"])
@allow("wallet.read")
@blp.arguments(paging.PageQuery, location="query")
@blp.response(200, schemas.StatementView)
@problems(IdentityNotBound, NotFound, StatementUnproved)
def read_statement(query: dict[str, Any], month: str) -> dict[str, Any]:
    """一个月的积分明细

    `month` 写作 2026-03。期初余额、按类别的合计、期末余额和它何时到期，以及一页明细（旧的在前）。给出之前先核对：
    期初余额加减合计等于期末余额，每一笔之后的余额前后相接。一笔属于它入账时上海的月份；已结账的月份之后才入账的，
    算下一个月。
    """
    person, wanted = callers.current().person(), _called(month)
    position = paging.decode_cursor(query["cursor"], int)
    with reading() as reader:
        found = service.statement(reader, person, wanted)
        after = position[0] if position else found.month.after
        if not found.month.after <= after <= found.month.last:
            raise FieldError.at("/query/cursor", "不是本接口给出的游标。", "Not a cursor of ours.")
        lines = list(service.lines(reader, person, found.month, after, query["limit"] + 1))
    page = paging.page(lines, query["limit"], lambda line: (line.number,))
    return {**_month(found.month), **_sums(found), **page}


@blp.route("/me/wallet/statements/<string:month>.pdf", methods=["GET"])
@allow("wallet.read")
@blp.response(200, {"type": "string", "format": "binary"}, content_type=PDF)
@problems(IdentityNotBound, NotFound, StatementTooLong, StatementUnproved)
def download_statement(month: str) -> Response:
    """一个月的积分月结单（PDF）

    `month` 写作 2026-03。内容同上，逐笔列全，A4，有页码和制作时间。已结账的月份每次都是同样的文件。不含姓名和证件号。
    一个文件最多 12,000 笔，再多请分页读取。
    """
    person, wanted = callers.current().person(), _called(month)
    with reading() as reader:
        found = service.statement(reader, person, wanted)
        if found.month.entries > rules.MOST_PRINTED:
            raise StatementTooLong(entries=found.month.entries, most_entries=rules.MOST_PRINTED)
        now = clock.now()
        programme = city.get(reader, "city", clock.shanghai_date(found.month.made_at or now)).content["programme"]
        lines = service.lines(reader, person, found.month)
        content = printing.pdf(programme, person, found, lines, now)
    headers = {
        "Content-Disposition": f'attachment; filename="points-{month}.pdf"', "Cache-Control": "no-store",
    }  # fmt: skip
    return Response(content, content_type=PDF, headers=headers)


def _called(month: str) -> date:
    """Raises NotFound for what is no month."""
    found = rules.month_called(month)
    if found is None:
        raise NotFound()
    return found


def _month(one: Month) -> dict[str, Any]:
    return {**one._asdict(), "month": f"{one.month:%Y-%m}", "entries": one.entries}


def _sums(found: Statement) -> dict[str, Any]:
    return {
        "totals": [{**one._asdict(), "title": rules.KIND_WORDS.get(one.kind, one.kind)} for one in found.totals],
        "by_end": [{"expires_on": end, "points": points} for end, points in found.by_end],
    }
