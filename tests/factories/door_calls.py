"""The good calls of a venue's door: what a device undoes, and what partner and office say of conflicts."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert
from sqlalchemy.orm import Session

from backend.admissions import conflicts
from backend.admissions import service as admissions
from backend.kit import clock
from backend.offers.models import OfferVenue
from backend.perks import coupons
from backend.perks import service as perks
from tests.factories import accounts as people
from tests.factories import perks as shops

SAID = "演示：当时确已验票入场"


class DoorCalls:
    """A part of ``World``: each method makes what the call of its name needs."""

    resident: people.Resident
    neighbour: people.Resident
    staff: dict[str, people.Staff]
    shop: shops.Shop
    other_shop: shops.Shop

    def _undo_admission(self, session: Session) -> dict[str, Any]:
        """Of somebody else's coupon: what the resident has stays as it is."""
        visitor = people.resident(session).resident_id
        shops.give_points(session, visitor, 50)
        return {"params": {"admission_id": self._let_in(session, self.shop, visitor)[0]}}

    @staticmethod
    def _let_in(session: Session, known: shops.Shop, visitor: UUID) -> tuple[UUID, str]:
        """An admission at the shop's door, and the code of its coupon."""
        coupon_id = perks.redeem(session, visitor, known.offer_id, shops.act(visitor)).coupon.id
        code = coupons.coupon_code(session, visitor, coupon_id).text
        return admissions.admit(session, known.door, code, None, shops.act(known.door.device_id)).id, code

    def admitted_twice(self, session: Session) -> tuple[UUID, UUID]:
        """The neighbour's coupon, used at the other shop and then let in once more offline: use and conflict."""
        admission_id, code = self._let_in(session, self.other_shop, self.neighbour.resident_id)
        door = self.other_shop.door
        conflict = admissions.upload(session, door, door.device_id, uuid4(), code, clock.now())
        return admission_id, conflict.id

    def _own_conflict(self, session: Session) -> dict[str, Any]:
        """The resident's coupon was let in offline, against its terms, at a venue of the manager's."""
        manager, mine = self.staff["partner-manager"], self.resident.resident_id
        known = shops.shop(session, offline={"mode": "none"}, settlement_price_fen=800, uses=2)
        venue_id = shops.venue(session, manager.organisation_id)
        session.execute(insert(OfferVenue).values(offer_id=known.offer_id, venue_id=venue_id))
        device = people.device(session, manager.organisation_id, venue_id)
        at_door = admissions.door(device.device_id, manager.organisation_id, venue_id)
        coupon_id = perks.redeem(session, mine, known.offer_id, shops.act(mine)).coupon.id
        code = coupons.coupon_code(session, mine, coupon_id).text
        made = admissions.upload(session, at_door, device.device_id, uuid4(), code, clock.now())
        return {"who": "partner-manager", "params": {"conflict_id": made.id}}

    _waive_conflict = _own_conflict

    def _claim_conflict(self, session: Session) -> dict[str, Any]:
        return {**self._own_conflict(session), "body": {"text": SAID}}

    def _list_conflicts(self, session: Session) -> dict[str, Any]:
        self._own_conflict(session)
        return {}

    def _claimed_conflict(self, session: Session) -> UUID:
        conflict_id: UUID = self._own_conflict(session)["params"]["conflict_id"]
        manager = self.staff["partner-manager"]
        desk = conflicts.Desk(manager.staff_id, "partner-manager")
        conflicts.claim(
            session, [manager.organisation_id], conflict_id, SAID, desk, shops.act(manager.staff_id)
        )  # fmt: skip
        return conflict_id

    def _list_claims(self, session: Session) -> dict[str, Any]:
        self._claimed_conflict(session)
        return {}

    def _decide_conflict(self, session: Session) -> dict[str, Any]:
        body = {"accepted": True, "reason": "演示：已核对闸机记录"}
        return {"params": {"conflict_id": self._claimed_conflict(session)}, "body": body}
