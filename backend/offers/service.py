"""What other rooms ask of this one. Each verb is explained where it is defined."""

from __future__ import annotations

from backend.offers.policy import apply, keep, lint_policy, offer_id, venue_id
from backend.offers.shelf import (
    Shown,
    forget,
    held_for,
    offer,
    offered_at,
    open_counts,
    open_offers,
    venues_of,
    venues_of_all,
)
from backend.offers.stock import left, put_place_back, take_place
from backend.offers.terms import closed_days, said, slot_rule, terms_of
from backend.offers.venues import admitted_at, first_timers, partner_venues, venue, words

__all__ = [
    "Shown", "admitted_at", "apply", "closed_days", "first_timers", "forget", "held_for", "keep", "left",
    "lint_policy", "offer", "offer_id", "offered_at", "open_counts", "open_offers", "partner_venues",
    "put_place_back", "said", "slot_rule", "take_place", "terms_of", "venue", "venue_id", "venues_of",
    "venues_of_all", "words",
]  # fmt: skip
