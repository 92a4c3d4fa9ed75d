"""The working parts under the ledger's verbs: a transfer, the system accounts, and one wallet under its lock.

Private to this room; other rooms call `service`. Statements of the hot path are built once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from backend.kit import clock
from backend.kit.db import for_update, insert_if_absent
from backend.kit.ids import new_id
from backend.kit.prepared import Batch, Prepared
from backend.ledger import bulk, rules
from backend.ledger.models import accounts, allocations, days, lots, transfers, wallets
from backend.ledger.rules import Lot, Take, account_id

PROGRAMME = "信易+积分"
"""The other side of an entry that no organisation stands behind."""

ACCOUNT_TITLES = {
    "mint": "积分发行", "budget": "发放额度", "escrow": "冻结积分", "partner": "合作单位结算",
    "loss": "更正差额", "expired": "到期积分",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Transfer:
    """One movement of points. `amount_points` is positive; which way it went, the two accounts say."""

    resident_id: UUID
    id: UUID
    kind: str
    debit_account_id: UUID
    credit_account_id: UUID
    amount_points: int
    code: str
    title: str
    counterparty: str
    event_at: datetime
    created_at: datetime
    subject_id: UUID | None = None
    entry_number: int | None = None
    wallet_balance_after_points: int | None = None
    reverses_id: UUID | None = None
    hold_id: UUID | None = None
    budget_month: date | None = None
    ordered_by: UUID | None = None
    reason: str = ""


_FIELDS = Transfer.__slots__
_MOST_CHARACTERS = {"title": 120, "counterparty": 120, "reason": 500}
"""Words on a statement are cut where the column ends: no admission fails for an offer's long name."""

COLUMNS = [transfers.c[name] for name in _FIELDS]


def transfer_of(row: Any) -> Transfer:
    """The transfer in a row that selected `COLUMNS`."""
    return Transfer(*row)


# --- system accounts -------------------------------------------------------------------------------------------

_standing: WeakKeyDictionary[sa.Engine, set[UUID]] = WeakKeyDictionary()


def open_account(session: Session, kind: str, owner_id: UUID | None) -> UUID:
    """The account's id; its row is made at first use. A row that a commit has proved is not asked for again."""
    found = account_id(kind, owner_id)
    bind = session.get_bind()
    standing = _standing.setdefault(bind.engine if isinstance(bind, sa.Connection) else bind, set())
    if found not in standing:
        values = {"id": found, "kind": kind, "owner_id": owner_id, "title": ACCOUNT_TITLES[kind]}
        if not insert_if_absent(session, accounts, values, ("id",)):
            sa.event.listen(session.connection(), "commit", lambda _: standing.add(found), once=True)
    return found


# --- the wallet under its lock ---------------------------------------------------------------------------------


class Book:
    """What one act does to one resident's points: gathered under the wallet's row lock, written at the end.

    ``closed_until``: the end of the newest closed day; what is posted is not dated before it, whatever the clock says.
    ``counted``: what the wallet has counted towards the city's limits.
    """

    def __init__(
        self, resident_id: UUID, balance_points: int = 0, entries: int = 0, counted: dict[str, Any] | None = None,
        closed_until: datetime | None = None,
    ) -> None:  # fmt: skip
        self.resident_id = resident_id
        self.balance_points = balance_points
        self.entries = entries
        self.entries_before = entries
        self.counted = counted
        self.closed_until = closed_until
        self.lots: dict[UUID, Lot] = {}
        self.deltas: dict[UUID, int] = {}
        self.transfers: list[Transfer] = []
        self.allocations: list[dict[str, Any]] = []

    def know(self, lot: Lot) -> Lot:
        """The lot as this act has left it so far; what was just read counts only the first time."""
        return self.lots.setdefault(lot.id, lot)

    def post(
        self, kind: str, debit: UUID, credit: UUID, points: int, takes: Sequence[Take] = (), **said: Any
    ) -> Transfer:
        """Move `points`; when the wallet is one of the two accounts, `takes` says which lots give or get them."""
        sign = (credit == self.resident_id) - (debit == self.resident_id)
        if sign:
            self.entries += 1
            self.balance_points += sign * points
            said |= {"entry_number": self.entries, "wallet_balance_after_points": self.balance_points}
        now = max(clock.now(), self.closed_until) if self.closed_until else clock.now()
        fields: dict[str, Any] = {"event_at": now, "counterparty": PROGRAMME} | said
        for name, most in _MOST_CHARACTERS.items():
            fields[name] = fields.get(name, "")[:most]
        transfer = Transfer(
            resident_id=self.resident_id, id=new_id(), kind=kind, debit_account_id=debit, credit_account_id=credit,
            amount_points=points, created_at=now, **fields,
        )  # fmt: skip
        self.transfers.append(transfer)
        for take in takes if sign else ():
            self._allocate(transfer, take.lot.id, sign * take.points)
        return transfer

    def _allocate(self, transfer: Transfer, lot_id: UUID, delta: int) -> None:
        lot = self.lots[lot_id]
        self.lots[lot_id] = lot._replace(remaining_points=lot.remaining_points + delta)
        self.deltas[lot_id] = self.deltas.get(lot_id, 0) + delta
        self.allocations.append(
            {"resident_id": self.resident_id, "transfer_id": transfer.id, "lot_id": lot_id, "delta_points": delta}
        )

    def write(self, session: Session) -> None:
        """Write all of it: the lots, the wallet, the allocations, the transfers."""
        batch = Batch()
        self.write_into(batch)
        batch.run(session)

    def write_into(self, batch: Batch) -> None:
        """Leave the writing to a batch that this act fills further."""
        if not self.transfers:
            return
        for lot_id, delta in self.deltas.items():
            batch.add(_CHANGE_LOT, {"key": self.resident_id, "lot": lot_id, "delta": delta})
        if self.entries != self.entries_before:
            wallet = {"key": self.resident_id, "points": self.balance_points, "number": self.entries}
            batch.add(_SET_WALLET, wallet | {"counts": self.counted})
        for transfer in self.transfers:
            batch.add(_POST, {name: getattr(transfer, name) for name in _FIELDS})
        for row in self.allocations:
            batch.add(_ALLOCATE, row)


