"""What an offer's rules say, defaults written out: what a coupon remembers of its offer whatever comes later.

Terms that were written before a condition existed do not have it; :func:`said` reads both.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from backend.offers.rules import Closed, SlotRule, open_minutes

EVERY_DAY = [1, 2, 3, 4, 5, 6, 7]
ABSENT: Mapping[str, Any] = {
    "age": None,
    "stock_per_day": 0,
    "slots": None,
    "blackout": None,
    "stacking_group": "",
    "settlement_price_fen": 0,
    "funding_account": "",
    "late_refund": {"to": "expire", "grace_days": 0},
    "obligation": None,
    "first_timers_only": False,
}
"""What each later condition means where it is not said."""


def said(terms: Mapping[str, Any], key: str) -> Any:
    """What terms say of a condition that older terms do not know."""
    return terms.get(key, ABSENT[key])


def terms_of(offer: Mapping[str, Any], partner_name: str) -> dict[str, Any]:
    """What a coupon snapshots: every rule of the offer with its defaults written out."""
    offline = dict(offer.get("offline") or {"mode": "none"})
    return {
        **{key: offer[key] for key in ("scene", "title", "kind", "summary", "benefit", "benefit_text", "basis")},
        "partner_name": partner_name,
        "consents": list(offer.get("consents", ())),
        "residents_of": offer.get("residents_of", ""),
        "per_person": dict(offer["per_person"]) if offer.get("per_person") else None,
        "coupon_valid_days": offer["coupon_valid_days"],
        "uses": offer.get("uses", 1),
        "refund": offer.get("refund", "until_used"),
        "offline": {
            "mode": offline["mode"], "max_uses": offline.get("max_uses", 0),
            "max_value_fen": offline.get("max_value_fen", 0),
        },
        "code_lifetime_seconds": offline.get("code_lifetime_seconds") or offer.get("code_lifetime_seconds", 300),
        "basic_public_service": offer.get("basic_public_service", False),
        "starts_on": offer.get("starts_on"),
        "ends_on": offer.get("ends_on"),
        **{key: offer.get(key, ABSENT[key]) for key in (
            "first_timers_only", "stock_per_day", "stacking_group", "settlement_price_fen", "funding_account",
        )},
        "age": _age(offer),
        "slots": _slots(offer),
        "blackout": _blackout(offer),
        "late_refund": _late_refund(offer),
        "obligation": _obligation(offer),
    }  # fmt: skip


def _age(offer: Mapping[str, Any]) -> dict[str, Any] | None:
    if not (age := offer.get("age")):
        return None
    return {"from": age.get("from", 0), "to": age.get("to", 150)}


def _slots(offer: Mapping[str, Any]) -> dict[str, Any] | None:
    if not (slots := offer.get("slots")):
        return None
    return {
        "minutes": slots["minutes"],
        "open": list(slots["open"]),
        "weekdays": sorted(slots.get("weekdays", EVERY_DAY)),
        "capacity": slots["capacity"],
        "days_ahead": slots.get("days_ahead", 14),
        "early_minutes": slots.get("early_minutes", 0),
        "no_show": dict(slots["no_show"]) if slots.get("no_show") else None,
    }


def _blackout(offer: Mapping[str, Any]) -> dict[str, Any] | None:
    if not (blackout := offer.get("blackout")):
        return None
    return {
        "days": sorted(str(day) for day in blackout.get("days", ())),
        "weekdays": sorted(blackout.get("weekdays", ())),
        "use_too": blackout.get("use_too", False),
    }


def _late_refund(offer: Mapping[str, Any]) -> dict[str, Any]:
    late = offer.get("late_refund") or ABSENT["late_refund"]
    return {"to": late["to"], "grace_days": late.get("grace_days", 0) if late["to"] == "grace" else 0}


def _obligation(offer: Mapping[str, Any]) -> dict[str, Any] | None:
    """What using the offer binds the resident to: pay afterwards, or be charged where she was let off a deposit."""
    if not (owed := offer.get("obligation")):
        return None
    return {
        "kind": owed["kind"],
        "up_to_fen": offer["benefit"]["up_to_fen"],
        "due_hours": owed["due_hours"],
        "remind_hours_before": list(owed.get("remind_hours_before", ())),
    }


def closed_days(terms: Mapping[str, Any], *, use: bool = False) -> Closed:
    """The days on which it is not redeemed; with ``use`` those on which it is not admitted either."""
    blackout = said(terms, "blackout")
    if blackout is None or (use and not blackout["use_too"]):
        return Closed()
    return Closed(frozenset(map(date.fromisoformat, blackout["days"])), frozenset(blackout["weekdays"]))


def slot_rule(terms: Mapping[str, Any]) -> SlotRule | None:
    """How its places are given out by time; None when they are not. Where it is not admitted there are no slots."""
    slots = said(terms, "slots")
    if slots is None:
        return None
    return SlotRule(
        slots["minutes"], tuple(span for text in slots["open"] if (span := open_minutes(text))),
        frozenset(slots["weekdays"]), slots["capacity"], slots["days_ahead"], slots["early_minutes"],
        closed_days(terms, use=True),
    )  # fmt: skip
