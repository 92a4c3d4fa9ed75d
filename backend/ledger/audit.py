"""The proof that balances, lots, allocations, transfers and budgets agree.

It goes over the ledger in chunks by key and reads a chunk in one statement, hence in one snapshot: it can run while
the city is awake. What a resident's rows must fulfil stands in `rules.disagreements`; here they are fetched, and the
system accounts, which have no balance row, are summed up on the way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Uuid, and_, bindparam, case, cast, func, literal, null, select, union_all

from backend.kit.db import Reader
from backend.kit.ids import NIL
from backend.ledger import rollup
from backend.ledger.models import accounts, allocations, budgets, lots, transfers, wallets
from backend.ledger.rules import Booked, Holding, Movement, disagreements, open_points

LAST = UUID(int=2**128 - 1)
CHUNK = 500
"""Wallets read at a time: some ten thousand rows."""

MOST_KEPT = 10_000


@dataclass
class AccountTotal:
    """What went out of (debit) and into (credit) a system account."""

    debit_points: int = 0
    credit_points: int = 0
    held_points: int = 0

    @property
    def balance_points(self) -> int:
        return self.credit_points - self.debit_points


@dataclass(frozen=True)
class Disagreement:
    """`where`: resident, account or budget; `key`: its id; `what`: the figures that differ."""

    where: str
    key: UUID
    what: str


@dataclass
class Report:
    """What was proved, in figures, and what was not."""

    wallets: int = 0
    transfers: int = 0
    allocations: int = 0
    lots: int = 0
    budgets: int = 0
    days: int = 0
    moved_points: int = 0
    wallet_points: int = 0
    accounts: dict[UUID, AccountTotal] = field(default_factory=lambda: defaultdict(AccountTotal))
    kinds: dict[UUID, tuple[str, UUID | None]] = field(default_factory=dict)
    disagreements: list[Disagreement] = field(default_factory=list)
    further: int = 0
    after: UUID = NIL

    @property
    def agrees(self) -> bool:
        return not self.disagreements

    def found(self, disagreements: Iterable[Disagreement]) -> None:
        """Keep what does not agree: the first 10,000 of it, and of the rest the number."""
        for each in disagreements:
            if len(self.disagreements) < MOST_KEPT:
                self.disagreements.append(each)
            else:
                self.further += 1

    def as_state(self) -> dict[str, Any]:
        """How far the wallets are proved, as JSON: what `resumed` goes on from."""
        figures = {name: getattr(self, name) for name in _FIGURES}
        accounts = {
            str(key): [one.debit_points, one.credit_points, one.held_points] for key, one in self.accounts.items()
        }
        found = [[each.where, str(each.key), each.what] for each in self.disagreements]
        return {**figures, "after": str(self.after), "accounts": accounts, "disagreements": found}

    def by_kind(self) -> dict[str, int]:
        """The balance of the system accounts of each kind; together with the wallets they come to zero."""
        totals: dict[str, int] = {}
        for key, total in self.accounts.items():
            kind = self.kinds.get(key, ("unknown", None))[0]
            totals[kind] = totals.get(kind, 0) + total.balance_points
        return totals


_FIGURES = ("wallets", "transfers", "allocations", "lots", "moved_points", "wallet_points", "further")


def resumed(state: Mapping[str, Any]) -> Report:
    """The report of a run that was cut. Raises KeyError and ValueError for what is none."""
    report = Report(after=UUID(state["after"]))
    for name in _FIGURES:
        setattr(report, name, int(state[name]))
    for key, (debit, credit, held) in state["accounts"].items():
        report.accounts[UUID(key)] = AccountTotal(debit, credit, held)
    report.disagreements = [Disagreement(where, UUID(key), what) for where, key, what in state["disagreements"]]
    return report


Progress = Callable[[Report], None]


def audit(
    reader: Reader, *, chunk: int = CHUNK, progress: Progress | None = None, begun: Report | None = None
) -> Report:
    """Check every resident's rows, every budget, every system account, every closed day, and the whole. Reads only.

    In memory are one chunk of wallets and one figure for each system account. ``progress`` hears after each chunk and
    may keep `Report.as_state`; ``begun``: such a run, which is taken up where it stopped.
    """
    report = begun or Report()
    report.kinds = {
        row.id: (row.kind, row.owner_id)
        for row in reader.execute(select(accounts.c.id, accounts.c.kind, accounts.c.owner_id))
    }
    after = report.after
    while after != LAST:
        upto = _end_of_chunk(reader, after, chunk)
        for holding in _holdings(reader, after, upto):
            _check(report, holding)
        after = report.after = upto
        if progress:
            progress(report)
    _check_budgets(reader, report)
    _check_accounts(report)
    for _, gaps in rollup.disagreements(reader):
        report.days += 1
        report.found(Disagreement("day", NIL, f"{gap.day}: {gap.what}") for gap in gaps)
    return report


def audit_resident(reader: Reader, resident_id: UUID) -> list[str]:
    """The disagreements under one resident's key."""
    before = UUID(int=resident_id.int - 1)
    return [what for holding in _holdings(reader, before, resident_id) for what in disagreements(holding)]


def _end_of_chunk(reader: Reader, after: UUID, chunk: int) -> UUID:
    keys = select(wallets.c.resident_id).where(wallets.c.resident_id > after).order_by(wallets.c.resident_id)
    found: UUID | None = reader.execute(keys.offset(chunk - 1).limit(1)).scalar()
    return found or LAST


