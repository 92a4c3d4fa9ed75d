"""How an obligation may change, what time makes of it, and what its resident is told of it: pure functions.

An obligation is what a resident may come to owe a partner after a perk that is paid afterwards (``pay_after``) or used
without a deposit (``deposit_free``). It is recorded here, never collected: money goes from her to the partner directly.

Amounts are whole fen, at least 1 and at most ``up_to_fen``. ``due_hours`` (1 to 8,760) of the offer is both the time
to pay after a charge and, for ``deposit_free``, the time within which the partner may charge at all. Source: 《民法典》
art. 509 (performance as agreed), 511 (4) (a party is given the necessary time), 188 (claims lapse after three years);
NDRC's notices of 2019 on personal scores: what is owed here pauses this kind of perk alone, and no score knows of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

PAY_AFTER, DEPOSIT_FREE = "pay_after", "deposit_free"
KINDS: Mapping[str, str] = {PAY_AFTER: "先享后付", DEPOSIT_FREE: "免押"}

OPEN, CHARGED, ARREARS, DISPUTED = "open", "charged", "arrears", "disputed"
SETTLED, CURED, RELEASED, WITHDRAWN = "settled", "cured", "released", "withdrawn"
STATE_TEXT: Mapping[str, str] = {
    OPEN: "待结算", CHARGED: "待付款", ARREARS: "已逾期", DISPUTED: "异议处理中", SETTLED: "已付清",
    CURED: "已补付", RELEASED: "已了结，无须付款", WITHDRAWN: "已撤销",
}  # fmt: skip
ENDS = frozenset({SETTLED, CURED, RELEASED, WITHDRAWN})
"""From these nothing leads on."""

CHARGE, PAY, RELEASE, WITHDRAW = "charge", "pay", "release", "withdraw"
UNDO, DISPUTE, UPHOLD, CANCEL = "undo", "dispute", "uphold", "cancel"
LAPSE, FALL_DUE, LEAVE = "lapse", "fall-due", "leave"
ACTS: Mapping[str, str] = {
    CHARGE: "报账", PAY: "登记付清", RELEASE: "了结", WITHDRAW: "撤销", UNDO: "撤回入场", DISPUTE: "提出异议",
    UPHOLD: "维持账单", CANCEL: "取消账单", LAPSE: "到期自动了结", FALL_DUE: "到期未付", LEAVE: "退出项目",
}  # fmt: skip
"""The partner charges, reports payment, releases (nothing is owed) and withdraws; the resident disputes; the office
upholds or cancels; an admission is undone; time lets an open one lapse and a charged one fall due; whoever leaves the
programme takes her dispute with her."""

BECOMES: Mapping[tuple[str, str], str] = {
    (OPEN, CHARGE): CHARGED, (OPEN, RELEASE): RELEASED, (OPEN, LAPSE): RELEASED,
    (OPEN, WITHDRAW): WITHDRAWN, (OPEN, UNDO): WITHDRAWN,
    (CHARGED, PAY): SETTLED, (CHARGED, FALL_DUE): ARREARS, (CHARGED, DISPUTE): DISPUTED,
    (CHARGED, WITHDRAW): WITHDRAWN, (CHARGED, UNDO): WITHDRAWN,
    (ARREARS, PAY): CURED, (ARREARS, DISPUTE): DISPUTED,
    (ARREARS, WITHDRAW): WITHDRAWN, (ARREARS, UNDO): WITHDRAWN,
    (DISPUTED, UPHOLD): CHARGED, (DISPUTED, CANCEL): WITHDRAWN, (DISPUTED, LEAVE): CHARGED,
    (DISPUTED, PAY): SETTLED, (DISPUTED, WITHDRAW): WITHDRAWN, (DISPUTED, UNDO): WITHDRAWN,
}  # fmt: skip
"""(state, act) → state. Nothing else is possible."""

UPHELD, CANCELLED = "upheld", "withdrawn"
DECISIONS: Mapping[str, str] = {UPHELD: UPHOLD, CANCELLED: CANCEL}
"""What the office decides on a dispute, and the act that it is."""
DECISION_TEXT: Mapping[str, str] = {UPHELD: "账单成立", CANCELLED: "账单取消，无须付款"}

CHARGE_DAYS = 30
"""Within how many days what was used is charged under ``pay_after``, where the city's ``deadlines.toml`` says nothing
else (``[obligations] charge_days``): nobody waits longer than a month to learn what she owes."""
KEPT_YEARS = 3
"""How long an ended one is kept: as long as a claim about it may be brought (《民法典》 art. 188)."""


class Standing(NamedTuple):
    """What is written of an obligation's state. Time does the rest: see :func:`state_at`.

    ``written``: any state but ``arrears``. ``charge_until_at``: the first instant at which an open one has lapsed;
    ``due_at``: the first instant at which a charged one is late.
    """

    written: str
    charge_until_at: datetime
    due_at: datetime | None


def state_at(standing: Standing, at: datetime) -> str:
    """The state at an instant, whether or not any job has run."""
    if standing.written == OPEN and at >= standing.charge_until_at:
        return BECOMES[OPEN, LAPSE]
    if standing.written == CHARGED and standing.due_at is not None and at >= standing.due_at:
        return BECOMES[CHARGED, FALL_DUE]
    return standing.written


def charge_until(kind: str, opened_at: datetime, due_hours: int, charge_days: int = CHARGE_DAYS) -> datetime:
    """Until when a partner may charge: ``due_hours`` without a deposit, ``charge_days`` for what is paid afterwards."""
    return opened_at + (timedelta(hours=due_hours) if kind == DEPOSIT_FREE else timedelta(days=charge_days))


def due(since: datetime, due_hours: int) -> datetime:
    """By when a charge is paid: counted from the charge, and anew from the decision that upheld it."""
    return since + timedelta(hours=due_hours)


# --- what is told on time ------------------------------------------------------------------------------------------

DUE_SOON, LATE, LAPSED = "due-soon", "arrears", "released"


def next_tell(standing: Standing, remind_hours_before: Sequence[int], after: datetime | None) -> datetime | None:
    """When something of an obligation is next to be told, later than ``after``; None when nothing is.

    Of a charged one: each reminder before it is due, then once that it is late. Of an open one: that it has lapsed.
    """
    if standing.written == OPEN:
        times = [standing.charge_until_at]
    elif standing.written == CHARGED and standing.due_at is not None:
        times = [standing.due_at - timedelta(hours=hours) for hours in remind_hours_before] + [standing.due_at]
    else:
        times = []
    return min((time for time in times if after is None or time > after), default=None)


def tells(standing: Standing, at: datetime) -> str | None:
    """What is told at an instant whose turn has come: of several that were missed the last alone, so that nobody is
    reminded of what is over."""
    state = state_at(standing, at)
    if state == CHARGED:
        return DUE_SOON
    if state == ARREARS:
        return LATE
    return LAPSED if standing.written == OPEN and state == RELEASED else None


# --- words -----------------------------------------------------------------------------------------------------------


def yuan(amount_fen: int) -> str:
    """Fen as people read money: 1234 → 12.34 元."""
    return f"{amount_fen // 100}.{amount_fen % 100:02d} 元"


NEVER_SCORED = "这件事不进信用档案，不影响信用分。"
_PAYING = "请直接在商户的收银台或商户自己的应用付款，本平台不收款。"
_WHILE_LATE = "付清以前，只暂停您兑换新的“{kind}”优惠，其他优惠和公共服务照常。"


def explanation(kind: str, state: str, facts: Mapping[str, Any]) -> str:
    """What this state means, what comes next, and that no score knows of it; in Chinese, for the resident.

    ``facts``: ``partner_name``, ``up_to`` and ``amount`` in words, ``until`` and ``due`` as people say an instant.
    """
    said = _EXPLAINED.get((kind, state)) or _EXPLAINED["", state]
    return said.format(kind=KINDS[kind], **facts) + NEVER_SCORED


_EXPLAINED: Mapping[tuple[str, str], str] = {
    (PAY_AFTER, OPEN): "您已先享受服务，{partner_name} 还没有报来金额，最多 {up_to}。{until} 前没有报账的，自动了结，"
                       "您无须付款。",
    (DEPOSIT_FREE, OPEN): "您免交了押金。{until} 前 {partner_name} 没有报来损坏或欠费的，自动了结，您无须付款；"
                          "报来的最多 {up_to}。",
    ("", CHARGED): "{partner_name} 报来应付 {amount}，请在 {due} 前付清。" + _PAYING
                   + "对金额或事由有异议的，可以提出，处理期间不算逾期。",
    ("", ARREARS): "应付 {partner_name} 的 {amount} 已在 {due} 到期，还没有付清。" + _PAYING + _WHILE_LATE
                   + "商户登记付清后立即恢复。有异议的，可以提出，处理期间不算逾期。",
    ("", DISPUTED): "您对 {partner_name} 的 {amount} 提出了异议，由项目办公室核实决定。处理期间不算逾期，什么都不暂停。"
                    "决定账单成立的，付款期限从决定时重新计算。",
    ("", SETTLED): "应付 {partner_name} 的 {amount} 已付清，没有后续事项。",
    ("", CURED): "应付 {partner_name} 的 {amount} 已补付，“{kind}”优惠已经恢复，没有后续事项。",
    ("", RELEASED): "{partner_name} 没有要您付款的事项，已经了结。",
    ("", WITHDRAWN): "这笔事项已经撤销，您无须向 {partner_name} 付款。",
}  # fmt: skip
