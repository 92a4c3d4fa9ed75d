"""What other rooms and the edge ask of this one. Each verb is explained where it is defined."""

from __future__ import annotations

from backend.perks.coupons import COUNTER_USE, USABLE, CouponView, coupon, coupon_code, coupons, presentation_code
from backend.perks.door import Door, Judgement, door, verify
from backend.perks.eligibility import NOBODY, Asker
from backend.perks.moved import on_recovered
from backend.perks.offers import OfferView, offer, offers, partner_venues, scenes, venue
from backend.perks.pack import offline_pack
from backend.perks.policy import apply, lint_policy, offer_id, venue_id
from backend.perks.redemption import RedemptionView, cancel, redeem, redemption
from backend.perks.scans import Outcome
from backend.perks.venue import admit, upload

__all__ = [
    "COUNTER_USE", "NOBODY", "USABLE", "Asker", "CouponView", "Door", "Judgement", "OfferView", "Outcome",
    "RedemptionView", "admit", "apply", "cancel", "coupon", "coupon_code", "coupons", "door", "lint_policy", "offer",
    "offer_id", "offers", "offline_pack", "on_recovered", "partner_venues", "presentation_code", "redeem",
    "redemption", "scenes", "upload", "venue", "venue_id", "verify",
]  # fmt: skip
