"""Is there an entitlement for this plate now? One answer, and nothing about why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from backend.admissions.service import Door
from backend.kit import clock
from backend.kit.db import Reader
from backend.kit.operations import Operation
from backend.kit.prepared import Batch
from backend.offers import service as shelf
from backend.parking import answering, operating, plates, rules
from backend.perks import service as perks


class Benefit(NamedTuple):
    """What a driver may have here now. ``coupon_id``: the coupon that she holds; None for what is redeemed at once."""

    offer_id: UUID
    title: str
    kind: str
    benefit: Mapping[str, Any]
    coupon_id: UUID | None
    good_until: datetime | None

    def told(self) -> dict[str, Any]:
        """As the operator hears it: no coupon's number, which would follow her from one visit to the next."""
        return {
            "offer_id": self.offer_id, "title": self.title, "kind": self.kind, "benefit": dict(self.benefit),
            "held": self.coupon_id is not None,
        }  # fmt: skip


def ask(session: Session, at_door: Door, text: str, operation: Operation) -> dict[str, Any]:
    """Whether the driver of this plate has benefits at this car park now. No such plate, no consent and nothing to
    have are one answer. Raises FieldError, NotACarPark, IdempotencyConflict."""
    plate = plates.accepted(text)

    def act(made: UUID, batch: Batch) -> dict[str, Any]:
        offers = operating.require_car_park(session, at_door.venue_id)
        until = clock.now() + timedelta(seconds=rules.GOOD_SECONDS)
        found: list[Benefit] = []
        if (whose := plates.find(session, plate)) is not None:
            if operating.allowed(session, whose.resident_id, whose.plate_id, at_door.partner_id):
                found = benefits(session, whose.resident_id, at_door.venue_id, offers)
            answering.note(batch, at_door, whose.resident_id, whose.plate_id, "entitlement", bool(found), made)
        ends = [until, *(each.good_until for each in found if each.good_until)]
        return {"entitled": bool(found), "benefits": [each.told() for each in found], "valid_until": min(ends)}

    return answering.once(session, at_door, operation, "entitlement", act)


def benefits(reader: Reader, resident_id: UUID, venue_id: UUID, offers: Sequence[shelf.Shown]) -> list[Benefit]:
    """Her usable coupons for this car park, the first to end of each offer; then what she may redeem for nothing."""
    held: dict[UUID, Benefit] = {}
    for coupon in perks.usable_coupons(reader, resident_id, rules.KINDS):
        if coupon.offer_id not in held:
            terms = coupon.terms
            held[coupon.offer_id] = Benefit(
                coupon.offer_id, terms["title"], terms["kind"], terms["benefit"], coupon.id, coupon.valid_until
            )
    if held:
        places = shelf.venues_of_all(reader, held)
        held = {i: each for i, each in held.items() if any(v["id"] == venue_id for v in places.get(i, ()))}
    free = [shown.row for shown in offers if at_once(shown.row) and shown.row.id not in held]
    verdicts = perks.judge(reader, perks.Asker(True, resident_id), free)
    return [
        *held.values(),
        *(
            Benefit(row.id, row.title, row.kind, row.terms["benefit"], None, None)
            for row in free
            if verdicts[row.id].entitled
        ),
    ]


def at_once(row: Any) -> bool:
    """Whether an offer can be redeemed at the gate: for no points, and for no slot."""
    return row.price_points == 0 and shelf.said(row.terms, "slots") is None
