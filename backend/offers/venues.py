"""Where offers are admitted."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select

from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.kit.personal import named, table_of
from backend.offers.models import Offer, OfferVenue, Venue


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


def admitted_at(reader: Reader, venue_id: UUID) -> list[Row[Any]]:
    """Every offer admitted at a venue, closed ones too: coupons of a closed offer stay good. In the city's order."""
    return list(
        reader.execute(
            select(Offer.id, Offer.title, Offer.kind, Offer.terms)
            .join(OfferVenue, OfferVenue.offer_id == Offer.id)
            .where(OfferVenue.venue_id == venue_id)
            .order_by(Offer.position, Offer.id)
        )
    )


def words(reader: Reader) -> dict[str, dict[str, str]]:
    """What offers and venues are called, by ``offer_id`` and ``venue_id``."""
    offers, venues = table_of(Offer).c, table_of(Venue).c
    return {
        "offer_id": named(reader, offers.id, offers.title),
        "venue_id": named(reader, venues.id, venues.name),
    }


def first_timers(reader: Reader) -> frozenset[UUID]:
    """The offers that are for first-timers only."""
    rows = reader.execute(select(Offer.id, Offer.terms)).all()
    return frozenset(row.id for row in rows if row.terms.get("first_timers_only"))
