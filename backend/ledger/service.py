"""Moving points: awards, holds, releases, settlements and corrections.

Every function takes the edge's session first and never commits. What touches a resident's points first locks that
resident's wallet row and only then reads lots and holds, so that each judgement rests on what nobody else can
change. Refusals raise; those of `award` and `hold` come before anything that a caller could commit by mistake.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import and_, select, update
from sqlalchemy.orm import Session

from backend.accounts.service import organisation
from backend.kit import clock, db, operations, trail
from backend.kit.errors import NotFound
from backend.kit.operations import Operation
from backend.kit.prepared import Batch, Prepared
from backend.ledger import limits, rules
from backend.ledger.audit import Report, audit, resumed
from backend.ledger.book import (
    COLUMNS,
    FAMILY,
    PROGRAMME,
    Book,
    Transfer,
    lot_of,
    merged,
    open_account,
    open_book,
    open_book_of,
    open_spending_book,
    open_system_book,
    post_due,
    read_open_lots,
    read_taken,
    transfer_of,
)  # fmt: skip
from backend.ledger.errors import AlreadyReversed, BudgetExhausted, HoldClosed, NotEnoughPoints, NotReversible
from backend.ledger.history import (
    Line,
    Total,
    balance_after,
    begun,
    ending,
    entry_count,
    entry_counts,
    lines,
    points_by_end,
    totals,
)
from backend.ledger.models import budgets, transfers
from backend.ledger.rollup import ClosedDay, account_balance, closed_days, is_closed, transfers_of_day
from backend.ledger.rules import EXPIRE_AT_ONCE, FOREVER, LateReturn, Take, account_id
from backend.ledger.settled import owner_of, standing_points
from backend.ledger.statement import (
    SPENDABLE,
    Budget,
    Entry,
    Expiring,
    Wallet,
    balance,
    budget,
    entries,
    tightest_budgets,
    transfer,
    wallet,
)

__all__ = [
    "EXPIRE_AT_ONCE", "FOREVER", "SPENDABLE", "Budget", "ClosedDay", "Entry", "Expiring", "LateReturn", "Line",
    "Order", "Report", "Total", "Transfer", "Wallet", "account_balance", "account_id", "audit", "award", "balance",
    "balance_after", "begun", "budget", "closed_days", "deduct", "ending", "entries", "entry_count", "entry_counts",
    "expire_due", "grant_budget", "hold", "is_closed", "lines", "mint", "order_budget", "owner_of", "points_by_end",
    "release", "resumed", "reverse", "reversible", "settle", "standing_points", "tightest_budgets", "totals",
    "transfer", "transfers_of_day", "wallet",
]  # fmt: skip


def mint(session: Session) -> UUID:
    """The account from which every point comes."""
    return open_account(session, "mint", None)


def grant_budget(
    session: Session, organisation_id: UUID, month: date, points: int, by: UUID | None, reason: str = ""
) -> Transfer:
    """Raise what the organisation may award in the month (any day of it) by `points`: mint to budget.

    Grants of one month add up. The transfer is kept under the organisation's own key.
    """
    rules.check_points(points)
    month = rules.month_of(month)
    debit, credit = mint(session), open_account(session, "budget", organisation_id)
    row = {"organisation_id": organisation_id, "month": month, "account_id": credit}
    statement = db.insert(session, budgets).values(**row, granted_points=points, spent_points=0)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["organisation_id", "month"],
            set_={"granted_points": budgets.c.granted_points + statement.excluded.granted_points},
        )
    )
    book = open_system_book(session, organisation_id)
    granted = book.post(
        "grant", debit, credit, points, code="ledger.grant", title="积分额度下达", budget_month=month,
        ordered_by=by, reason=reason,
    )  # fmt: skip
    book.write(session)
    return granted


def award(
    session: Session,
    resident_id: UUID,
    organisation_id: UUID,
    points: int,
    code: str,
    event_at: datetime,
    subject_id: UUID | None,
    title: str,
    expires_on: date | None,
    counterparty: str = PROGRAMME,
    ordered_by: UUID | None = None,
    reason: str = "",
    limited: bool = True,
) -> Transfer:
    """Give a resident points out of the organisation's budget of the current Shanghai month: budget to wallet.

    They land in the lot of that issuer and end (`expires_on`: last good day; None: without end). The first award
    makes the wallet. ``limited``: the city's limits count it; what two persons ordered they do not. Raises
    BudgetExhausted and PointsLimitReached, and then nothing was taken from the budget.
    """
    rules.check_points(points)
    month = rules.month_of(clock.today())
    debit = _draw(session, organisation_id, month, points)
    book = open_book(session, resident_id, make=True)
    if limited and (breach := limits.count(session, book, code, points)):
        _put_back(session, organisation_id, month, points)
        raise limits.refusal(breach)
    lot = lot_of(session, book, organisation_id, expires_on or FOREVER)
    given = book.post(
        "award", debit, resident_id, points, [Take(lot, points)], code=code, title=title, counterparty=counterparty,
        subject_id=subject_id, event_at=event_at, budget_month=month, ordered_by=ordered_by, reason=reason,
    )  # fmt: skip
    book.write(session)
    return given


def deduct(
    session: Session, resident_id: UUID, organisation_id: UUID, points: int, code: str, title: str, reason: str,
    by: UUID, subject_id: UUID,
) -> Transfer:  # fmt: skip
    """Take up to ``points`` from a resident, what is there and never more: wallet to the organisation's loss account.

    Lots that are due are booked out first; the oldest-ending points go first. Raises NotEnoughPoints when there is
    nothing to take.
    """
    rules.check_points(points)
    today = clock.today()
    book = open_spending_book(session, resident_id)
    post_due(session, book, today)
    taken = min(points, rules.spend(book.lots.values(), points, today).available_points)
    if taken == 0:
        raise NotEnoughPoints(needed_points=points, available_points=0)
    deducted = book.post(
        "deduction", resident_id, open_account(session, "loss", organisation_id), taken,
        rules.spend(book.lots.values(), taken, today).takes, code=code, title=title, counterparty=PROGRAMME,
        subject_id=subject_id, ordered_by=by, reason=reason,
    )  # fmt: skip
    book.write(session)
    return deducted


def _draw(session: Session, organisation_id: UUID, month: date, points: int) -> UUID:
    """Take points from the month's budget in one conditional statement; the budget's account."""
    key = and_(budgets.c.organisation_id == organisation_id, budgets.c.month == month)
    drawn = session.execute(
        update(budgets)
        .where(key, budgets.c.spent_points + points <= budgets.c.granted_points)
        .values(spent_points=budgets.c.spent_points + points)
        .returning(budgets.c.account_id)
    ).scalar()
    if drawn is None:
        left = session.execute(select(budgets.c.granted_points - budgets.c.spent_points).where(key)).scalar() or 0
        raise BudgetExhausted(
            f"{month:%Y 年 %m 月}额度还剩 {left} 积分，这次需要 {points} 积分。",
            f"{left} points are left for {month:%Y-%m}; this takes {points}.",
            needed_points=points, available_points=left, month=month.isoformat(),
        )  # fmt: skip
    account: UUID = drawn
    return account


def _put_back(session: Session, organisation_id: UUID, month: date, points: int) -> None:
    """Undo `_draw`, for an award that is refused after it."""
    key = and_(budgets.c.organisation_id == organisation_id, budgets.c.month == month)
    session.execute(update(budgets).where(key).values(spent_points=budgets.c.spent_points - points))


def hold(
    session: Session,
    resident_id: UUID,
    points: int,
    escrow_owner: UUID,
    code: str,
    subject_id: UUID,
    title: str,
    counterparty: str,
    issuers: Collection[UUID] | None = None,
    batch: Batch | None = None,
) -> Transfer:
    """Put a resident's points in the partner's escrow: wallet to escrow. The id of the result names the hold.

    Lots that are due are booked out first; the oldest-ending points go first; with `issuers`, only theirs. With
    `batch` the caller writes it, before anything else of this resident's points is read. Raises NotEnoughPoints, and
    PointsLimitReached where the city limits what moves in a minute or a day.
    """
    rules.check_points(points)
    today = clock.today()
    book = open_spending_book(session, resident_id)
    post_due(session, book, today)
    spending = rules.spend(book.lots.values(), points, today, issuers)
    if spending.available_points < points:
        raise NotEnoughPoints(
            f"需要 {points} 积分，可用 {spending.available_points} 积分。",
            f"{points} points are needed, {spending.available_points} are available.",
            needed_points=points, available_points=spending.available_points,
        )  # fmt: skip
    if breach := limits.count(session, book, code, points):
        raise limits.refusal(breach)
    held = book.post(
        "hold", resident_id, open_account(session, "escrow", escrow_owner), points, spending.takes,
        code=code, title=title, counterparty=counterparty, subject_id=subject_id,
    )  # fmt: skip
    if batch is None:
        book.write(session)
    else:
        book.write_into(batch)
    return held


class _Held(NamedTuple):
    """A hold as it stands under the wallet's lock."""

    hold: Transfer
    released_points: int
    open_points: int


