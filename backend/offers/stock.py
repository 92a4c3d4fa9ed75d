"""Counting an offer's places: of the whole offer, and of each Shanghai day on which it is redeemed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from backend.kit import clock
from backend.kit.db import Reader
from backend.offers.buckets import Buckets
from backend.offers.errors import SoldOut
from backend.offers.models import DayStock, OfferStock

_STOCK: Any = OfferStock.__table__
_DAYS: Any = DayStock.__table__
WHOLE = Buckets(_STOCK, "offer_id")
BY_DAY = Buckets(_DAYS, "offer_id", "day_on")


def left(reader: Reader, offer_ids: list[UUID]) -> dict[UUID, int]:
    """How many places each limited offer has left now. Unlimited offers are absent."""
    rows = reader.execute(
        select(OfferStock.offer_id, func.sum(OfferStock.remaining))
        .where(OfferStock.offer_id.in_(offer_ids))
        .group_by(OfferStock.offer_id)
    )
    return {offer_id: int(count) for offer_id, count in rows}


def left_on(reader: Reader, per_day: dict[UUID, int], day: date) -> dict[UUID, int]:
    """How many places of a day each offer has left; ``per_day``: how many it has in all."""
    rows = reader.execute(
        select(DayStock.offer_id, func.sum(DayStock.remaining))
        .where(DayStock.offer_id.in_(list(per_day)), DayStock.day_on == day)
        .group_by(DayStock.offer_id)
    )
    return {**per_day, **{offer_id: int(count) for offer_id, count in rows}}


def take_place(session: Session, offer_id: UUID, stock_total: int, resident_id: UUID) -> int | None:
    """Take one place and return its bucket; None when the offer is unlimited. Raises SoldOut and TryAgain.

    *Sold out* is said only when every bucket has been seen empty.
    """
    if stock_total == 0:
        return None
    bucket = WHOLE.take(session, {"offer_id": offer_id}, stock_total, resident_id)
    if bucket is None:
        raise SoldOut()
    return bucket


def take_place_of_day(session: Session, offer_id: UUID, per_day: int, day: date, resident_id: UUID) -> int | None:
    """Take one of the day's places and return its bucket; None when days are not counted. Raises SoldOut, TryAgain.

    The day's rows are made by whoever comes first.
    """
    if per_day == 0:
        return None
    key = {"offer_id": offer_id, "day_on": day}
    bucket = BY_DAY.take(session, key, per_day, resident_id)
    if bucket is None and not _opened(session, offer_id, day):
        BY_DAY.fill(session, key, per_day)
        bucket = BY_DAY.take(session, key, per_day, resident_id)
    if bucket is None:
        again = day + timedelta(days=1)
        raise SoldOut(
            f"今天的名额已领完，{again:%Y-%m-%d} 零点起放出新名额。没有扣除积分。",
            f"Nothing is left for today; more from {again:%Y-%m-%d}. No points were taken.",
            again_on=again.isoformat(),
        )  # fmt: skip
    return bucket


def _opened(reader: Reader, offer_id: UUID, day: date) -> bool:
    found = select(DayStock.bucket).where(DayStock.offer_id == offer_id, DayStock.day_on == day).limit(1)
    return reader.execute(found).first() is not None


def put_place_back(session: Session, offer_id: UUID, bucket: int | None) -> None:
    """Give a place back to the bucket that it came from, unless the city has meanwhile lowered the total below it."""
    if bucket is not None:
        WHOLE.put_back(session, {"offer_id": offer_id}, bucket)


def put_place_of_day_back(session: Session, offer_id: UUID, bucket: int | None, day: date) -> None:
    """Give a place of a day back to that day."""
    if bucket is not None:
        BY_DAY.put_back(session, {"offer_id": offer_id, "day_on": day}, bucket)


def set_stock(session: Session, offer_id: UUID, total: int, per_day: int) -> None:
    """What a policy says of an offer's places, now and on the days that have begun to be counted."""
    WHOLE.set_total(session, {"offer_id": offer_id}, total)
    days = select(DayStock.day_on).where(DayStock.offer_id == offer_id, DayStock.day_on >= clock.today()).distinct()
    for day in sorted(session.execute(days).scalars().all()):
        BY_DAY.set_total(session, {"offer_id": offer_id, "day_on": day}, per_day)


def forget_days(session: Session, before: date, most: int = 1000) -> int:
    """Delete the counts of days before ``before``, up to ``most`` rows at a time; how many went."""
    old = select(DayStock.offer_id, DayStock.day_on, DayStock.bucket).where(DayStock.day_on < before).limit(most)
    rows = session.execute(old).all()
    for row in rows:
        session.execute(delete(_DAYS).where(*(_DAYS.c[name] == value for name, value in row._mapping.items())))
    return len(rows)
