"""Stacking groups: of one group a resident holds one usable coupon at a time.

The row is keyed by resident and group, and taken by one conditional statement, so that of two redemptions at the same
moment one wins. A coupon that has ended holds nothing, whether or not anybody closed it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, delete, select, update
from sqlalchemy.orm import Session

from backend.kit import clock, db
from backend.kit.db import Reader
from backend.kit.prepared import Prepared
from backend.offers import service as shelf
from backend.perks.models import GroupHold

_HOLDS: Any = GroupHold.__table__


def _taking(dialect: str) -> Any:
    statement = db.insert_of(dialect, _HOLDS)
    changed = {name: statement.excluded[name] for name in ("coupon_id", "held_until")}
    return statement.on_conflict_do_update(
        index_elements=["resident_id", "stacking_group"], set_=changed, where=_HOLDS.c.held_until <= bindparam("now")
    ).returning(_HOLDS.c.coupon_id)


_TAKE = Prepared(_taking, ("resident_id", "stacking_group", "coupon_id", "held_until"))


def take(session: Session, resident_id: UUID, group: str, coupon_id: UUID, held_until: datetime) -> bool:
    """Hold the group for a coupon until it ends. False when another usable coupon holds it."""
    row = {"resident_id": resident_id, "stacking_group": group, "coupon_id": coupon_id, "held_until": held_until}
    return _TAKE.first(session, {**row, "now": clock.now()}) is not None


def held(reader: Reader, resident_id: UUID, groups: Collection[str]) -> frozenset[str]:
    """In which of these groups the resident holds a usable coupon now."""
    if not groups:
        return frozenset()
    rows = select(GroupHold.stacking_group).where(
        GroupHold.resident_id == resident_id, GroupHold.stacking_group.in_(groups), GroupHold.held_until > clock.now()
    )
    return frozenset(reader.execute(rows).scalars())


def follow(session: Session, coupon: Row[Any], status: str, valid_until: datetime) -> None:
    """What a change of a coupon, from its row to this, means for its group.

    A coupon whose use was undone holds the group again; where another holds it by then the older right stands beside
    it: nobody loses a use because a venue took it back.
    """
    group = shelf.said(coupon.terms, "stacking_group")
    if not group or (status, valid_until) == (coupon.status, coupon.valid_until):
        return
    own = (_HOLDS.c.resident_id == coupon.resident_id, _HOLDS.c.stacking_group == group,
           _HOLDS.c.coupon_id == coupon.id)  # fmt: skip
    if status != "issued":
        session.execute(delete(_HOLDS).where(*own))
    elif coupon.status != "issued":
        take(session, coupon.resident_id, group, coupon.id, valid_until)
    else:
        session.execute(update(_HOLDS).where(*own).values(held_until=valid_until))