_HOLD_AND_PARTS = Prepared(select(*COLUMNS).where(*FAMILY))


def _held(session: Session, resident_id: UUID, hold_id: UUID) -> _Held:
    """Raises NotFound when the resident has no such hold."""
    rows = _HOLD_AND_PARTS.rows(session, {"key": resident_id, "hold": hold_id})
    return _as_held([transfer_of(row) for row in rows], hold_id)


def _as_held(found: Sequence[Transfer], hold_id: UUID) -> _Held:
    family = {one.id: one for one in found}
    parent = family.get(hold_id)
    if parent is None or parent.kind != "hold":
        raise NotFound()
    released = sum(row.amount_points for row in family.values() if row.kind == "release")
    return _Held(parent, released, rules.open_points(family.values()))


def _part(held: _Held, points: int | None) -> int:
    """How much of a hold is dealt with now: `points`, or all that is open. Raises HoldClosed."""
    part = held.open_points if points is None else rules.check_points(points)
    if not 1 <= part <= held.open_points:
        raise HoldClosed(
            f"这笔冻结还剩 {held.open_points} 积分可处理。",
            f"{held.open_points} points of this hold are still open.",
            needed_points=part, open_points=held.open_points,
        )  # fmt: skip
    return part


def release(
    session: Session,
    resident_id: UUID,
    hold_transfer_id: UUID,
    code: str,
    title: str,
    points: int | None = None,
    late: LateReturn = EXPIRE_AT_ONCE,
) -> Transfer:
    """Give held points back, all that is open or `points`: escrow to wallet, into the lots they came from.

    A lot whose last day passed meanwhile takes its points back and, unless `late` grants grace, loses them to the
    expired account in the same transaction; the statement shows both. Points that come back after the award they
    stem from was reversed first repay the shortfall booked then. Raises HoldClosed, NotFound.
    """
    today = clock.today()
    book = open_book(session, resident_id)
    held = _held(session, resident_id, hold_transfer_id)
    part = _part(held, points)
    parts = rules.home(read_taken(session, book, hold_transfer_id), held.released_points, part)
    takes = merged([_landing(session, book, take, today, late) for take in parts])
    hold = held.hold
    released = book.post(
        "release", hold.credit_account_id, resident_id, part, takes, code=code, title=title,
        counterparty=hold.counterparty, subject_id=hold.subject_id, hold_id=hold.id,
    )  # fmt: skip
    _recover(session, book, hold, takes)
    post_due(session, book, today)
    book.write(session)
    return released


