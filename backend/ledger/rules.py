"""Pure arithmetic of points: which lot pays, where points come home to, and what must agree with what.

Points are positive integers. Dates are days in Asia/Shanghai; a lot's `expires_on` is its last good day. Points
without end carry `FOREVER`, so that one ordering and one unique constraint serve both.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple, Protocol

FOREVER = date(9999, 12, 31)
MOST_POINTS = 1_000_000_000
"""The most that one transfer moves: far above any offer, far below what an integer column holds."""

ACCOUNT_KINDS = ("mint", "budget", "escrow", "partner", "loss", "expired")
TRANSFER_KINDS = (
    "grant", "award", "hold", "release", "settlement", "expiry", "reversal", "shortfall", "recovery", "deduction",
)  # fmt: skip
_ACCOUNTS = uuid.UUID("6f2ad1a8-5c0b-5e0e-9d55-3b0a6a3f7a10")


class Lot(NamedTuple):
    """Points of one resident that one organisation gave and that end on one day."""

    id: uuid.UUID
    issuer_id: uuid.UUID
    expires_on: date
    remaining_points: int


class Take(NamedTuple):
    """Points taken from, or going to, one lot; `points` is positive."""

    lot: Lot
    points: int


class Spending(NamedTuple):
    """What a payment would take. It is short when `available_points` is below what was asked."""

    takes: tuple[Take, ...]
    available_points: int


@dataclass(frozen=True)
class LateReturn:
    """What happens to points that come back to a lot whose last day has passed meanwhile.

    `expired_account` (the default): they return to their lot and expire at once, in the same transaction; the
    statement shows both movements. `grace_days`: they go to a lot of the same issuer that ends `grace_days` days
    after the return (0: on the day of the return), so that a cancellation which is no fault of the resident's
    costs nothing.
    """

    expired_to: Literal["expired_account", "grace_days"] = "expired_account"
    grace_days: int = 0

    def __post_init__(self) -> None:
        if self.expired_to not in ("expired_account", "grace_days") or not 0 <= self.grace_days <= 366:
            raise ValueError("a late return goes to the expired account or keeps 0 to 366 days of grace")


EXPIRE_AT_ONCE = LateReturn()


@lru_cache(maxsize=4096)
def account_id(kind: str, owner_id: uuid.UUID | None) -> uuid.UUID:
    """The id of a system account: a function of its kind and its owner, so that nobody has to look it up.

    Raises ValueError for a kind that does not exist. The mint has no owner; every other account has one.
    """
    if kind not in ACCOUNT_KINDS or (owner_id is None) != (kind == "mint"):
        raise ValueError(f"no system account of kind {kind!r} for owner {owner_id}")
    return uuid.uuid5(_ACCOUNTS, f"{kind}:{owner_id or ''}")


def check_points(points: int) -> int:
    """`points`, when it is an amount that may be moved: a whole number from 1 to `MOST_POINTS`."""
    if isinstance(points, bool) or not isinstance(points, int) or not 1 <= points <= MOST_POINTS:
        raise ValueError(f"points to move must be a whole number from 1 to {MOST_POINTS}, not {points!r}")
    return points


def month_of(day: date) -> date:
    """The first day of the day's month: how a budget is named."""
    return day.replace(day=1)


def is_due(expires_on: date, today: date) -> bool:
    """Whether the last good day has passed. On the last day itself points are still good."""
    return expires_on < today


def oldest_first(lots: Iterable[Lot]) -> list[Lot]:
    """Lots in the order in which they are spent: by end, then by id."""
    return sorted(lots, key=lambda lot: (lot.expires_on, lot.id))


def due(lots: Iterable[Lot], today: date) -> list[Lot]:
    """The lots whose points have ended but are still booked, oldest first."""
    return [lot for lot in oldest_first(lots) if lot.remaining_points > 0 and is_due(lot.expires_on, today)]


def spend(lots: Iterable[Lot], points: int, today: date, issuers: Collection[uuid.UUID] | None = None) -> Spending:
    """Which lots pay `points`, oldest-ending first; only lots of `issuers` when given; never a lot that is due."""
    good = [
        lot
        for lot in oldest_first(lots)
        if lot.remaining_points > 0
        and not is_due(lot.expires_on, today)
        and (issuers is None or lot.issuer_id in issuers)
    ]
    available = sum(lot.remaining_points for lot in good)
    return Spending(tuple(_take(good, points)) if available >= points else (), available)


