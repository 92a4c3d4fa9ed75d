"""A statement as an Excel workbook: a page of totals, a page of lines, a page of what was disputed."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from openpyxl import Workbook

from backend.kit import deadline
from backend.kit.clock import SHANGHAI
from backend.kit.workbooks import BOLD, LARGE, WHOLE, Sheet
from backend.settlement.reading import LineView, StatementView, Sum

MONEY = "#,##0.00"
OUTCOMES = {"open": "待决定", "upheld": "成立", "rejected": "不成立"}
SOURCES = {"online": "联网", "offline": "离线补传", "operator": "停车场系统"}
KINDS = {"admission": "核销", "correction": "更正"}


def workbook(view: StatementView, summed: Sequence[Sum], found: Iterable[LineView], disputed: Sequence[Any]) -> bytes:
    """The whole workbook. Money is shown in yuan and is exact: the lines are whole fen."""
    book = Workbook(write_only=True)
    _totals(Sheet(book, "结算单"), view, summed)
    _lines(Sheet(book, "逐笔明细"), found)
    _disputes(Sheet(book, "异议"), disputed)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _totals(sheet: Sheet, view: StatementView, summed: Sequence[Sum]) -> None:
    sheet.widths(28, 28, 24, 10, 12, 16)
    sheet.prose("信易+ 合作机构结算单", font=LARGE)
    sheet.line(["合作机构", view.partner_name])
    sheet.line(["月份（按入账时间，上海）", view.month])
    sheet.line(["状态", view.state_text])
    sheet.line(["核对截止", f"{view.review_until_on}"])
    if view.closed_at is not None:
        sheet.line(["关账", instant(view.closed_at)])
        sheet.line(["行的摘要（SHA-256）", view.digest])
    sheet.line(["编号", str(view.id)])
    sheet.line([])
    sheet.head(["优惠", "场所", "付款单位", "笔数", "积分", "应付（元）"])
    for one in summed:
        sheet.line(
            [one.offer["title"], one.venue["name"], one.payer, one.lines, one.points, one.due_fen / 100],
            ["", "", "", WHOLE, WHOLE, MONEY],
        )
    total = ["合计", "", "", view.lines, view.total_points, view.total_fen / 100]
    sheet.line(total, ["", "", "", WHOLE, WHOLE, MONEY], BOLD)


def _lines(sheet: Sheet, found: Iterable[LineView]) -> None:
    sheet.widths(8, 8, 20, 20, 28, 24, 12, 20, 10, 12, 12, 40, 38, 38)
    sheet.freeze("C2")
    sheet.head(["行号", "类别", "核销时间", "入账时间", "优惠", "场所", "方式", "付款单位", "积分", "单价（元）",
                "应付（元）", "备注", "核销编号", "积分流水编号"])  # fmt: skip
    formats = ["0", "", "", "", "", "", "", "", WHOLE, MONEY, MONEY]
    for one in found:
        deadline.check()
        sheet.line(
            [one.number, KINDS[one.kind], instant(one.happened_at), instant(one.counted_at), one.offer["title"],
             one.venue["name"], SOURCES.get(one.source, one.source), one.payer, one.points, one.price_fen / 100,
             one.due_fen / 100, one.note, str(one.admission_id), str(one.transfer_id or "")],
            formats,
        )  # fmt: skip


def _disputes(sheet: Sheet, disputed: Sequence[Any]) -> None:
    sheet.widths(8, 20, 14, 60, 12, 20, 60)
    sheet.head(["行号", "提出时间", "主张（元）", "理由", "结论", "决定时间", "答复"])
    for one in disputed:
        decided = instant(one.decided_at) if one.decided_at else ""
        sheet.line(
            [one.line_number, instant(one.raised_at), one.wanted_fen / 100, one.text, OUTCOMES[one.state], decided,
             one.reason],
            ["0", "", MONEY],
        )  # fmt: skip


def instant(at: datetime) -> str:
    """An instant as a statement writes it."""
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
