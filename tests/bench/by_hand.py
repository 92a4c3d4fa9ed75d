"""What redeeming does to the database, as a good hand would write it in SQL: the floor under the real thing.

Same rows, same locks, same conditions, one commit. One statement a step, with the plain driver: psycopg (which
prepares what it sees often) or sqlite3 behind the writer lock that the house uses.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import make_url

from backend.kit import db
from backend.kit.ids import new_id
from backend.ledger.rules import account_id

_own = threading.local()
SIZE_BITS = 2**17
Run = Callable[..., Any]

BEGIN_OPERATION = """INSERT INTO operations (actor_id, key, digest, kind, result_id, created_at)
VALUES (%s, %s, %s, 'perks.redeem', %s, %s) ON CONFLICT DO NOTHING RETURNING key"""
OFFER = """SELECT price_points, partner_id, version, title, terms FROM perks_offers
WHERE id = %s AND status = 'open'"""
REDEMPTION = """INSERT INTO perks_redemptions
(resident_id, id, offer_id, coupon_id, offer_version, price_points, source, created_at)
VALUES (%s, %s, %s, %s, %s, %s, 'resident', %s)"""
TURN = """INSERT INTO perks_redemption_limits (resident_id, offer_id, window_start_on, used) VALUES (%s, %s, %s, 1)
ON CONFLICT (resident_id, offer_id, window_start_on) DO UPDATE SET used = perks_redemption_limits.used + 1
WHERE perks_redemption_limits.used < %s RETURNING used"""
PLACE = """UPDATE perks_offer_stock SET remaining = remaining - 1 WHERE offer_id = %s AND bucket = %s AND remaining > 0
RETURNING bucket"""
WALLET = "SELECT balance_points, entries FROM ledger_wallets WHERE resident_id = %s"
LOTS = """SELECT id, remaining_points, expires_on FROM ledger_lots
WHERE resident_id = %s AND remaining_points > 0 ORDER BY expires_on"""
TAKE = "UPDATE ledger_lots SET remaining_points = remaining_points - %s WHERE resident_id = %s AND id = %s"
SET_WALLET = "UPDATE ledger_wallets SET balance_points = %s, entries = %s WHERE resident_id = %s"
TRANSFER = """INSERT INTO ledger_transfers (resident_id, id, kind, entry_number, debit_account_id, credit_account_id,
amount_points, code, title, counterparty, subject_id, event_at, created_at, wallet_balance_after_points, reason)
VALUES (%s, %s, 'hold', %s, %s, %s, %s, 'perks.redeemed', %s, '', %s, %s, %s, %s, '')"""
ALLOCATION = """INSERT INTO ledger_allocations (resident_id, transfer_id, lot_id, delta_points)
VALUES (%s, %s, %s, %s)"""
STATUS = """INSERT INTO code_statuses (list_id, status_index, expires_at) VALUES (0, %s, %s)
ON CONFLICT DO NOTHING RETURNING status_index"""
COUPON = """INSERT INTO perks_coupons (resident_id, id, redemption_id, offer_id, status, price_points, valid_from,
valid_until, uses_total, uses_left, hold_transfer_id, status_list_id, status_index, bucket, window_start_on, terms,
created_at) VALUES (%s, %s, %s, %s, 'issued', %s, %s, %s, %s, %s, %s, 0, %s, %s, %s, %s, %s)"""


def _connection(name: str) -> Any:
    """This thread's connection for ``writing`` or for ``reading`` (autocommit)."""
    if not hasattr(_own, name):
        url = db.current().url
        if db.current().dialect == "postgresql":
            plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
            setattr(_own, name, psycopg.connect(plain, autocommit=name == "reading", options="-c timezone=UTC"))
        else:
            made = sqlite3.connect(str(url.database), isolation_level=None, timeout=30)
            for pragma in ("synchronous=FULL", "foreign_keys=ON"):
                made.execute(f"PRAGMA {pragma}")
            setattr(_own, name, made)
    return getattr(_own, name)


def close() -> None:
    """Close this thread's connections."""
    for name in list(vars(_own)):
        getattr(_own, name).close()
        delattr(_own, name)


