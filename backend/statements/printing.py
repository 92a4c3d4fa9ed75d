"""A month as a file to keep (PDF). Of a closed month the same bytes every time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from backend.kit import clock
from backend.kit.paper import Column, Paper
from backend.ledger import service as ledger
from backend.statements.rules import KIND_WORDS
from backend.statements.service import Statement

_TOTALS = (Column("类别", 40), Column("笔数", 20, True), Column("收入", 20, True), Column("支出", 20, True))
_ENDS = (Column("可用到（含当日）", 40), Column("积分", 20, True), Column("", 40))
_LINES = (
    Column("序号", 7, True), Column("时间（北京时间）", 20), Column("类别", 12), Column("事由", 31), Column("对方", 20),
    Column("变动", 9, True), Column("余额", 10, True),
)  # fmt: skip


def pdf(programme: str, wallet_id: UUID, found: Statement, lines: Iterable[ledger.Line], now: datetime) -> bytes:
    """The statement as A4 pages. ``now``: as of when a month that is not closed is shown."""
    month = found.month
    title = f"{programme} 社区积分月结单 {month.month:%Y年%m月}"
    paper = Paper(title, title, f"钱包编号 {wallet_id}")
    paper.heading(f"社区积分月结单 {month.month:%Y年%m月}", 16)
    _summary(paper, programme, found, now)
    _tables(paper, found)
    paper.heading("逐笔明细")
    paper.table(_LINES)
    for one in lines:
        said = f"{one.title}（理由：{one.reason}）" if one.reason else one.title
        paper.row((str(one.number), _instant(one.at), KIND_WORDS.get(one.kind, one.kind), said, one.counterparty,
                   _signed(one.amount_points), str(one.balance_after_points)))  # fmt: skip
    paper.line(f"以上共 {month.entries} 笔，期末余额 {month.closing_points} 积分。")
    return paper.finish()


def _summary(paper: Paper, programme: str, found: Statement, now: datetime) -> None:
    month = found.month
    came = sum(one.in_points for one in found.totals)
    went = sum(one.out_points for one in found.totals)
    paper.line(
        f"{programme}社区积分钱包一个月的明细：期初余额、逐笔变动、期末余额。积分换物品和服务，不是货币，不换现金。"
    )
    if month.made_at is not None:
        paper.line(f"制作时间：{_instant(month.made_at)}（北京时间）。本月已结账，内容不再变动。")
    else:
        paper.line(f"制作时间：{_instant(now)}（北京时间）。本月尚未结账，这里是截至此时的情况。")
    paper.line("本单不含姓名和证件号，只有钱包编号。")
    paper.line(f"期初余额 {month.opening_points} ＋ 收入 {came} － 支出 {went} ＝ 期末余额 {month.closing_points}", 12)


def _tables(paper: Paper, found: Statement) -> None:
    paper.heading("按类别合计")
    paper.table(_TOTALS)
    for one in found.totals:
        told = (str(one.entries), str(one.in_points), str(one.out_points))
        paper.row((KIND_WORDS.get(one.kind, one.kind), *told))
    paper.heading("期末余额何时到期")
    if not found.by_end:
        paper.line("期末没有积分。")
        return
    paper.table(_ENDS)
    for end, points in found.by_end:
        paper.row((_day(end) if end else "长期有效", str(points), ""))
    paper.line("最后有效日已过、尚未入账的积分仍在账面余额内，次日按“到期”入账。")


def _signed(points: int) -> str:
    return f"+{points}" if points > 0 else f"−{-points}"


def _instant(at: datetime) -> str:
    return f"{at.astimezone(clock.SHANGHAI):%Y-%m-%d %H:%M:%S}"


def _day(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"