def many_books(session: Session, rows: Iterable[Any]) -> dict[UUID, Book]:
    """The books of wallets that were just locked: resident, balance, entries, counted."""
    closed_until = session.execute(_CLOSED_UNTIL).scalar()
    return {row[0]: Book(row[0], row[1], row[2], row[3], closed_until) for row in rows}


def write_all(session: Session, books: Sequence[Book]) -> None:
    """Write many books, each kind of row in one go. What they have counted towards limits does not change."""
    changed = [
        {"resident_id": book.resident_id, "id": lot, "remaining_points": by}
        for book in books
        for lot, by in book.deltas.items()
    ]
    wallets_now = [
        {"resident_id": book.resident_id, "balance_points": book.balance_points, "entries": book.entries}
        for book in books
        if book.entries != book.entries_before
    ]
    posted = [{name: getattr(one, name) for name in _FIELDS} for book in books for one in book.transfers]
    bulk.update_many(session, lots, ("resident_id", "id"), "remaining_points", changed)
    bulk.update_many(session, wallets, ("resident_id",), None, wallets_now)
    bulk.insert_many(session, transfers, posted)
    bulk.insert_many(session, allocations, [row for book in books for row in book.allocations])


_SET_WALLET = Prepared(
    sa.update(wallets)
    .where(wallets.c.resident_id == bindparam("key"))
    .values(balance_points=bindparam("points"), entries=bindparam("number"), counted=bindparam("counts"))
)
_CHANGE_LOT = Prepared(
    sa.update(lots)
    .where(lots.c.resident_id == bindparam("key"), lots.c.id == bindparam("lot"))
    .values(remaining_points=lots.c.remaining_points + bindparam("delta"))
)
_POST = Prepared(transfers.insert(), _FIELDS)
_ALLOCATE = Prepared(allocations.insert())


# --- opening it --------------------------------------------------------------------------------------------------

_CLOSED_UNTIL = select(sa.func.max(days.c.ends_at).label("closed_until"))
_WALLET = (wallets.c.balance_points, wallets.c.entries, wallets.c.counted)
_LOCK_WALLET = for_update(select(*_WALLET).where(wallets.c.resident_id == bindparam("key")))
_LOCK_ONE = Prepared(
    for_update(
        select(*_WALLET, _CLOSED_UNTIL.scalar_subquery().label("closed_until")).where(
            wallets.c.resident_id == bindparam("key")
        )
    )
)
_LOT = (lots.c.id, lots.c.issuer_id, lots.c.expires_on, lots.c.remaining_points)
_HAS_POINTS = lots.c.remaining_points > sa.literal_column("0")
_OWN_LOTS = select(*_LOT).where(lots.c.resident_id == bindparam("key"))
_OPEN_LOTS = _OWN_LOTS.where(_HAS_POINTS)
_ONE_LOT = _OWN_LOTS.where(lots.c.issuer_id == bindparam("issuer"), lots.c.expires_on == bindparam("ends"))
_LOTS_OF = (
    select(*_LOT, allocations.c.delta_points)
    .join_from(
        allocations,
        lots,
        sa.and_(lots.c.resident_id == allocations.c.resident_id, lots.c.id == allocations.c.lot_id),
    )
    .where(allocations.c.resident_id == bindparam("key"), allocations.c.transfer_id == bindparam("transfer"))
)
_LOCKED = _LOCK_WALLET.cte("locked")
_SEEN = wallets.alias("seen")
_LOCK_AND_LOTS = Prepared(
    select(
        _LOCKED.c.balance_points,
        _LOCKED.c.entries,
        _LOCKED.c.counted,
        _CLOSED_UNTIL.scalar_subquery().label("closed_until"),
        _SEEN.c.entries.label("seen_entries"),
        *_LOT,
    )
    .select_from(_LOCKED)
    .join(_SEEN, _SEEN.c.resident_id == bindparam("key"))
    .outerjoin(lots, sa.and_(lots.c.resident_id == bindparam("key"), _HAS_POINTS))
)


