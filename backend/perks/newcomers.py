"""Offers for first-timers: whether somebody has had one before, also in an earlier life in the programme.

Who redeemed such an offer and left leaves a *tombstone*: a keyed digest of the id number for that one offer, until a
day. It says nothing else, is asked about nothing else, and is deleted on its day.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, tuple_
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.kit import clock, db
from backend.kit.db import Reader
from backend.offers import service as shelf
from backend.perks.models import Coupon, Redemption, Tombstone

DIGEST_PURPOSE = "perks-tombstone"
CHUNK = 1000


def had_before(reader: Reader, resident_id: UUID, offer_ids: Collection[UUID]) -> frozenset[UUID]:
    """Which of these offers the person has had: redeemed and not given back, or before an earlier departure."""
    if not offer_ids:
        return frozenset()
    own = (
        select(Redemption.offer_id)
        .join(Coupon, (Coupon.resident_id == Redemption.resident_id) & (Coupon.id == Redemption.coupon_id))
        .where(Redemption.resident_id == resident_id, Redemption.offer_id.in_(offer_ids), Coupon.status != "cancelled")
    )
    return frozenset(reader.execute(own).scalars()) | _remembered(reader, resident_id, offer_ids)


def _remembered(reader: Reader, resident_id: UUID, offer_ids: Collection[UUID]) -> frozenset[UUID]:
    keys = [(digest, key_id) for key_id, digest in accounts.identity_digests(reader, resident_id, DIGEST_PURPOSE)]
    buried = select(Tombstone.offer_id).where(
        tuple_(Tombstone.digest, Tombstone.key_id).in_(keys),
        Tombstone.offer_id.in_(offer_ids),
        Tombstone.kept_until_on >= clock.today(),
    )
    return frozenset(reader.execute(buried).scalars())


def bury(session: Session, resident_id: UUID, digests: Sequence[tuple[str, bytes]], until_on: date) -> int:
    """Leave a tombstone for every first-timer offer that a leaver has had; none, where there was none. How many."""
    had = had_before(session, resident_id, shelf.first_timers(session))
    rows: list[dict[str, Any]] = [
        {"digest": digest, "key_id": key_id, "offer_id": offer_id, "kept_until_on": until_on}
        for offer_id in sorted(had)
        for key_id, digest in digests
    ]
    for row in rows:
        statement = db.insert(session, Tombstone).values(**row)
        again = statement.on_conflict_do_update(
            index_elements=["digest", "key_id", "offer_id"], set_={"kept_until_on": until_on}
        )
        session.execute(again)
    return len(had)


def forget(session: Session, day: date, most: int = CHUNK) -> int:
    """Delete the tombstones whose last day is before ``day``, ``most`` at a time; how many went."""
    old = select(Tombstone.digest, Tombstone.key_id, Tombstone.offer_id).where(Tombstone.kept_until_on < day)
    keys = [tuple(row) for row in session.execute(old.limit(most))]
    if keys:
        key = tuple_(Tombstone.digest, Tombstone.key_id, Tombstone.offer_id)
        session.execute(delete(Tombstone).where(key.in_(keys)).execution_options(synchronize_session=False))
    return len(keys)
