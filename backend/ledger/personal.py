"""What the ledger keeps of a person: nothing but movements under a number that stops meaning anybody."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.kit import clock
from backend.kit.db import Reader
from backend.kit.personal import PAGE, Column, Keeper, Kept, Leaving, Page, Section, listing
from backend.ledger.book import open_account, open_book, post_due, read_open_lots
from backend.ledger.models import lots
from backend.ledger.rules import Take, oldest_first
from backend.ledger.statement import entries

DEPARTURE = "ledger.departure"
"""The code of the transfers that book a leaver's points out."""

_ENTRY = (
    Column("number", "序号", "whole"),
    Column("at", "时间", "instant"),
    Column("amount_points", "积分变动", "whole"),
    Column("balance_after_points", "变动后余额", "whole"),
    Column("title", "事由"),
    Column("counterparty", "对方"),
    Column("code", "类别代码"),
    Column("id", "编号"),
)
_LOT = (Column("expires_on", "可用到", "day"), Column("remaining_points", "剩余积分", "whole"))


def _entries(reader: Reader, resident_id: UUID, after: Any) -> Page:
    found = entries(reader, resident_id, PAGE, after)
    rows = [{column.name: getattr(one, column.name) for column in _ENTRY} for one in found]
    return Page(rows, found[-1].number if len(found) == PAGE else None)


def book_out(session: Session, resident_id: UUID) -> int:
    """Move everything that is left in a leaver's wallet to its issuers' expired accounts; how many points.

    What had ended before is booked out as expired first, so that the statement tells the two apart.
    """
    book = open_book(session, resident_id)
    read_open_lots(session, book)
    post_due(session, book, clock.today())
    left = [lot for lot in oldest_first(book.lots.values()) if lot.remaining_points > 0]
    for lot in left:
        book.post(
            "expiry", resident_id, open_account(session, "expired", lot.issuer_id), lot.remaining_points,
            [Take(lot, lot.remaining_points)], code=DEPARTURE, title="退出项目，余额注销",
        )  # fmt: skip
    book.write(session)
    return sum(lot.remaining_points for lot in left)


def erase(session: Session, leaving: Leaving) -> dict[str, int]:
    return {"ledger_wallets": book_out(session, leaving.resident_id)}


_BOOKS = Kept(
    "积分流水", "只有编号和积分数，没有姓名、证件号，也再不能对应到您", "项目存续期间",
    "对账所需；《个人信息保护法》第七十三条（匿名化后不再是个人信息）",
)  # fmt: skip
KEEPER = Keeper(
    room="ledger",
    sections=(
        Section(
            "wallet-lots", "积分余额", "记录您有多少积分、何时到期", "您的同意（社区积分）", "直到用完、到期或您退出",
            _LOT, listing(lots, "id", _LOT, where=lots.c.remaining_points > 0),
        ),
        Section(
            "wallet-entries", "积分明细", "说明每一笔积分的由来和去向", "您的同意（社区积分）；对账",
            "项目存续期间；退出后只留编号", _ENTRY, _entries,
        ),
    ),
    erase=erase,
    kept=dict.fromkeys(("ledger_transfers", "ledger_allocations", "ledger_lots", "ledger_wallets"), _BOOKS),
    apart={
        "ledger_accounts": "system accounts: their owner is an organisation",
        "ledger_budgets": "an organisation's budget and its account",
        "ledger_day_totals": "a day's sums of a system account, never of a wallet",
    },
)  # fmt: skip
