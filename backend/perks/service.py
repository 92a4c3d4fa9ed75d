"""What other rooms and the edge ask of this one. Each verb is explained where it is defined."""

from __future__ import annotations

from backend.offers.service import slot_left, slots
from backend.perks.browsing import OfferView, offer, offers, scenes, slots_shown
from backend.perks.coupons import (
    COUNTER_USE,
    PRESENTATION_USE,
    USABLE,
    CouponView,
    booked,
    cancellable,
    coupon,
    coupon_code,
    coupons,
    presentation_code,
    usable_now,
)
from backend.perks.coupons import change as change_coupon
from backend.perks.coupons import find as find_coupon
from backend.perks.coupons import lock as lock_coupon
from backend.perks.coupons import lock_with_offer as lock_coupon_with_offer
from backend.perks.coupons import not_yet as coupon_not_yet
from backend.perks.coupons import offer_of as coupon_offer
from backend.perks.coupons import status_at as coupon_status
from backend.perks.coupons import usable as usable_coupons
from backend.perks.eligibility import NOBODY, Asker, bind_pauses, bind_slot_pauses, judge
from backend.perks.extensions import BEGUN, Officer, extend, extensions, on_begun
from backend.perks.lifecycle import refuse_transfer, reissue
from backend.perks.moved import on_recovered
from backend.perks.redemption import RedemptionView, cancel, issue, redeem, redemption, require_entitled
from backend.perks.rules import next_status, share_points
from backend.perks.undoing import give_use_back, points_of_a_use

__all__ = [
    "BEGUN", "COUNTER_USE", "NOBODY", "PRESENTATION_USE", "USABLE", "Asker", "CouponView", "OfferView", "Officer",
    "RedemptionView", "bind_pauses", "bind_slot_pauses", "booked", "cancel", "cancellable", "change_coupon", "coupon",
    "coupon_code", "coupon_not_yet", "coupon_offer", "coupon_status", "coupons", "extend", "extensions",
    "find_coupon", "give_use_back", "issue", "judge", "lock_coupon", "lock_coupon_with_offer", "next_status", "offer",
    "offers", "on_begun", "on_recovered", "points_of_a_use", "presentation_code", "redeem", "redemption",
    "refuse_transfer", "reissue", "require_entitled", "scenes", "share_points", "slot_left", "slots", "slots_shown",
    "usable_coupons", "usable_now",
]  # fmt: skip
