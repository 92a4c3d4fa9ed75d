"""``tests.bench.floor:app``: bare Flask views on the real server and the real database, with the real token check."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from flask import Flask, request
from sqlalchemy import select

from backend import app as house
from backend.accounts import service as accounts
from backend.kit import db
from backend.ledger.models import wallets
from backend.perks.models import Offer
from config.settings import Settings
from tests.bench import by_hand

house.prepare(Settings.from_env())
app = Flask("floor")

_WALLET = select(wallets.c.balance_points)
_OFFER = select(Offer.id, Offer.title)


def resident_id() -> UUID:
    """The token check: signature, session and account, in one statement."""
    with db.reading() as reader:
        who = accounts.resolve(reader, request.headers["Authorization"].removeprefix("Bearer "))
    if who is None or who.resident_id is None:
        raise LookupError("nobody is signed in")
    return who.resident_id


@app.get("/readyz")
def check_readiness() -> str:
    return "ready\n"


@app.get("/healthz")
def light() -> str:
    return "ok\n"


@app.get("/row")
def own_row() -> dict[str, Any]:
    """One row of the caller's, by Core, in autocommit."""
    mine = resident_id()
    with db.reading() as reader:
        row = reader.execute(_WALLET.where(wallets.c.resident_id == mine)).one()
    return {"balance_points": row.balance_points}


@app.get("/public-row/<uuid:key>")
def public_row(key: UUID) -> dict[str, Any]:
    """One row for anyone."""
    with db.reading() as reader:
        row = reader.execute(_OFFER.where(Offer.id == key)).one()
    return {"id": str(row.id), "title": row.title}


@app.post("/redemptions/<uuid:offer_id>")
def redeem(offer_id: UUID) -> tuple[dict[str, Any], int]:
    mine = resident_id()
    digest = hashlib.sha256(f"{request.method} {request.path}".encode() + request.get_data()).digest()
    return by_hand.redeem(mine, offer_id, UUID(request.headers["Idempotency-Key"]), digest), 201
