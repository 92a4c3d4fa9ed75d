"""From a city's perks policy to rows: partners, venues, offers, stock. Safe to repeat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.kit import city, clock, db
from backend.offers import lint, rules, shelf
from backend.offers.models import Offer, OfferStock, OfferVenue, Venue

_NAMESPACE = UUID("7d2a6c1e-52a4-5b0c-9d0e-0b8f6f2a9c11")

STOCK_BUCKETS = 8


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
        _set_stock(session, offer_id(offer["slug"]), offer.get("stock_total", 0))
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


def terms_of(offer: Mapping[str, Any], partner_name: str) -> dict[str, Any]:
    """What a coupon snapshots: every rule of the offer with its defaults written out."""
    offline = dict(offer.get("offline") or {"mode": "none"})
    online_seconds = offer.get("code_lifetime_seconds", 300)
    return {
        "scene": offer["scene"],
        "title": offer["title"],
        "kind": offer["kind"],
        "partner_name": partner_name,
        "summary": offer["summary"],
        "benefit": offer["benefit"],
        "benefit_text": offer["benefit_text"],
        "consents": list(offer.get("consents", ())),
        "residents_of": offer.get("residents_of", ""),
        "per_person": dict(offer["per_person"]) if offer.get("per_person") else None,
        "coupon_valid_days": offer["coupon_valid_days"],
        "uses": offer.get("uses", 1),
        "refund": offer.get("refund", "until_used"),
        "offline": {
            "mode": offline["mode"],
            "max_uses": offline.get("max_uses", 0),
            "max_value_fen": offline.get("max_value_fen", 0),
        },
        "code_lifetime_seconds": offline.get("code_lifetime_seconds") or online_seconds,
        "basis": offer["basis"],
        "basic_public_service": offer.get("basic_public_service", False),
        "first_timers_only": offer.get("first_timers_only", False),
        "settlement_price_fen": offer.get("settlement_price_fen", 0),
        "funding_account": offer.get("funding_account", ""),
        "obligation": _obligation(offer),
        "starts_on": offer.get("starts_on"),
        "ends_on": offer.get("ends_on"),
    }


def _obligation(offer: Mapping[str, Any]) -> dict[str, Any] | None:
    """What using the offer binds the resident to: pay afterwards, or be charged where she was let off a deposit."""
    said = offer.get("obligation")
    if not said:
        return None
    return {
        "kind": said["kind"],
        "up_to_fen": offer["benefit"]["up_to_fen"],
        "due_hours": said["due_hours"],
        "remind_hours_before": list(said.get("remind_hours_before", ())),
    }


def _set_stock(session: Session, key: UUID, total: int) -> None:
    """Make ``total`` places in all, of which those already taken stay taken. 0: unlimited, no rows.

    A total below what is taken leaves nothing and notes the difference, so that a cancellation does not sell a
    place that no longer exists.
    """
    shelf = select(*OfferStock.__table__.c).where(OfferStock.offer_id == key).order_by(OfferStock.bucket)
    rows = session.execute(db.for_update(shelf)).all()
    if total == 0:
        session.execute(delete(OfferStock).where(OfferStock.offer_id == key))
        return
    taken = {row.bucket: row.total - row.remaining + row.overdrawn for row in rows}
    if sum(row.total for row in rows) == total and rows:
        return
    buckets = max(len(rows), rules.bucket_count(total, STOCK_BUCKETS))
    left = rules.spread(max(0, total - sum(taken.values())), buckets)
    over = max(0, sum(taken.values()) - total)
    for bucket in range(buckets):
        overdrawn = min(over, taken.get(bucket, 0))
        over -= overdrawn
        kept = taken.get(bucket, 0) - overdrawn
        row = {"total": kept + left[bucket], "remaining": left[bucket], "overdrawn": overdrawn}
        statement = db.insert(session, OfferStock).values(offer_id=key, bucket=bucket, **row)
        session.execute(statement.on_conflict_do_update(index_elements=["offer_id", "bucket"], set_=row))
