"""``tests.bench.floor:app``: bare Flask views on the real server and the real database, with the real token check.

No frame around them, no log, no schema; SQL by hand on a connection of each thread's own.
"""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from flask import Flask, request
from sqlalchemy import select

from backend import app as house
from backend.kit import db
from backend.ledger.models import wallets
from backend.offers.models import Offer
from config.settings import Settings
from tests.bench import by_hand, reads_by_hand, score_reads_by_hand

house.prepare(Settings.from_env())
app = Flask("floor")

_WALLET = select(wallets.c.balance_points)
_OFFER = select(Offer.id, Offer.title)


def token() -> str:
    return request.headers["Authorization"].removeprefix("Bearer ")


@app.get("/readyz")
def check_readiness() -> str:
    return "ready\n"


@app.get("/healthz")
def light() -> str:
    return "ok\n"


@app.get("/row")
def own_row() -> dict[str, Any]:
    """One row of the caller's, by Core, in autocommit."""
    mine = reads_by_hand.resident(token())
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
    mine = reads_by_hand.resident(token())
    digest = hashlib.sha256(f"{request.method} {request.path}".encode() + request.get_data()).digest()
    return by_hand.redeem(mine, offer_id, UUID(request.headers["Idempotency-Key"]), digest), 201


@app.post("/verifications")
def verify() -> dict[str, Any]:
    return reads_by_hand.verify(token(), request.get_json()["code"])


@app.get("/home")
def home() -> dict[str, Any]:
    return reads_by_hand.home(token())


@app.get("/score")
def score() -> dict[str, Any]:
    return score_reads_by_hand.score(token())


@app.get("/score/reasons")
def score_reasons() -> dict[str, Any]:
    return score_reads_by_hand.reasons(token())