class Hand:
    """One thread's connection: statements with ``%s``, and values as each database takes them."""

    def __init__(self, name: str = "writing") -> None:
        self.connection, self.sqlite = _connection(name), db.current().dialect == "sqlite"
        self.run: Run = self._on_sqlite if self.sqlite else self.connection.execute

    def _on_sqlite(self, statement: str, values: tuple[Any, ...]) -> Any:
        return self.connection.execute(_questions(statement), tuple(_plain(value) for value in values))

    def lock(self) -> AbstractContextManager[None]:
        held = db.current().lock
        return held.held() if held is not None else nullcontext()

    def begin(self) -> None:
        if self.sqlite:
            self.connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self.connection.commit()

    def rollback(self) -> None:
        self.connection.rollback()

    @property
    def for_update(self) -> str:
        return "" if self.sqlite else " FOR UPDATE"


@lru_cache(maxsize=100)
def _questions(statement: str) -> str:
    return statement.replace("%s", "?")


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    return value.isoformat() if isinstance(value, date) else value


def redeem(resident_id: UUID, offer_id: UUID, key: UUID, digest: bytes) -> dict[str, Any]:
    """A redemption in one transaction; what the API's answer says at least."""
    hand = Hand()
    with hand.lock():
        hand.begin()
        try:
            made = _redeem(hand, resident_id, offer_id, key, digest)
        except BaseException:
            hand.rollback()
            raise
        hand.commit()
    return made


def _redeem(hand: Hand, resident_id: UUID, offer_id: UUID, key: UUID, digest: bytes) -> dict[str, Any]:
    run, now, redemption_id = hand.run, datetime.now(UTC), new_id()
    if run(BEGIN_OPERATION, (resident_id, key, digest, redemption_id, now)).fetchone() is None:
        raise LookupError("the floor knows no repeats")
    price, partner, version, title, terms = run(OFFER, (offer_id,)).fetchone()
    document = json.loads(terms) if isinstance(terms, str) else terms
    partner_id = UUID(partner) if isinstance(partner, str) else partner
    coupon_id, window = new_id(), date(1970, 1, 1)
    run(REDEMPTION, (resident_id, redemption_id, offer_id, coupon_id, version, price, now))
    if document["per_person"]:
        run(TURN, (resident_id, offer_id, window, document["per_person"]["limit"])).fetchone()
    bucket = resident_id.int % 8
    if run(PLACE, (offer_id, bucket)).fetchone() is None:
        raise LookupError("sold out")
    transfer_id = hold(hand, resident_id, price, partner_id, coupon_id, now, title)
    valid_until = now + timedelta(days=document["coupon_valid_days"])
    index = secrets.randbelow(SIZE_BITS)
    run(STATUS, (index, valid_until)).fetchone()
    run(COUPON, (resident_id, coupon_id, redemption_id, offer_id, price, now, valid_until, document["uses"],
                 document["uses"], transfer_id, index, bucket, window, json.dumps(document), now))  # fmt: skip
    coupon = {"id": str(coupon_id), "status": "issued", "valid_until": valid_until.isoformat(), "uses_left": 1}
    return {"id": str(redemption_id), "coupon": coupon}


def hold(
    hand: Hand, resident_id: UUID, points: int, partner_id: UUID, subject_id: UUID, now: datetime, title: str
) -> UUID:
    """Points from the wallet's first lot to escrow: two reads, two changes, two rows."""
    run = hand.run
    balance, entries = run(WALLET + hand.for_update, (resident_id,)).fetchone()
    lot_id, remaining, _ = run(LOTS, (resident_id,)).fetchone()
    if remaining < points:
        raise LookupError("the floor takes from one lot only")
    lot = UUID(lot_id) if isinstance(lot_id, str) else lot_id
    transfer_id = new_id()
    run(TAKE, (points, resident_id, lot))
    run(SET_WALLET, (balance - points, entries + 1, resident_id))
    run(TRANSFER, (resident_id, transfer_id, entries + 1, resident_id, account_id("escrow", partner_id), points, title,
                   subject_id, now, now, balance - points))  # fmt: skip
    run(ALLOCATION, (resident_id, transfer_id, lot, -points))
    return transfer_id
