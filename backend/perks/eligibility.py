"""Gathering the facts that ``rules.may_redeem`` judges: few queries, however many offers are asked about."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
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
from backend.perks import groups, newcomers, rules, turns
from backend.perks.rules import Facts, Terms, Verdict
from backend.scores import service as scores


class Asker(NamedTuple):
    """Who looks at offers: nobody (``NOBODY``), somebody signed in without an identity, or a resident."""

    signed_in: bool
    resident_id: UUID | None


NOBODY = Asker(False, None)

Pauses = Callable[[Reader, UUID], frozenset[str]]
_pauses: Pauses | None = None


def bind_pauses(pauses: Pauses | None) -> None:
    """Who says which kinds of obligation (``pay_after``, ``deposit_free``) are in arrears; the composition root does.

    It is asked for offers that bind to something, and by nobody else.
    """
    global _pauses
    _pauses = pauses


SlotPauses = Callable[[Reader, UUID, Collection[str]], Mapping[str, datetime]]
_slot_pauses: SlotPauses | None = None


def bind_slot_pauses(pauses: SlotPauses | None) -> None:
    """Who says in which of these scenes somebody may not book slots now, and until when; the composition root does.

    It is asked for offers with time slots, and by nobody else.
    """
    global _slot_pauses
    _slot_pauses = pauses


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
    slots = shelf.said(terms, "slots")
    person, age, owed = terms["per_person"], shelf.said(terms, "age"), shelf.said(terms, "obligation")
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
        first_timers_only=shelf.said(terms, "first_timers_only"),
        age_from=age["from"] if age else None,
        age_to=age["to"] if age else None,
        closed=shelf.closed_days(terms),
        stacking_group=shelf.said(terms, "stacking_group"),
        obligation=owed["kind"] if owed else "",
        slot_scene=offer.scene_id if slots else "",
        counts_no_shows=bool(slots and slots["no_show"]),
    )


def _floor(level_id: str, known: Gates) -> int | None:
    """A floor that today's scoring policy no longer knows keeps its offer shut rather than open to everybody."""
    return known.level_ranks.get(level_id, len(known.level_ranks)) if level_id else None


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def standing(reader: Reader, asker: Asker, terms: Sequence[Terms]) -> Facts:
    """What is true of the resident for all these offers alike. It asks only about what one of them asks for."""
    if asker.resident_id is None:
        return Facts(asker.signed_in, bound=False)
    resident_id, today = asker.resident_id, clock.today()
    purposes = {purpose for each in terms for purpose in each.consents}
    given = frozenset(p for p in purposes if consents.granted(reader, resident_id, p))
    aged = "score" in purposes or any(each.age_from is not None for each in terms)
    person = accounts.person(reader, resident_id) if aged else None
    adult = person is not None and person.is_adult(today)
    level = scores.level_rank(reader, resident_id) if "score" in given and adult else None
    places = {each.residents_of for each in terms if each.residents_of}
    scenes = {each.slot_scene for each in terms if each.slot_scene}
    owing = _pauses is not None and any(each.obligation for each in terms)
    return Facts(
        True,
        bound=True,
        adult=adult,
        age_years=person.age_years(today) if person else None,
        consents=given,
        level_rank=level[1] if level else None,
        communities=frozenset(slug for slug in places if community.is_member(reader, resident_id, slug)),
        groups=groups.held(reader, resident_id, {each.stacking_group for each in terms if each.stacking_group}),
        paused=_pauses(reader, resident_id) if owing and _pauses else frozenset(),
        slot_pauses=_paused_slots(reader, resident_id, scenes),
    )


def _paused_slots(reader: Reader, resident_id: UUID, scenes: Collection[str]) -> Mapping[str, str]:
    if not scenes or _slot_pauses is None:
        return {}
    return {scene: _slot_text(until) for scene, until in _slot_pauses(reader, resident_id, scenes).items()}


class Shelf(NamedTuple):
    """What is left of the offers asked about: places in all and of today, and the first free slot. Each only for those
    that limit it."""

    left: Mapping[UUID, int]
    left_today: Mapping[UUID, int]
    next_slots: Mapping[UUID, datetime | None]


def on_shelf(reader: Reader, offers: Sequence[Row[Any]]) -> Shelf:
    """One statement for each kind of limit that one of the offers has."""
    limited = [offer.id for offer in offers if offer.stock_total]
    by_day = {offer.id: each for offer in offers if (each := shelf.said(offer.terms, "stock_per_day"))}
    slotted = [offer for offer in offers if shelf.said(offer.terms, "slots") is not None]
    counted = shelf.left(reader, limited) if limited else {}
    return Shelf(
        {offer_id: counted.get(offer_id, 0) for offer_id in limited},
        shelf.left_on(reader, by_day, clock.today()) if by_day else {},
        shelf.soonest(reader, slotted) if slotted else {},
    )


def judge(
    reader: Reader,
    asker: Asker,
    offers: Sequence[Row[Any]],
    left: Shelf | None = None,
    known: Gates | None = None,
) -> dict[UUID, Verdict]:
    """The verdict on each offer for one asker, with all its reasons.

    ``left`` and ``known``: what :func:`on_shelf` and :func:`gates` say of these offers, if the caller has it.
    """
    if not offers:
        return {}
    today = clock.today()
    known = known or gates(reader, offers)
    terms = {offer.id: terms_of(offer, known) for offer in offers}
    common = standing(reader, asker, list(terms.values()))
    left = left or on_shelf(reader, offers)
    used: dict[UUID, int] = {}
    had: frozenset[UUID] = frozenset()
    if asker.resident_id is not None:
        windows = {i: rules.window_start(t.window, today) for i, t in terms.items() if t.limit is not None}
        used = turns.counted(reader, asker.resident_id, windows)
        had = newcomers.had_before(reader, asker.resident_id, [i for i, t in terms.items() if t.first_timers_only])
        if any(each.price_points for each in terms.values()):
            common = replace(common, balance_points=ledger.balance(reader, asker.resident_id, today))
    return {
        offer_id: rules.may_redeem(
            each,
            replace(
                common, used_in_window=used.get(offer_id, 0), had_before=offer_id in had,
                stock_left=left.left.get(offer_id), day_left=left.left_today.get(offer_id),
                next_slot=_slot_text(left.next_slots[offer_id]) if offer_id in left.next_slots else None,
            ),
            today,
        )
        for offer_id, each in terms.items()
    }  # fmt: skip


def _slot_text(starts_at: datetime | None) -> str:
    return f"{starts_at.astimezone(clock.SHANGHAI):%Y-%m-%d %H:%M}" if starts_at else ""


def gate(reader: Reader, resident_id: UUID, offer: Row[Any]) -> Verdict:
    """The verdict on what cannot be counted: open, consents, level, community, age, group, first time,
    arrears, no-shows.

    One offer, and nothing that it does not ask for.

    Places, turns and points are left out: they are judged by the conditional statements that take them.
    """
    known = gates(reader, [offer])
    terms = terms_of(offer, known)
    facts = standing(reader, Asker(True, resident_id), [terms])
    had = terms.first_timers_only and offer.id in newcomers.had_before(reader, resident_id, [offer.id])
    return rules.may_redeem(terms, replace(facts, balance_points=terms.price_points, had_before=had), clock.today())
