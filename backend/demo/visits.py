"""Visits of the two months before this one at the first partner's, so that it has a month to settle. Synthetic."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.admissions import service as admissions
from backend.kit import clock, db
from backend.kit.operations import Operation
from backend.ledger import service as ledger
from backend.offers import service as shelf
from backend.perks import service as perks
from backend.settlement import jobs as settlement

EACH_MONTH = 12
_ACTS = UUID("5b0f6d2e-9c41-5a3d-8f0e-2d7c1b6a4e90")


def make(ids: Sequence[UUID], policy: dict[str, Any], office: UUID, device_id: UUID, today: date) -> None:
    """``ids``: those who come, two months' worth. The older month's statement is prepared and waits for its partner."""
    venue = policy["venues"][0]
    offer = next(one for one in policy["offers"] if venue["slug"] in one["venues"] and one["price_points"])
    last = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    older = (last - timedelta(days=1)).replace(day=1)
    with db.transaction() as session:
        partner_id = accounts.organisation_by_slug(session, venue["partner"]).id
        door = admissions.Door(device_id, partner_id, shelf.venue_id(venue["slug"]))
        for place, month in enumerate((older, last)):
            with clock.at(clock.start_of_day(month) + timedelta(hours=8)):
                ledger.grant_budget(session, office, month, offer["price_points"] * EACH_MONTH, None, "演示：往月积分")
            for nth, resident_id in enumerate(ids[place * EACH_MONTH : (place + 1) * EACH_MONTH]):
                with clock.at(clock.start_of_day(month) + timedelta(days=2 * nth, hours=10)):
                    _visit(session, resident_id, offer, office, door)
    settlement.prepare_month(last.replace(day=2))


def _visit(session: Session, resident_id: UUID, offer: dict[str, Any], office: UUID, door: admissions.Door) -> None:
    ledger.award(
        session, resident_id, office, offer["price_points"], "demo.starting-points", clock.now(), None,
        "演示：起始积分", None, counterparty="信用办公室（演示）",
    )  # fmt: skip
    key = uuid5(_ACTS, str(resident_id))
    made = perks.redeem(
        session, resident_id, shelf.offer_id(offer["slug"]), Operation(resident_id, key, key.bytes * 2)
    )  # fmt: skip
    coupon = perks.lock_coupon(session, resident_id, made.coupon.id)
    assert coupon is not None
    admissions.use(session, door, coupon, clock.now(), "online")
