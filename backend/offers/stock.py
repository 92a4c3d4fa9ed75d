"""Counting an offer's places.

Places lie in bucket rows, so that a hot offer does not queue on one row. Every step is one conditional statement
that asks RETURNING; whoever meets a row that another is just changing waits for the outcome.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from backend.kit.db import Reader
from backend.kit.errors import TryAgain
from backend.kit.prepared import Prepared
from backend.offers import rules
from backend.offers.errors import SoldOut
from backend.offers.models import OfferStock
from backend.offers.policy import STOCK_BUCKETS

MOST_ROUNDS = 50

_STOCK: Any = OfferStock.__table__
_WITH_PLACES = select(_STOCK.c.bucket).where(_STOCK.c.offer_id == bindparam("offer"), _STOCK.c.remaining > 0)
_TAKE = Prepared(
    update(_STOCK)
    .where(_STOCK.c.offer_id == bindparam("offer"), _STOCK.c.bucket == bindparam("shelf"), _STOCK.c.remaining > 0)
    .values(remaining=_STOCK.c.remaining - 1)
    .returning(_STOCK.c.bucket)
)


def left(reader: Reader, offer_ids: list[UUID]) -> dict[UUID, int]:
    """How many places each limited offer has left now. Unlimited offers are absent."""
    rows = reader.execute(
        select(OfferStock.offer_id, func.sum(OfferStock.remaining))
        .where(OfferStock.offer_id.in_(offer_ids))
        .group_by(OfferStock.offer_id)
    )
    return {offer_id: int(count) for offer_id, count in rows}


def take_place(session: Session, offer_id: UUID, stock_total: int, resident_id: UUID) -> int | None:
    """Take one place and return its bucket; None when the offer is unlimited. Raises SoldOut.

    The resident's own bucket comes first, then each that shows a place. A place that another transaction is about
    to take or give up is waited for: *sold out* is said only when every bucket has been seen empty.
    """
    if stock_total == 0:
        return None
    own = resident_id.int % rules.bucket_count(stock_total, STOCK_BUCKETS)
    if _take_from(session, offer_id, own):
        return own
    for _ in range(MOST_ROUNDS):
        open_buckets: Iterable[int] = session.execute(_WITH_PLACES, {"offer": offer_id}).scalars()
        buckets = sorted(open_buckets, key=lambda bucket: (bucket - own) % STOCK_BUCKETS)
        if not buckets:
            raise SoldOut()
        for bucket in buckets:
            if _take_from(session, offer_id, bucket):
                return bucket
    raise TryAgain()


def _take_from(session: Session, offer_id: UUID, bucket: int) -> bool:
    return _TAKE.first(session, {"offer": offer_id, "shelf": bucket}) is not None


def put_place_back(session: Session, offer_id: UUID, bucket: int | None) -> None:
    """Give a place back to the bucket that it came from, unless the city has meanwhile lowered the total below it."""
    if bucket is None:
        return
    shelf = select(OfferStock.bucket, OfferStock.overdrawn).where(OfferStock.offer_id == offer_id)
    rows = session.execute(shelf.order_by(OfferStock.bucket)).all()
    for row in rows:
        if row.overdrawn > 0 and _swallow(session, offer_id, row.bucket):
            return
    order = sorted((row.bucket for row in rows), key=lambda other: (other != bucket, other))
    for candidate in order:
        if _put_into(session, offer_id, candidate):
            return


def _swallow(session: Session, offer_id: UUID, bucket: int) -> bool:
    swallowed = session.execute(
        update(OfferStock)
        .where(OfferStock.offer_id == offer_id, OfferStock.bucket == bucket, OfferStock.overdrawn > 0)
        .values(overdrawn=OfferStock.overdrawn - 1)
        .returning(OfferStock.bucket)
        .execution_options(synchronize_session=False)
    )
    return swallowed.first() is not None


def _put_into(session: Session, offer_id: UUID, bucket: int) -> bool:
    put = session.execute(
        update(OfferStock)
        .where(OfferStock.offer_id == offer_id, OfferStock.bucket == bucket, OfferStock.remaining < OfferStock.total)
        .values(remaining=OfferStock.remaining + 1)
        .returning(OfferStock.bucket)
        .execution_options(synchronize_session=False)
    )
    return put.first() is not None