FAMILY = (
    transfers.c.resident_id == bindparam("key"),
    sa.or_(transfers.c.id == bindparam("hold"), transfers.c.hold_id == bindparam("hold")),
)
"""Of a hold: itself and its parts."""
_LOCK_AND_FAMILY = Prepared(
    select(*_LOCKED.c, _CLOSED_UNTIL.scalar_subquery().label("closed_until"), *COLUMNS)
    .select_from(_LOCKED)
    .outerjoin(transfers, sa.and_(*FAMILY))
)


def open_book(session: Session, resident_id: UUID, *, make: bool = False) -> Book:
    """Lock the wallet. Without one and without `make` there is nothing to lock and nothing to spend."""
    row = _LOCK_ONE.first(session, {"key": resident_id})
    if row is None and make:
        empty = {"resident_id": resident_id, "balance_points": 0, "entries": 0}
        insert_if_absent(session, wallets, empty, ("resident_id",))
        row = _LOCK_ONE.first(session, {"key": resident_id})
    return Book(resident_id, *(row or ()))


def open_book_of(session: Session, resident_id: UUID, hold_id: UUID) -> tuple[Book, list[Transfer]]:
    """Lock the wallet and read a hold with its parts, in one statement.

    Where it waits for the lock the hold is as it was before the wait: the caller keeps it from closing meanwhile.
    """
    rows = _LOCK_AND_FAMILY.rows(session, {"key": resident_id, "hold": hold_id})
    if not rows:
        return Book(resident_id), []
    return Book(resident_id, *rows[0][:4]), [Transfer(*row[4:]) for row in rows if row[4] is not None]


def open_system_book(session: Session, key: UUID) -> Book:
    """For a transfer that touches no wallet, kept under an organisation's key."""
    return Book(key, closed_until=session.execute(_CLOSED_UNTIL).scalar())


def open_spending_book(session: Session, resident_id: UUID) -> Book:
    """Lock the wallet and read the lots that have points, in one statement where that is sound.

    A statement that has to wait for a lock goes on with the lots of the moment at which it began. The wallet tells:
    read without a lock (`seen`) it shows that same moment, read under the lock it shows the present. When both count
    the same entries nobody came between, and the lots are the present ones; otherwise they are read again.
    """
    rows = _LOCK_AND_LOTS.rows(session, {"key": resident_id})
    if not rows:
        return Book(resident_id)
    book = Book(resident_id, *rows[0][:4])
    if rows[0].seen_entries != book.entries:
        read_open_lots(session, book)
        return book
    for row in rows:
        if row.id is not None:
            book.know(Lot(*row[5:]))
    return book


def read_open_lots(session: Session, book: Book) -> None:
    """Read into the book every lot that still has points, due or not."""
    for row in session.execute(_OPEN_LOTS, {"key": book.resident_id}):
        book.know(Lot(*row))


def read_taken(session: Session, book: Book, transfer_id: UUID) -> list[Take]:
    """The lots that a transfer took from or gave to, now in the book, with how much."""
    rows = session.execute(_LOTS_OF, {"key": book.resident_id, "transfer": transfer_id})
    return [Take(book.know(Lot(*row[:4])), abs(row[4])) for row in rows]


def lot_of(session: Session, book: Book, issuer_id: UUID, expires_on: date) -> Lot:
    """The resident's lot of that issuer and end; made when it is the first. The wallet's lock keeps others out."""
    key = {"key": book.resident_id, "issuer": issuer_id, "ends": expires_on}
    if row := session.execute(_ONE_LOT, key).first():
        return book.know(Lot(*row))
    lot = Lot(new_id(), issuer_id, expires_on, 0)
    session.execute(lots.insert(), {"resident_id": book.resident_id, **lot._asdict()})
    return book.know(lot)


def post_due(session: Session, book: Book, today: date) -> list[Transfer]:
    """Book out every lot read whose last day has passed, one entry each, dated when it ended."""
    return [
        book.post(
            "expiry", book.resident_id, open_account(session, "expired", lot.issuer_id), lot.remaining_points,
            [Take(lot, lot.remaining_points)], code="ledger.expiry", title="积分到期",
            event_at=clock.end_of_day(lot.expires_on),
        )
        for lot in rules.due(book.lots.values(), today)
    ]  # fmt: skip


def merged(takes: Sequence[Take]) -> list[Take]:
    """One take per lot."""
    by_lot: dict[UUID, Take] = {}
    for take in takes:
        before = by_lot.get(take.lot.id)
        by_lot[take.lot.id] = take if before is None else Take(take.lot, before.points + take.points)
    return list(by_lot.values())