def _take(lots: Iterable[Lot], points: int) -> list[Take]:
    takes = []
    for lot in lots:
        part = min(points, lot.remaining_points)
        if part > 0:
            takes.append(Take(lot, part))
            points -= part
    return takes


def home(taken: Iterable[Take], released_points: int, points: int) -> list[Take]:
    """The lots to which the next `points` of a hold return.

    A hold is used up from its oldest-ending lot, so what comes back belongs to the latest-ending: the order of
    taking, read backwards, after the `released_points` that went home before. Raises ValueError when the hold
    never held that much.
    """
    parts = []
    skip = released_points
    for take in sorted(taken, key=lambda take: (take.lot.expires_on, take.lot.id), reverse=True):
        left = max(take.points - skip, 0)
        skip = max(skip - take.points, 0)
        part = min(left, points)
        if part > 0:
            parts.append(Take(take.lot, part))
            points -= part
    if points:
        raise ValueError(f"the hold never held {points} of these points")
    return parts


def landing_on(expires_on: date, today: date, late: LateReturn) -> date:
    """The end of the lot in which returned points land: the old one, unless it has passed and grace is given."""
    if late.expired_to == "grace_days" and is_due(expires_on, today):
        return today + timedelta(days=late.grace_days)
    return expires_on


def reclaim(lots: Iterable[Lot], own_lot_id: uuid.UUID, issuer_id: uuid.UUID, points: int) -> tuple[list[Take], int]:
    """What a wrongly given award can still take back, and the shortfall that it cannot.

    First from the lot the award went into, then from the same issuer's other lots, oldest-ending first: had the
    award never been made, those would have been spent in its place. Another issuer's points are never touched.
    """
    own = sorted(
        (lot for lot in lots if lot.issuer_id == issuer_id),
        key=lambda lot: (lot.id != own_lot_id, lot.expires_on, lot.id),
    )
    takes = _take(own, points)
    return takes, points - sum(take.points for take in takes)


class Loss(NamedTuple):
    """What a loss account still misses of one shortfall."""

    id: uuid.UUID
    account_id: uuid.UUID
    points: int


def repay(losses: Iterable[Loss], takes: Iterable[Take]) -> list[tuple[Loss, list[Take]]]:
    """What of the points that just came home repays which loss: the issuer's own points only, oldest-ending first."""
    back = {take.lot.id: take for take in sorted(takes, key=lambda take: (take.lot.expires_on, take.lot.id))}
    paid = []
    for loss in losses:
        own = [
            take.lot._replace(remaining_points=take.points)
            for take in back.values()
            if account_id("loss", take.lot.issuer_id) == loss.account_id
        ]
        if parts := _take(own, loss.points):
            paid.append((loss, parts))
        for part in parts:
            back[part.lot.id] = Take(part.lot, back[part.lot.id].points - part.points)
    return paid


# --- what must agree -------------------------------------------------------------------------------------------


class Movement(NamedTuple):
    """A transfer, as the audit reads it."""

    id: uuid.UUID
    kind: str
    debit_account_id: uuid.UUID
    credit_account_id: uuid.UUID
    amount_points: int
    entry_number: int | None
    balance_after_points: int | None
    hold_id: uuid.UUID | None
    reverses_id: uuid.UUID | None

    def effect_on(self, account_id: uuid.UUID) -> int:
        """Points by which the transfer raises (or, negative, lowers) the account."""
        return self.amount_points * ((self.credit_account_id == account_id) - (self.debit_account_id == account_id))


class Booked(NamedTuple):
    """An allocation, as the audit reads it."""

    transfer_id: uuid.UUID
    lot_id: uuid.UUID
    delta_points: int


@dataclass(frozen=True)
class Holding:
    """All that the ledger keeps under one key; `balance_points` is None when there is no wallet row."""

    resident_id: uuid.UUID
    balance_points: int | None
    entries: int
    lots: Sequence[tuple[uuid.UUID, int]]
    movements: Sequence[Movement]
    booked: Sequence[Booked]


def disagreements(holding: Holding) -> list[str]:
    """Every way in which a resident's wallet, lots, allocations and transfers fail to agree; empty when they do."""
    return [*_balances(holding), *_lots(holding), *_chain(holding), *_corrections(holding)]