def _landing(session: Session, book: Book, take: Take, today: date, late: LateReturn) -> Take:
    lot = take.lot
    ends = rules.landing_on(lot.expires_on, today, late)
    return take if ends == lot.expires_on else Take(lot_of(session, book, lot.issuer_id, ends), take.points)


def _recover(session: Session, book: Book, hold: Transfer, takes: Sequence[Take]) -> None:
    """Let points that come home repay the loss that their absence caused.

    Had they been in the wallet when an award of the same issuer was reversed, the reversal would have taken them.
    So a cancelled coupon does not bring reversed points back, in whichever order the two happen.
    """
    after_hold = (
        transfers.c.resident_id == book.resident_id,
        transfers.c.reverses_id.is_not(None),
        transfers.c.kind.in_(("shortfall", "recovery")),
        transfers.c.entry_number > hold.entry_number,
    )
    rows = session.execute(select(*COLUMNS).where(*after_hold).order_by(transfers.c.entry_number))
    owed: dict[UUID, rules.Loss] = {}
    for row in map(transfer_of, rows):
        if row.kind == "shortfall":
            owed[row.id] = rules.Loss(row.id, row.debit_account_id, row.amount_points)
        elif row.reverses_id in owed:
            loss = owed[row.reverses_id]
            owed[loss.id] = loss._replace(points=loss.points - row.amount_points)
    for loss, paying in rules.repay(owed.values(), takes):
        book.post(
            "recovery", book.resident_id, loss.account_id, sum(take.points for take in paying), paying,
            code="ledger.recovery", title="收回已更正的积分", reverses_id=loss.id, subject_id=hold.subject_id,
        )  # fmt: skip