def _rows() -> Select[Any]:
    """The four tables of a range of keys as one statement: a tag, the key, six ids or nulls, three numbers, a kind."""
    none_id, none = cast(null(), Uuid(as_uuid=True)), literal(0)

    def part(tag: int, table: Any, ids: list[Any], numbers: list[Any], kind: Any) -> Any:
        columns = [literal(tag).label("tag"), table.c.resident_id.label("key")]
        columns += [column.label(f"id{n}") for n, column in enumerate(ids + [none_id] * (6 - len(ids)))]
        columns += [column.label(f"number{n}") for n, column in enumerate(numbers + [none] * (3 - len(numbers)))]
        within = and_(table.c.resident_id > bindparam("after"), table.c.resident_id <= bindparam("upto"))
        return select(*columns, kind.label("kind")).where(within)

    t, blank = transfers.c, literal("")
    moved = [t.id, t.debit_account_id, t.credit_account_id, t.hold_id, t.reverses_id]
    numbers = [t.amount_points, func.coalesce(t.entry_number, 0), func.coalesce(t.wallet_balance_after_points, -1)]
    everything = union_all(
        part(0, wallets, [], [wallets.c.balance_points, wallets.c.entries], blank),
        part(1, lots, [lots.c.id], [lots.c.remaining_points], blank),
        part(2, transfers, moved, numbers, t.kind),
        part(3, allocations, [allocations.c.transfer_id, allocations.c.lot_id], [allocations.c.delta_points], blank),
    ).subquery()
    return select(everything).order_by(everything.c.key)


_ROWS = _rows()


def _holdings(reader: Reader, after: UUID, upto: UUID) -> Iterable[Holding]:
    rows = reader.execute(_ROWS, {"after": after, "upto": upto})
    for key, own in groupby(rows, key=lambda row: row[1]):
        yield _holding(key, own)


def _holding(key: UUID, rows: Iterable[Any]) -> Holding:
    balance: int | None = None
    entries = 0
    own_lots: list[tuple[UUID, int]] = []
    movements: list[Movement] = []
    booked: list[Booked] = []
    for tag, _, id0, id1, id2, id3, id4, _, number0, number1, number2, kind in rows:
        if tag == 0:
            balance, entries = number0, number1
        elif tag == 1:
            own_lots.append((id0, number0))
        elif tag == 2:
            after = None if number2 < 0 else number2
            movements.append(Movement(id0, kind, id1, id2, number0, number1 or None, after, id3, id4))
        else:
            booked.append(Booked(id0, id1, number0))
    return Holding(key, balance, entries, own_lots, movements, booked)


def _check(report: Report, holding: Holding) -> None:
    key = holding.resident_id
    report.found(Disagreement("resident", key, what) for what in disagreements(holding))
    report.wallets += holding.balance_points is not None
    report.wallet_points += holding.balance_points or 0
    report.lots += len(holding.lots)
    report.allocations += len(holding.booked)
    report.transfers += len(holding.movements)
    families: dict[UUID, list[Movement]] = {}
    for move in holding.movements:
        report.moved_points += move.amount_points
        if move.debit_account_id != key:
            report.accounts[move.debit_account_id].debit_points += move.amount_points
        if move.credit_account_id != key:
            report.accounts[move.credit_account_id].credit_points += move.amount_points
        if move.kind == "hold":
            families.setdefault(move.id, []).append(move)
        elif move.hold_id is not None:
            families.setdefault(move.hold_id, []).append(move)
    for family in families.values():
        for move in family:
            if move.kind == "hold":
                report.accounts[move.credit_account_id].held_points += open_points(family)


def _check_budgets(reader: Reader, report: Report) -> None:
    """What a budget row says was granted and spent is what its transfers sum to. One statement, one snapshot."""
    t = transfers.c
    signed = case((t.kind == "award", t.amount_points), (t.kind == "reversal", -t.amount_points), else_=0)
    moved = (
        select(
            case((t.kind == "award", t.debit_account_id), else_=t.credit_account_id).label("account_id"),
            t.budget_month.label("month"),
            func.sum(case((t.kind == "grant", t.amount_points), else_=0)).label("granted"),
            func.sum(signed).label("spent"),
        )
        .where(t.budget_month.is_not(None))
        .group_by("account_id", "month")
        .subquery()
    )
    same = and_(moved.c.account_id == budgets.c.account_id, moved.c.month == budgets.c.month)
    joined = select(budgets, moved).join_from(budgets, moved, same, full=True)
    for row in reader.execute(joined):
        said = (row.granted_points or 0, row.spent_points or 0)
        found = (int(row.granted or 0), int(row.spent or 0))
        report.budgets += row.organisation_id is not None
        if said != found:
            key = row.organisation_id or row.account_id_1
            what = f"{row.month or row.month_1}: granted {said[0]}, spent {said[1]}, but transfers give {found}"
            report.found([Disagreement("budget", key, what)])


def _check_accounts(report: Report) -> None:
    """Every account is known, escrow holds exactly the open holds, and all balances together are zero."""
    for key, total in report.accounts.items():
        kind, _ = report.kinds.get(key, ("", None))
        what = []
        if not kind:
            what.append("is no known system account, nor the wallet of the resident whose transfer names it")
        if kind == "escrow" and total.balance_points != total.held_points:
            what.append(f"escrow has {total.balance_points}, but open holds come to {total.held_points}")
        if kind not in ("mint", "loss", "") and total.balance_points < 0:
            what.append(f"{kind} account is at {total.balance_points}")
        report.found(Disagreement("account", key, text) for text in what)
    rest = report.wallet_points + sum(total.balance_points for total in report.accounts.values())
    if rest:
        report.found([Disagreement("ledger", NIL, f"all balances together come to {rest}, not zero")])
