"""From a city's perks policy to rows: partners, venues, offers, stock. Safe to repeat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.kit import city, clock, db
from backend.offers import lint, shelf, stock
from backend.offers.models import Offer, OfferVenue, Venue
from backend.offers.terms import terms_of

_NAMESPACE = UUID("7d2a6c1e-52a4-5b0c-9d0e-0b8f6f2a9c11")


class Partner(NamedTuple):
    """A partner's organisation and the name that statements show."""

    id: UUID
    name: str


def offer_id(slug: str) -> UUID:
    """An offer's id: made of its slug, so that every version of the policy means the same offer."""
    return uuid5(_NAMESPACE, f"offer/{slug}")


def venue_id(slug: str) -> UUID:
    """A venue's id, made of its slug."""
    return uuid5(_NAMESPACE, f"venue/{slug}")


def lint_policy(content: dict[str, Any], contents: dict[str, dict[str, Any]]) -> list[str]:
    """Every problem of the city's file; see ``lint.lint``."""
    return lint.lint(content, contents)


def apply(session: Session, policy: city.Policy) -> None:
    """Bring partners, venues, offers and stock up to a policy. What it no longer names is closed, never deleted."""
    content = policy.content
    keep(session, policy.version, content)
    named = [offer_id(offer["slug"]) for offer in content["offers"]]
    closed = update(Offer).where(Offer.id.not_in(named)).values(status="closed", updated_at=clock.now())
    session.execute(closed.execution_options(synchronize_session=False))
    standing = [venue_id(venue["slug"]) for venue in content["venues"]]
    gone = update(Venue).where(Venue.id.not_in(standing)).values(status="closed")
    session.execute(gone.execution_options(synchronize_session=False))
    shelf.forget()


def keep(session: Session, version: str, content: Mapping[str, Any]) -> None:
    """Make or renew what ``content`` names, and leave everything else alone. It must have passed the linter."""
    partners = {
        partner["slug"]: Partner(
            accounts.ensure_organisation(
                session, partner["slug"], "partner", partner["name"], partner["unified_social_credit_code"]
            ),
            partner["name"],
        )
        for partner in content["partners"]
    }
    for venue in content["venues"]:
        _keep_venue(session, venue, partners[venue["partner"]])
    for position, offer in enumerate(content["offers"]):
        _keep_offer(session, version, offer, partners[offer["partner"]], position)
        stock.set_stock(session, offer_id(offer["slug"]), offer.get("stock_total", 0), offer.get("stock_per_day", 0))
    shelf.forget()


def _upsert(session: Session, table: Any, row: dict[str, Any]) -> None:
    statement = db.insert(session, table).values(**row)
    changed = {name: statement.excluded[name] for name in row if name != "id"}
    session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed))


def _keep_venue(session: Session, venue: Mapping[str, Any], partner: Partner) -> None:
    row = {key: venue[key] for key in ("slug", "name", "address", "lat", "lon")}
    _upsert(session, Venue, {"id": venue_id(venue["slug"]), "partner_id": partner.id, "status": "open", **row})


def _keep_offer(session: Session, version: str, offer: Mapping[str, Any], partner: Partner, position: int) -> None:
    key = offer_id(offer["slug"])
    row = {
        "id": key, "slug": offer["slug"], "version": version, "scene_id": offer["scene"],
        "partner_id": partner.id, "title": offer["title"], "kind": offer["kind"],
        "price_points": offer["price_points"], "level_floor": offer.get("level_floor", ""),
        "stock_total": offer.get("stock_total", 0), "terms": terms_of(offer, partner.name),
        "status": offer.get("status", "open"), "position": position, "updated_at": clock.now(),
    }  # fmt: skip
    _upsert(session, Offer, row)
    wanted = {venue_id(slug) for slug in offer["venues"]}
    session.execute(delete(OfferVenue).where(OfferVenue.offer_id == key, OfferVenue.venue_id.not_in(wanted)))
    for venue in sorted(wanted):
        db.insert_if_absent(session, OfferVenue, {"offer_id": key, "venue_id": venue}, ("offer_id", "venue_id"))