def settle(
    session: Session,
    resident_id: UUID,
    hold_transfer_id: UUID,
    partner_org: UUID,
    code: str,
    title: str,
    points: int | None = None,
    batch: Batch | None = None,
) -> Transfer:
    """Pay held points to the partner, all that is open or `points` of it: escrow to partner.

    The wallet is locked but does not change. With `batch` the writing is left to it; its maker holds a lock without
    which nobody settles or releases this hold, so that wallet and hold are read in one statement: what it may miss
    while it waits for the wallet, a reversal, only opens more of the hold. Raises HoldClosed, NotFound.
    """
    if batch is None:
        book = open_book(session, resident_id)
        held = _held(session, resident_id, hold_transfer_id)
    else:
        book, found = open_book_of(session, resident_id, hold_transfer_id)
        held = _as_held(found, hold_transfer_id)
    part = _part(held, points)
    settled = book.post(
        "settlement", held.hold.credit_account_id, open_account(session, "partner", partner_org), part,
        code=code, title=title, counterparty=held.hold.counterparty, subject_id=held.hold.subject_id,
        hold_id=hold_transfer_id,
    )  # fmt: skip
    if batch is None:
        book.write(session)
    else:
        book.write_into(batch)
    return settled


def reverse(session: Session, resident_id: UUID, transfer_id: UUID, by: UUID, reason: str) -> Transfer:
    """Undo an award or a settlement by a new transfer of the same amount that names it.

    An award: wallet to budget. It takes what is left of that issuer's points; what the resident has spent meanwhile
    the issuer's loss account puts in first (a `shortfall`, loss to wallet), so that no balance turns negative and
    the statement shows both. A settlement: partner to escrow; its hold is open again by that much. Raises
    AlreadyReversed, NotReversible (a hold is released instead), NotFound.
    """
    wrong = _correctable(session, resident_id, transfer_id)
    said: dict[str, Any] = {
        "code": "ledger.reversal", "title": f"更正：{wrong.title}", "counterparty": wrong.counterparty,
        "subject_id": wrong.subject_id, "reverses_id": wrong.id, "ordered_by": by, "reason": reason,
    }  # fmt: skip
    if wrong.kind == "award":
        return _reverse_award(session, wrong, said)
    book = _open_unreversed(session, wrong)
    undone = book.post(
        "reversal", wrong.credit_account_id, wrong.debit_account_id, wrong.amount_points, hold_id=wrong.hold_id, **said
    )
    book.write(session)
    return undone


