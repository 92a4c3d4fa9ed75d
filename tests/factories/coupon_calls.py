"""Good calls of slots and of what becomes of coupons."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from backend.kit import clock
from backend.offers import service as shelf
from backend.offers.models import Offer
from tests.factories import accounts as people
from tests.factories import perks as shops


class CouponCalls:
    """What the world's residents and her partner's manager do with coupons."""

    shop: shops.Shop
    staff: dict[str, people.Staff]
    coupon_id: UUID

    def new_coupon(self, session: Session) -> UUID:
        raise NotImplementedError

    def _managed_offer(self, session: Session) -> dict[str, Any]:
        """An offer of the organisation whose manager asks."""
        made, whose = shops.shop(session), self.staff["partner-manager"].organisation_id
        own = update(Offer).where(Offer.id == made.offer_id)
        session.execute(own.values(partner_id=whose, updated_at=clock.now()))
        shelf.forget()
        return {"who": "partner-manager", "params": {"offer_id": made.offer_id}}

    def _list_slots(self, _: Session) -> dict[str, Any]:
        return {"params": {"offer_id": self.shop.offer_id}}

    def _reissue_coupon(self, session: Session) -> dict[str, Any]:
        return {"params": {"coupon_id": self.new_coupon(session)}}

    def _transfer_coupon(self, _: Session) -> dict[str, Any]:
        return {"params": {"coupon_id": self.coupon_id}}

    def _extend_coupons(self, session: Session) -> dict[str, Any]:
        until = (clock.today() + timedelta(days=90)).isoformat()
        return {**self._managed_offer(session), "body": {"until_on": until, "reason": "场馆检修"}}

    _list_coupon_extensions = _managed_offer
