"""Tables of the ledger. What belongs to a resident is keyed resident first and sits on one shard.

``transfers`` and ``allocations`` are only ever inserted. A system account has no balance row: what it holds is the
sum of its transfers. Only the wallet and its lots, which one resident's own row lock guards, and an organisation's
monthly budget keep figures that change.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    String,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, JsonDoc, distributed, reference
from backend.ledger.rules import ACCOUNT_KINDS, TRANSFER_KINDS


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class AccountRow(Base):
    """A system account: what its deterministic id stands for. A wallet is no row here; its id is the resident's."""

    __tablename__ = "ledger_accounts"
    __table_args__ = (
        CheckConstraint(_one_of("kind", ACCOUNT_KINDS), name="kind_known"),
        CheckConstraint("(kind = 'mint') = (owner_id IS NULL)", name="owner_unless_mint"),
        reference(),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    owner_id: Mapped[UUID | None]
    title: Mapped[str] = mapped_column(String(80))


class BudgetRow(Base):
    """What an organisation may award in a month. One conditional row: it cannot be overdrawn."""

    __tablename__ = "ledger_budgets"
    __table_args__ = (
        CheckConstraint("spent_points >= 0", name="spent_not_negative"),
        CheckConstraint("spent_points <= granted_points", name="not_overdrawn"),
        Index("ix_ledger_budgets_month", "month"),
        distributed("organisation_id"),
    )

    organisation_id: Mapped[UUID] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    account_id: Mapped[UUID]
    granted_points: Mapped[int] = mapped_column(BigInteger)
    spent_points: Mapped[int] = mapped_column(BigInteger)


class WalletRow(Base):
    """A resident's balance. Its row lock orders everything that happens to one resident's points."""

    __tablename__ = "ledger_wallets"
    __table_args__ = (CheckConstraint("balance_points >= 0", name="balance_not_negative"), distributed())

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    balance_points: Mapped[int] = mapped_column(BigInteger)
    entries: Mapped[int]
    counted: Mapped[dict[str, Any] | None] = mapped_column(JsonDoc)
    """What this minute and this day have counted towards the city's limits (``counting.Counted``)."""


class LotRow(Base):
    """Points of one issuer that end on one day (9999-12-31: without end)."""

    __tablename__ = "ledger_lots"
    __table_args__ = (
        UniqueConstraint("resident_id", "issuer_id", "expires_on"),
        CheckConstraint("remaining_points >= 0", name="remaining_not_negative"),
        Index("ix_ledger_lots_open", "resident_id", "expires_on", postgresql_where=text("remaining_points > 0"),
              sqlite_where=text("remaining_points > 0")),
        ForeignKeyConstraint(["resident_id"], ["ledger_wallets.resident_id"]),
        distributed(),
    )  # fmt: skip

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    issuer_id: Mapped[UUID]
    expires_on: Mapped[date]
    remaining_points: Mapped[int] = mapped_column(BigInteger)


_HOLD_PARTS = "(hold_id IS NOT NULL) = (kind IN ('release', 'settlement')) OR (kind = 'reversal')"
_NAMES_ANOTHER = "(reverses_id IS NOT NULL) = (kind IN ('reversal', 'shortfall', 'recovery'))"
_OF_A_MONTH = "(budget_month IS NOT NULL) = (kind IN ('grant', 'award')) OR (kind = 'reversal')"
_STATES_BALANCE = "(entry_number IS NULL) = (wallet_balance_after_points IS NULL)"


class TransferRow(Base):
    """Points moving from one account (debit) to another (credit): one row, so it cannot be unbalanced.

    ``resident_id`` is the shard: the resident whose wallet or hold is concerned. A transfer between system accounts
    that concerns no resident (mint to budget) is kept under the organisation's id in the same column, so that the
    table has one key and one distribution; no organisation's id is ever a resident's.
    """

    __tablename__ = "ledger_transfers"
    __table_args__ = (
        CheckConstraint("amount_points > 0", name="amount_positive"),
        CheckConstraint("debit_account_id <> credit_account_id", name="two_accounts"),
        CheckConstraint(_one_of("kind", TRANSFER_KINDS), name="kind_known"),
        CheckConstraint(_HOLD_PARTS, name="hold_named"),
        CheckConstraint(_NAMES_ANOTHER, name="corrected_named"),
        CheckConstraint(_OF_A_MONTH, name="month_named"),
        CheckConstraint(_STATES_BALANCE, name="balance_stated"),
        UniqueConstraint("resident_id", "entry_number"),
        Index("ix_ledger_transfers_created_at", "created_at"),
        Index("ix_ledger_transfers_hold", "resident_id", "hold_id", postgresql_where=text("hold_id IS NOT NULL"),
              sqlite_where=text("hold_id IS NOT NULL")),
        Index("ix_ledger_transfers_corrects", "resident_id", "reverses_id",
              postgresql_where=text("reverses_id IS NOT NULL"), sqlite_where=text("reverses_id IS NOT NULL")),
        Index("uq_ledger_transfers_reversed_once", "resident_id", "reverses_id", unique=True,
              postgresql_where=text("kind = 'reversal'"), sqlite_where=text("kind = 'reversal'")),
        distributed(),
    )  # fmt: skip

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    entry_number: Mapped[int | None]
    debit_account_id: Mapped[UUID]
    credit_account_id: Mapped[UUID]
    amount_points: Mapped[int]
    code: Mapped[str] = mapped_column(String(60))
    title: Mapped[str] = mapped_column(String(120))
    counterparty: Mapped[str] = mapped_column(String(120))
    subject_id: Mapped[UUID | None]
    event_at: Mapped[datetime]
    created_at: Mapped[datetime]
    reverses_id: Mapped[UUID | None]
    hold_id: Mapped[UUID | None]
    budget_month: Mapped[date | None]
    wallet_balance_after_points: Mapped[int | None] = mapped_column(BigInteger)
    ordered_by: Mapped[UUID | None]
    reason: Mapped[str] = mapped_column(String(500))


class AllocationRow(Base):
    """What a transfer took from (negative) or gave to (positive) a lot: at most one row for the two."""

    __tablename__ = "ledger_allocations"
    __table_args__ = (
        CheckConstraint("delta_points <> 0", name="delta_not_zero"),
        ForeignKeyConstraint(["resident_id", "transfer_id"], ["ledger_transfers.resident_id", "ledger_transfers.id"]),
        ForeignKeyConstraint(["resident_id", "lot_id"], ["ledger_lots.resident_id", "ledger_lots.id"]),
        distributed(),
    )

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    transfer_id: Mapped[UUID] = mapped_column(primary_key=True)
    lot_id: Mapped[UUID] = mapped_column(primary_key=True)
    delta_points: Mapped[int]


class DayRow(Base):
    """A Shanghai day of ``created_at`` that is closed: its transfers are complete, and counted in the totals.

    A day without transfers has no row. ``ends_at`` is the first instant after the day: nothing is written before the
    newest of them (``book.Book.post``).
    """

    __tablename__ = "ledger_days"
    __table_args__ = (Index("ix_ledger_days_ends_at", "ends_at"), reference())

    day: Mapped[date] = mapped_column(primary_key=True)
    ends_at: Mapped[datetime]
    transfers: Mapped[int]
    points: Mapped[int] = mapped_column(BigInteger)
    closed_at: Mapped[datetime]


class DayTotalRow(Base):
    """What a closed day moved out of (debit) and into (credit) a system account, and the balance it left there."""

    __tablename__ = "ledger_day_totals"
    __table_args__ = (distributed("account_id"),)

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    debit_points: Mapped[int] = mapped_column(BigInteger)
    credit_points: Mapped[int] = mapped_column(BigInteger)
    transfers: Mapped[int]
    balance_points: Mapped[int] = mapped_column(BigInteger)


def table(model: type[Base]) -> Table:
    """The model's Core table: the ledger works with statements, not with objects."""
    found = model.__table__
    assert isinstance(found, Table)
    return found


accounts = table(AccountRow)
budgets = table(BudgetRow)
wallets = table(WalletRow)
lots = table(LotRow)
transfers = table(TransferRow)
days = table(DayRow)
day_totals = table(DayTotalRow)
allocations = table(AllocationRow)
