"""What other rooms and the edge ask of this one. Each verb is explained where it is defined."""

from __future__ import annotations

from backend.perks.coupons import USABLE, CouponView, coupon, coupon_code, coupons, presentation_code
from backend.perks.door import Door, Judgement, door, verify
from backend.perks.eligibility import NOBODY, Asker
from backend.perks.offers import OfferView, offer, offers, scenes, venue
from backend.perks.pack import offline_pack
from backend.perks.policy import apply, lint_policy, offer_id, venue_id
from backend.perks.redemption import RedemptionView, cancel, redeem, redemption
from backend.perks.scans import Outcome
from backend.perks.venue import admit, upload

__all__ = [
    "NOBODY", "USABLE", "Asker", "CouponView", "Door", "Judgement", "OfferView", "Outcome", "RedemptionView", "admit",
    "apply", "cancel", "coupon", "coupon_code", "coupons", "door", "lint_policy", "offer", "offer_id", "offers",
    "offline_pack", "presentation_code", "redeem", "redemption", "scenes", "upload", "venue", "venue_id", "verify",
]  # fmt: skip
