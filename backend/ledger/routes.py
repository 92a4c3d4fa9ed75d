"""The ledger's routes: a resident's wallet, and the programme office's budgets and corrections."""

from __future__ import annotations

from datetime import date
from typing import Any

from backend.approvals.errors import ConcernsYourself
from backend.approvals.routes import propose
from backend.approvals.schemas import ApprovalDetailView
from backend.kit import clock
from backend.kit.db import reading, transaction
from backend.kit.errors import FieldError, NotFound
from backend.ledger import reversing, service
from backend.ledger.errors import AlreadyReversed, NotReversible
from backend.ledger.schemas import (
    BudgetRequest,
    BudgetView,
    ReversalRequest,
    WalletEntryView,
    WalletView,
)
from backend.web import callers, paging
from backend.web.api import blueprint
from backend.web.callers import IdentityNotBound, allow, keyed
from backend.web.problems import problems

blp = blueprint("ledger", "积分钱包、额度与更正")
MOST_ENTRIES = 2**31 - 1


@blp.route("/me/wallet", methods=["GET"])
@allow("wallet.read")
@blp.response(200, WalletView)
@problems(IdentityNotBound)
def read_wallet() -> service.Wallet:
    """我的积分余额

    现在可以使用的积分，以及其中有期限的各在哪一天之后失效。已到期的积分无论是否已经入账都不计在内。
    """
    with reading() as reader:
        return service.wallet(reader, callers.current().person(), clock.today())


@blp.route("/me/wallet/entries", methods=["GET"])
@allow("wallet.read")
@blp.arguments(paging.PageQuery, location="query")
@blp.response(200, paging.page_of(WalletEntryView))
@problems(IdentityNotBound)
def list_wallet_entries(query: dict[str, Any]) -> dict[str, Any]:
    """我的积分明细

    新的在前。`balance_after_points` 是这一笔之后的账面余额；积分到期入账之前，账面余额可能大于可用余额。
    """
    position = paging.decode_cursor(query["cursor"], int)
    before = position[0] if position else None
    if before is not None and not 0 < before <= MOST_ENTRIES:
        raise FieldError.at("/query/cursor", "不是本接口给出的游标。", "Not a cursor of ours.")
    with reading() as reader:
        rows = service.entries(reader, callers.current().person(), query["limit"] + 1, before)
    return paging.page(rows, query["limit"], lambda entry: (entry.number,))


@blp.route("/ledger/budgets", methods=["POST"])
@allow("budgets.grant")
@keyed
@blp.arguments(BudgetRequest)
@blp.response(201, BudgetView)
def grant_budget(body: dict[str, Any]) -> dict[str, Any]:
    """下达积分额度

    给一个单位追加某月可以发放的积分；同月多次下达累加。额度不能透支，不结转到下月。
    """
    month = date.fromisoformat(body["month"] + "-01")
    with transaction() as session:
        granted, budget = service.order_budget(
            session, callers.operation(), _order("budgets.grant"), body["organisation_id"], month, body["points"],
            body["reason"],
        )  # fmt: skip
    return {**budget._asdict(), "id": granted.id, "month": body["month"]}


@blp.route("/approvals/points-reversals", methods=["POST"])
@allow("points.propose")
@keyed
@blp.arguments(ReversalRequest)
@blp.response(201, ApprovalDetailView)
@problems(NotFound, ConcernsYourself, AlreadyReversed, NotReversible)
def propose_reversal(body: dict[str, Any]) -> Any:
    """提出更正一笔发放或结算

    批准后，以一笔等额、指向原流水的新流水冲正，原流水不变，明细上两笔都看得到。误发的积分已被用掉的部分由发放单位的
    差额账户承担，余额不会变成负数；仍冻结在优惠上的部分，日后退回时先归还差额。冻结的积分请取消相应的优惠。
    """
    payload = {name: str(value) for name, value in body.items()}
    return propose(reversing.CODE, "points.propose", body, payload, ("resident", payload["resident_id"]))


def _order(action: str) -> service.Order:
    caller = callers.current()
    return service.Order(caller.account_id, caller.role_for(action))
