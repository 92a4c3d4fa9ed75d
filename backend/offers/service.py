"""What other rooms ask of this one. Each verb is explained where it is defined."""

from __future__ import annotations

from backend.offers.policy import apply, keep, lint_policy, offer_id, venue_id
from backend.offers.shelf import (
    Shown,
    forget,
    held_for,
    is_among,
    offer,
    offered_at,
    open_counts,
    open_offers,
    shown_by,
    stamped,
    venues_of,
    venues_of_all,
)
from backend.offers.slots import (
    Slot,
    Span,
    forget_slots,
    put_slot_back,
    slot_left,
    slots,
    soonest,
    take_slot,
)
from backend.offers.slots import find as find_slot
from backend.offers.stock import (
    forget_days,
    left,
    left_on,
    put_place_back,
    put_place_of_day_back,
    take_place,
    take_place_of_day,
)
from backend.offers.terms import ABSENT, closed_days, said, slot_rule, terms_of
from backend.offers.venues import admitted_at, first_timers, partner_venues, venue, words

__all__ = [
    "ABSENT", "Shown", "Slot", "Span", "admitted_at", "apply", "closed_days", "find_slot", "first_timers", "forget",
    "forget_days", "forget_slots", "held_for", "is_among", "keep", "left", "left_on", "lint_policy", "offer",
    "offer_id", "offered_at", "open_counts", "open_offers", "partner_venues", "put_place_back",
    "put_place_of_day_back", "put_slot_back", "said", "shown_by", "slot_left", "slot_rule", "slots", "soonest",
    "stamped", "take_place", "take_place_of_day", "take_slot", "terms_of", "venue", "venue_id", "venues_of",
    "venues_of_all", "words",
]  # fmt: skip