def reversible(session: Session, resident_id: UUID, transfer_id: UUID) -> Transfer:
    """A transfer that could be undone now. Raises NotFound, NotReversible and AlreadyReversed."""
    found = _correctable(session, resident_id, transfer_id)
    _require_unreversed(session, found)
    return found


def _correctable(session: Session, resident_id: UUID, transfer_id: UUID) -> Transfer:
    found = transfer(session, resident_id, transfer_id)
    if found.kind not in ("award", "settlement"):
        raise NotReversible(kind=found.kind)
    return found


def _open_unreversed(session: Session, wrong: Transfer) -> Book:
    """Lock the wallet; raises AlreadyReversed when another reversal was there first."""
    book = open_book(session, wrong.resident_id)
    _require_unreversed(session, wrong)
    return book


def _require_unreversed(session: Session, wrong: Transfer) -> None:
    this = (transfers.c.resident_id == wrong.resident_id, transfers.c.reverses_id == wrong.id)
    before = session.execute(select(transfers.c.id).where(*this, transfers.c.kind == "reversal")).scalar()
    if before is not None:
        raise AlreadyReversed(reversal_id=str(before))


def _reverse_award(session: Session, wrong: Transfer, said: dict[str, Any]) -> Transfer:
    """Lock the budget, then the wallet: the order in which awards lock them."""
    issuer = _issuer(session, wrong)
    month = and_(budgets.c.organisation_id == issuer, budgets.c.month == wrong.budget_month)
    session.execute(db.for_update(select(budgets.c.month).where(month))).one()
    book = _open_unreversed(session, wrong)
    read_open_lots(session, book)
    post_due(session, book, clock.today())
    own = read_taken(session, book, wrong.id)[0].lot
    takes, short = rules.reclaim(book.lots.values(), own.id, issuer, wrong.amount_points)
    if short:
        book.post(
            "shortfall", open_account(session, "loss", issuer), book.resident_id, short, [Take(own, short)],
            **said | {"code": "ledger.shortfall", "title": "更正差额由发放单位承担"},
        )  # fmt: skip
        takes = merged([*takes, Take(own, short)])
    undone = book.post(
        "reversal", book.resident_id, wrong.debit_account_id, wrong.amount_points, takes,
        budget_month=wrong.budget_month, **said,
    )  # fmt: skip
    book.write(session)
    restored = budgets.c.spent_points - wrong.amount_points
    session.execute(update(budgets).where(month).values(spent_points=restored))
    return undone


def _issuer(session: Session, award: Transfer) -> UUID:
    """Who gave an award: the issuer of the lot it went into. Neither ever changes, so no lock is needed."""
    book = Book(award.resident_id)
    return read_taken(session, book, award.id)[0].lot.issuer_id


def expire_due(session: Session, resident_id: UUID, today: date) -> list[Transfer]:
    """Book out a resident's lots whose last good day is before `today`. Safe to repeat."""
    book = open_book(session, resident_id)
    read_open_lots(session, book)
    posted = post_due(session, book, today)
    book.write(session)
    return posted


# --- what the programme office orders ----------------------------------------------------------------------------


class Order(NamedTuple):
    """Who orders: the staff account, and the role in which it acts, for the trail."""

    by: UUID
    role: str


def order_budget(
    session: Session, operation: Operation, order: Order, organisation_id: UUID, month: date, points: int, reason: str
) -> tuple[Transfer, Budget]:
    """`grant_budget` once per operation, noted in the trail; the grant and the month as it is now.

    Raises NotFound for an organisation that does not exist.
    """
    done = operations.begin(session, operation, "ledger.budget")
    if done is None:
        organisation(session, organisation_id)
        granted = grant_budget(session, organisation_id, month, points, order.by, reason)
        detail = {"month": f"{month:%Y-%m}", "points": points, "transfer_id": str(granted.id)}
        trail.note(session, order.by, order.role, "ledger.budget", "organisation", organisation_id, detail)
        operations.finish(session, operation, granted.id)
    else:
        granted = transfer(session, organisation_id, done)
    return granted, budget(session, organisation_id, month)
