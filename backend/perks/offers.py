"""What is on offer, and whether whoever asks may have it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, select

from backend.kit import city
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.perks import eligibility, stock
from backend.perks.eligibility import NOBODY, Asker
from backend.perks.models import Offer, OfferVenue, Venue
from backend.perks.rules import Verdict

FEW = 10
"""Below this the number of places left is told; above it nobody needs to know."""


@dataclass(frozen=True)
class OfferView:
    """An offer as one asker sees it. ``stock_left``: None when unlimited, else the number up to ``FEW``."""

    row: Row[Any]
    venues: Sequence[Mapping[str, Any]]
    entitled: Verdict
    left: int | None
    level_name: str

    def __getattr__(self, name: str) -> Any:
        """What the row holds, else what its terms say."""
        return self.row.terms[name] if name in self.row.terms else getattr(self.row, name)

    @property
    def partner(self) -> dict[str, Any]:
        return {"id": self.row.partner_id, "name": self.row.terms["partner_name"]}

    @property
    def first_timers_only(self) -> bool:
        return eligibility.first_timers_only(self.row)

    @property
    def level_floor(self) -> str | None:
        return self.level_name or None

    @property
    def stock_left(self) -> int | None:
        return None if self.left is None else min(self.left, FEW)

    @property
    def stock_text(self) -> str:
        if self.left is None:
            return "不限量"
        if self.left == 0:
            return "已领完"
        return f"仅剩 {self.left} 份" if self.left < FEW else "名额充足"


def scenes(reader: Reader) -> list[dict[str, Any]]:
    """The city's scenes in its own order, each with how many open offers it has."""
    counts: dict[str, int] = {}
    for (scene,) in reader.execute(select(Offer.scene_id).where(Offer.status == "open")):
        counts[scene] = counts.get(scene, 0) + 1
    return [
        {**{key: scene[key] for key in ("id", "name", "description")}, "offers": counts.get(scene["id"], 0)}
        for scene in city.get(reader, "perks").content["scenes"]
    ]


_COLUMNS = tuple(column for column in Offer.__table__.c if column.name != "updated_at")
_ONE = select(*_COLUMNS).where(Offer.__table__.c.id == bindparam("offer"))
_PAIRS: Any = OfferVenue.__table__
_PLACES: Any = Venue.__table__
_VENUES = (
    select(_PAIRS.c.offer_id, *(_PLACES.c[name] for name in ("id", "name", "address", "lat", "lon")))
    .join_from(_PAIRS, _PLACES, _PLACES.c.id == _PAIRS.c.venue_id)
    .where(_PAIRS.c.offer_id.in_(bindparam("offers", expanding=True)), _PLACES.c.status == "open")
    .order_by(_PLACES.c.name, _PLACES.c.id)
)
_OFFERED_AT = (
    select(_PAIRS.c.offer_id)
    .join_from(_PAIRS, _PLACES, _PLACES.c.id == _PAIRS.c.venue_id)
    .where(_PAIRS.c.offer_id == bindparam("offer"), _PAIRS.c.venue_id == bindparam("venue"))
    .where(_PLACES.c.status == "open")
)


def row(reader: Reader, offer_id: UUID) -> Row[Any]:
    """An offer's row, open or closed. Raises NotFound."""
    found = reader.execute(_ONE, {"offer": offer_id}).first()
    if found is None:
        raise NotFound()
    return found


def offers(
    reader: Reader,
    asker: Asker = NOBODY,
    *,
    scene: str | None = None,
    venue_id: UUID | None = None,
    entitled: bool | None = None,
    after: int | None = None,
    limit: int = 20,
) -> list[OfferView]:
    """Open offers in the city's order, up to ``limit + 1`` of them after position ``after``.

    ``entitled``: only those whose verdict is exactly that; a verdict that cannot be said matches neither.
    """
    query = select(*_COLUMNS).where(Offer.status == "open").order_by(Offer.position)
    if scene is not None:
        query = query.where(Offer.scene_id == scene)
    if venue_id is not None:
        query = query.where(Offer.id.in_(select(OfferVenue.offer_id).where(OfferVenue.venue_id == venue_id)))
    if after is not None:
        query = query.where(Offer.position > after)
    if entitled is None:
        query = query.limit(limit + 1)
    found = views(reader, asker, reader.execute(query).all())
    if entitled is not None:
        found = [view for view in found if view.entitled.entitled is entitled]
    return found[: limit + 1]


def offer(reader: Reader, offer_id: UUID, asker: Asker = NOBODY) -> OfferView:
    """One offer, open or closed, with the verdict for who asks. Raises NotFound."""
    return views(reader, asker, [row(reader, offer_id)])[0]


def views(reader: Reader, asker: Asker, rows: Sequence[Row[Any]]) -> list[OfferView]:
    limited = [each.id for each in rows if each.stock_total]
    left = stock.left(reader, limited) if limited else {}
    known = eligibility.gates(reader, rows)
    verdicts = eligibility.judge(reader, asker, rows, left, known)
    places = venues_of(reader, [each.id for each in rows])
    return [
        OfferView(
            each, places.get(each.id, ()), verdicts[each.id], left.get(each.id, 0) if each.stock_total else None,
            known.level_names.get(each.level_floor, each.level_floor),
        )
        for each in rows
    ]  # fmt: skip


def venues_of(reader: Reader, offer_ids: Collection[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """Where each offer is admitted."""
    if not offer_ids:
        return {}
    places: dict[UUID, list[dict[str, Any]]] = {}
    for found in reader.execute(_VENUES, {"offers": list(offer_ids)}):
        keys = ("id", "name", "address", "lat", "lon")
        places.setdefault(found.offer_id, []).append({key: getattr(found, key) for key in keys})
    return places


def offered_at(reader: Reader, offer_id: UUID, venue_id: UUID) -> bool:
    """Whether the offer is admitted at the venue."""
    return reader.execute(_OFFERED_AT, {"offer": offer_id, "venue": venue_id}).first() is not None


def venue(reader: Reader, venue_id: UUID) -> Row[Any]:
    """A venue's id, partner, name and address. Raises NotFound."""
    found = reader.execute(select(*Venue.__table__.c).where(Venue.id == venue_id)).first()
    if found is None:
        raise NotFound()
    return found


def partner_venues(reader: Reader, partner_ids: Collection[UUID] | None) -> list[tuple[UUID, UUID, str]]:
    """Open venues of these partners (None: of all) as (id, partner id, name), by name."""
    query = select(Venue.id, Venue.partner_id, Venue.name).where(Venue.status == "open")
    if partner_ids is not None:
        query = query.where(Venue.partner_id.in_(partner_ids))
    return [(row.id, row.partner_id, row.name) for row in reader.execute(query.order_by(Venue.name, Venue.id))]
