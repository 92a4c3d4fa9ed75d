"""Builders of offers, points and doors. Everything is synthetic."""

from __future__ import annotations

import secrets
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import insert
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.admissions.door import Door
from backend.kit import clock
from backend.kit.operations import Operation
from backend.ledger import service as ledger
from backend.offers import policy
from backend.offers.models import Venue
from tests.factories import accounts as people

PARTNER_CODE = "91320115DEM000014W"


class Shop(NamedTuple):
    """An offer with its partner and one venue, and the device that stands there."""

    offer_id: UUID
    partner_id: UUID
    venue_id: UUID
    door: Door
    content: dict[str, Any]


def offer_item(slug: str, partner: str, venue: str, /, **changes: Any) -> dict[str, Any]:
    """An offer as ``perks.toml`` writes it: a free ticket for no points, unlimited, admitted offline too."""
    return {
        "slug": slug, "scene": "you", "partner": partner, "venues": [venue], "title": "测试门票", "kind": "ticket",
        "summary": "测试用。", "benefit": {"type": "free_ticket", "persons": 1}, "benefit_text": "入场一次。",
        "price_points": 0, "level_floor": "", "consents": [], "stock_total": 0, "coupon_valid_days": 30, "uses": 1,
        "refund": "until_used", "offline": {"mode": "uses", "max_uses": 5, "code_lifetime_seconds": 3600},
        "code_lifetime_seconds": 300, "basic_public_service": False, "basis": "测试", **changes,
    }  # fmt: skip


def content(**changes: Any) -> dict[str, Any]:
    """A whole small policy: one scene, one partner, one venue, one offer."""
    mark = secrets.token_hex(6)
    partner, venue, slug = f"p-{mark}", f"v-{mark}", f"o-{mark}"
    return {
        "version": "test", "effective_on": "2026-01-01",
        "scenes": [{"id": "you", "name": "信易游", "description": "测试场景"}],
        "partners": [{"slug": partner, "name": "测试合作机构", "unified_social_credit_code": PARTNER_CODE}],
        "venues": [
            {"slug": venue, "partner": partner, "name": "测试场所", "address": "测试路 1 号", "lat": 32.0, "lon": 118.8}
        ],
        "offers": [offer_item(slug, partner, venue, **changes)],
    }  # fmt: skip


def shop(session: Session, **changes: Any) -> Shop:
    """A new partner with one venue, one device and one offer with these changes."""
    made = content(**changes)
    policy.keep(session, "test", made)
    offer_id, venue_id = policy.offer_id(made["offers"][0]["slug"]), policy.venue_id(made["venues"][0]["slug"])
    partner_id = accounts.organisation_by_slug(session, made["partners"][0]["slug"]).id
    device = people.device(session, partner_id, venue_id)
    return Shop(offer_id, partner_id, venue_id, Door(device.device_id, partner_id, venue_id), made)


def venue(session: Session, partner_id: UUID) -> UUID:
    """Another open venue of a partner's, with nothing on offer."""
    slug = f"v-{secrets.token_hex(6)}"
    values = {"slug": slug, "partner_id": partner_id, "name": "测试场馆", "address": "测试路 2 号", "lat": 32.0,
              "lon": 118.8, "status": "open"}  # fmt: skip
    session.execute(insert(Venue).values(id=policy.venue_id(slug), **values))
    return policy.venue_id(slug)


def change_offer(session: Session, known: Shop, **changes: Any) -> None:
    """The same offer under a new version of the policy."""
    known.content["offers"][0].update(changes)
    policy.keep(session, "test-2", known.content)


def give_points(session: Session, resident_id: UUID, points: int, expires_on: Any = None) -> None:
    """Points from a community's budget that is granted for the purpose."""
    issuer = people.organisation(session, "community", "测试社区")
    ledger.grant_budget(session, issuer, clock.today(), points, by=None)
    ledger.award(session, resident_id, issuer, points, "test.award", clock.now(), None, "测试发放", expires_on)


def act(actor_id: UUID, key: UUID | None = None) -> Operation:
    """An operation of one request."""
    return Operation(actor_id, key or uuid4(), b"x" * 32)
