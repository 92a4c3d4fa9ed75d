"""A use that comes back to its coupon because the door took it by mistake."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, tuple_
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.codes import service as codes
from backend.kit import clock
from backend.kit.db import Reader
from backend.offers import service as shelf
from backend.perks import coupons, moved, rules, turns
from backend.perks.models import Coupon, Redemption

BY_VENUE = "venue"
"""The source of a redemption that a presentation code made at a door."""


def give_use_back(session: Session, coupon: Row[Any], last_used_at: datetime | None) -> bool:
    """Give one use back to a coupon that this transaction has locked; False where it was closed meanwhile.

    ``last_used_at``: of the uses that remain. What a door redeemed itself and nobody has used any more ends as if it
    had never been: place and turn go back to the shelf. Otherwise the coupon is good again, and so is every code of
    it that its present holder has shown. Points are the caller's.
    """
    status = rules.next_status(coupon.status, "undo")
    if status is None or coupon.uses_left >= coupon.uses_total:
        return False
    left = coupon.uses_left + 1
    told = {"uses_left": left, "last_used_at": last_used_at}
    if left == coupon.uses_total and _made_at_a_door(session, coupon):
        _end(session, coupon, told)
        return True
    coupons.change(session, coupon, status=status, closed_at=None, **told)
    if coupon.status == "used" and coupon.closed_at < coupon.valid_until:
        _revive(session, coupon)
    return True


def _made_at_a_door(session: Session, coupon: Row[Any]) -> bool:
    key = (Redemption.resident_id == coupon.resident_id, Redemption.id == coupon.redemption_id)
    return session.execute(select(Redemption.source).where(*key)).scalar_one() == BY_VENUE


def _end(session: Session, coupon: Row[Any], told: dict[str, Any]) -> None:
    now = clock.now()
    coupons.change(session, coupon, status="issued", closed_at=None, **told)
    reopened = coupons.find(session, coupon.resident_id, coupon.id)
    assert reopened is not None
    coupons.change(session, reopened, status="cancelled", closed_at=now)
    turns.give_back(session, coupon.resident_id, coupon.offer_id, coupon.window_start_on)
    shelf.put_place_back(session, coupon.offer_id, coupon.bucket)
    if now < coupon.valid_until:
        codes.revoke_status(session, coupon.status_list_id, coupon.status_index)


def _revive(session: Session, coupon: Row[Any]) -> None:
    """Lift what its last use revoked; where the account was recovered since, its codes are another's: a new place."""
    since = accounts.holds_since(session, coupon.resident_id)
    if since is not None and since >= coupon.closed_at:
        moved.replace_place(session, coupon)
    else:
        codes.restore_status(session, coupon.status_list_id, coupon.status_index)


def points_of_a_use(reader: Reader, keys: Sequence[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], int]:
    """What one use of each coupon (resident, coupon) is worth in points; the last takes the remainder."""
    if not keys:
        return {}
    columns = (Coupon.resident_id, Coupon.id, Coupon.price_points, Coupon.uses_total)
    rows = reader.execute(select(*columns).where(tuple_(Coupon.resident_id, Coupon.id).in_(keys)))
    return {(row.resident_id, row.id): row.price_points // row.uses_total for row in rows}
