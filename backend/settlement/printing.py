"""A statement as a file to print and sign (PDF)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from backend.kit.paper import Column, Paper
from backend.settlement.reading import LineView, StatementView, Sum
from backend.settlement.rules import yuan
from backend.settlement.workbook import KINDS, instant

_SUMS = (Column("优惠", 30), Column("场所", 26), Column("付款单位", 20), Column("笔数", 8, True),
         Column("积分", 10, True), Column("应付（元）", 14, True))  # fmt: skip
_LINES = (Column("行号", 8, True), Column("类别", 8), Column("核销时间", 22), Column("优惠", 26), Column("场所", 22),
          Column("积分", 8, True), Column("应付（元）", 12, True), Column("核销编号", 24))  # fmt: skip


def pdf(view: StatementView, summed: Sequence[Sum], found: Iterable[LineView]) -> bytes:
    """The statement as A4 pages. Of a closed month the same bytes every time."""
    title = f"信易+ 合作机构结算单 {view.month}"
    paper = Paper(title, f"{title}　{view.partner_name}", f"结算单编号 {view.id}")
    paper.heading(f"合作机构结算单 {view.month}", 16)
    paper.line(f"合作机构：{view.partner_name}")
    paper.line("按核销入账的月份（上海时间）统计；每一行对应一次核销，积分与积分账一致。")
    paper.line(f"状态：{view.state_text}。" + _standing(view))
    paper.line(f"共 {view.lines} 行，积分 {view.total_points}，应付 {yuan(view.total_fen)} 元", 12)
    paper.heading("按优惠、场所和付款单位合计")
    paper.table(_SUMS)
    for one in summed:
        paper.row(
            (one.offer["title"], one.venue["name"], one.payer, str(one.lines), str(one.points), yuan(one.due_fen))
        )
    paper.heading("逐笔明细")
    paper.table(_LINES)
    for line in found:
        paper.row(
            (str(line.number), KINDS[line.kind], instant(line.happened_at), line.offer["title"], line.venue["name"],
             str(line.points), yuan(line.due_fen), f"{str(line.admission_id)[-12:]}　{line.note}".strip())
        )  # fmt: skip
    paper.line("核销编号只列末 12 位；完整编号和积分流水编号见同名 Excel 工作簿。")
    return paper.finish()


def _standing(view: StatementView) -> str:
    if view.closed_at is not None:
        return f"关账时间 {instant(view.closed_at)}。各行摘要（SHA-256）{view.digest}"
    return f"核对截止 {view.review_until_on}；未决异议 {view.open_disputes} 行。尚未关账，数字可能变动。"
