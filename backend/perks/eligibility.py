"""Gathering the facts that ``rules.may_redeem`` judges: few queries, however many offers are asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row

from backend.accounts import service as accounts
from backend.community import service as community
from backend.consents import service as consents
from backend.kit import city, clock
from backend.kit.db import Reader
from backend.ledger import service as ledger
from backend.offers import service as shelf
from backend.perks import newcomers, rules, turns
from backend.perks.rules import Facts, Terms, Verdict
from backend.scores import service as scores


class Asker(NamedTuple):
    """Who looks at offers: nobody (``NOBODY``), somebody signed in without an identity, or a resident."""

    signed_in: bool
    resident_id: UUID | None


NOBODY = Asker(False, None)


class Gates(NamedTuple):
    """What the city's other policies say about conditions: levels by rank, consents and communities by title."""

    level_ranks: Mapping[str, int]
    level_names: Mapping[str, str]
    consent_titles: Mapping[str, str]
    community_names: Mapping[str, str]


def gates(reader: Reader, offers: Sequence[Row[Any]]) -> Gates:
    """Read only what these offers refer to: an offer without conditions asks nothing."""
    levels: list[dict[str, Any]] = []
    purposes: list[dict[str, Any]] = []
    places: list[dict[str, Any]] = []
    if any(offer.level_floor for offer in offers):
        found = city.get(reader, "scoring").content["levels"]
        levels = sorted(found, key=lambda level: int(level["from"]))
    if any(offer.terms["consents"] for offer in offers):
        purposes = city.get(reader, "consents").content["purposes"]
    if any(offer.terms["residents_of"] for offer in offers):
        places = city.get(reader, "community").content["communities"]
    return Gates(
        {level["id"]: rank for rank, level in enumerate(levels)},
        {level["id"]: f"{level['id']}（{level['name']}）" for level in levels},
        {purpose["id"]: purpose["title"] for purpose in purposes},
        {place["slug"]: place["name"] for place in places},
    )


def terms_of(offer: Row[Any], known: Gates) -> Terms:
    """An offer's row as the rules read it."""
    terms = offer.terms
    person = terms["per_person"]
    return Terms(
        status=offer.status,
        price_points=offer.price_points,
        level_floor_name=known.level_names.get(offer.level_floor, offer.level_floor),
        level_floor_rank=_floor(offer.level_floor, known),
        consents=tuple(terms["consents"]),
        consent_titles=known.consent_titles,
        residents_of=terms["residents_of"],
        residents_of_name=known.community_names.get(terms["residents_of"], ""),
        limit=person["limit"] if person else None,
        window=person["window"] if person else "ever",
        starts_on=_day(terms["starts_on"]),
        ends_on=_day(terms["ends_on"]),
        limited_stock=offer.stock_total > 0,
        first_timers_only=first_timers_only(offer),
    )


def first_timers_only(offer: Row[Any]) -> bool:
    """Terms written before this condition existed do not have it."""
    return bool(offer.terms.get("first_timers_only", False))


def _floor(level_id: str, known: Gates) -> int | None:
    """A floor that today's scoring policy no longer knows keeps its offer shut rather than open to everybody."""
    return known.level_ranks.get(level_id, len(known.level_ranks)) if level_id else None


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def standing(reader: Reader, asker: Asker, terms: Sequence[Terms]) -> Facts:
    """What is true of the resident for all these offers alike: consents, level, communities."""
    if asker.resident_id is None:
        return Facts(asker.signed_in, bound=False)
    resident_id = asker.resident_id
    purposes = {purpose for each in terms for purpose in each.consents}
    given = frozenset(p for p in purposes if consents.granted(reader, resident_id, p))
    adult = "score" in purposes and accounts.person(reader, resident_id).is_adult(clock.today())
    level = scores.level_rank(reader, resident_id) if "score" in given and adult else None
    places = {each.residents_of for each in terms if each.residents_of}
    mine = frozenset(slug for slug in places if community.is_member(reader, resident_id, slug))
    return Facts(
        True, bound=True, adult=adult, consents=given, level_rank=level[1] if level else None, communities=mine
    )


def judge(
    reader: Reader,
    asker: Asker,
    offers: Sequence[Row[Any]],
    left: Mapping[UUID, int] | None = None,
    known: Gates | None = None,
) -> dict[UUID, Verdict]:
    """The verdict on each offer for one asker, with all its reasons.

    ``left`` and ``known``: what :func:`shelf.left` and :func:`gates` say of these offers, if the caller has it.
    """
    if not offers:
        return {}
    today = clock.today()
    known = known or gates(reader, offers)
    terms = {offer.id: terms_of(offer, known) for offer in offers}
    common = standing(reader, asker, list(terms.values()))
    places = shelf.left(reader, list(terms)) if left is None else left
    used: dict[UUID, int] = {}
    had: frozenset[UUID] = frozenset()
    balance = 0
    if asker.resident_id is not None:
        windows = {i: rules.window_start(t.window, today) for i, t in terms.items() if t.limit is not None}
        used = turns.counted(reader, asker.resident_id, windows)
        had = newcomers.had_before(reader, asker.resident_id, [i for i, t in terms.items() if t.first_timers_only])
        if any(each.price_points for each in terms.values()):
            balance = ledger.balance(reader, asker.resident_id, today)
    return {
        offer_id: rules.may_redeem(
            each,
            replace(
                common,
                balance_points=balance,
                used_in_window=used.get(offer_id, 0),
                had_before=offer_id in had,
                stock_left=places.get(offer_id, 0) if each.limited_stock else None,
            ),
            today,
        )
        for offer_id, each in terms.items()
    }


def gate(reader: Reader, resident_id: UUID, offer: Row[Any]) -> Verdict:
    """The verdict on what cannot be counted: open, consents, level, community, first time.

    One offer, and nothing that it does not ask for.

    Places, turns and points are left out: they are judged by the conditional statements that take them.
    """
    known = gates(reader, [offer])
    terms = terms_of(offer, known)
    facts = standing(reader, Asker(True, resident_id), [terms])
    had = terms.first_timers_only and offer.id in newcomers.had_before(reader, resident_id, [offer.id])
    return rules.may_redeem(terms, replace(facts, balance_points=terms.price_points, had_before=had), clock.today())