def _balances(holding: Holding) -> list[str]:
    balance = holding.balance_points or 0
    figures = {
        "lots": sum(remaining for _, remaining in holding.lots),
        "allocations": sum(row.delta_points for row in holding.booked),
        "transfers": sum(move.effect_on(holding.resident_id) for move in holding.movements),
    }
    found = [f"balance {balance}, but {name} sum to {total}" for name, total in figures.items() if total != balance]
    if holding.balance_points is None and (holding.lots or holding.booked):
        found.append("lots or allocations without a wallet")
    return found


def _lots(holding: Holding) -> list[str]:
    by_lot: dict[uuid.UUID, int] = {}
    by_transfer: dict[uuid.UUID, int] = {}
    for row in holding.booked:
        by_lot[row.lot_id] = by_lot.get(row.lot_id, 0) + row.delta_points
        by_transfer[row.transfer_id] = by_transfer.get(row.transfer_id, 0) + row.delta_points
    found = []
    for lot_id, remaining in holding.lots:
        if (booked := by_lot.pop(lot_id, 0)) != remaining:
            found.append(f"lot {lot_id} has {remaining}, but its allocations sum to {booked}")
    found += [f"allocations for a lot {lot_id} that does not exist" for lot_id in by_lot]
    for move in holding.movements:
        effect = move.effect_on(holding.resident_id)
        if (booked := by_transfer.pop(move.id, 0)) != effect:
            found.append(f"transfer {move.id} moves {effect}, but its allocations sum to {booked}")
    return found + [f"allocations for a transfer {transfer_id} that does not exist" for transfer_id in by_transfer]


def _chain(holding: Holding) -> list[str]:
    """Entries are numbered 1, 2, 3 … without a gap, each stating the balance that follows from the one before."""
    entries = [move for move in holding.movements if move.effect_on(holding.resident_id)]
    entries.sort(key=lambda move: move.entry_number or 0)
    found: list[str] = []
    balance = 0
    for number, move in enumerate(entries, start=1):
        balance += move.effect_on(holding.resident_id)
        if move.entry_number != number:
            return [*found, f"entry {number} is missing: transfer {move.id} is numbered {move.entry_number}"]
        if move.balance_after_points != balance:
            found.append(f"transfer {move.id} states {move.balance_after_points} after it, but it left {balance}")
    if len(entries) != holding.entries:
        found.append(f"the wallet counts {holding.entries} entries, but {len(entries)} exist")
    return found


def _corrections(holding: Holding) -> list[str]:
    """Nothing is released, settled, reversed or recovered beyond the transfer it belongs to."""
    by_id = {move.id: move for move in holding.movements}
    used: dict[tuple[str, uuid.UUID], int] = {}
    found = []
    for move in holding.movements:
        for key, owner_id, sign in _belongs(move):
            if owner_id not in by_id:
                found.append(f"transfer {move.id} belongs to a transfer {owner_id} that does not exist")
            used[key, owner_id] = used.get((key, owner_id), 0) + sign * move.amount_points
    for (key, owner_id), total in used.items():
        if owner_id in by_id and not 0 <= total <= by_id[owner_id].amount_points:
            amount = by_id[owner_id].amount_points
            found.append(f"{key} of transfer {owner_id} comes to {total}, outside 0 to {amount}")
    return found


def _belongs(move: Movement) -> list[tuple[str, uuid.UUID, int]]:
    owners = []
    if move.hold_id is not None:
        owners.append(("use", move.hold_id, -1 if move.kind == "reversal" else 1))
    if move.reverses_id is not None:
        owners.append((move.kind, move.reverses_id, 1))
    return owners


class Moved(Protocol):
    """What of a transfer says how it bears on a hold."""

    @property
    def kind(self) -> str: ...
    @property
    def hold_id(self) -> uuid.UUID | None: ...
    @property
    def amount_points(self) -> int: ...


def open_points(movements: Iterable[Moved]) -> int:
    """Points still in escrow: what holds put there, less what was released and settled, plus settlements undone."""
    total = 0
    for move in movements:
        if move.kind == "hold":
            total += move.amount_points
        elif move.hold_id is not None:
            total += move.amount_points if move.kind == "reversal" else -move.amount_points
    return total
