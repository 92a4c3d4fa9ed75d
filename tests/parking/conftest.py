"""Car parks, drivers with plates, and operators' systems that sign their requests."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from backend.codes import service as codes
from backend.consents import service as consents
from backend.kit import clock
from backend.offers import policy
from backend.parking import plates, rules, service
from backend.perks import coupons
from tests.checked_client import CheckedClient
from tests.factories import accounts as people
from tests.factories import perks as shops
from tests.support import net

V1 = "/api/v1"
FREE = {
    "kind": "parking", "title": "演示停车一小时", "benefit": {"type": "free_minutes", "minutes": 60},
    "benefit_text": "免收一小时停车费。",
}  # fmt: skip
LATER = {
    "kind": "pay_after", "title": "演示先离场后付费", "benefit": {"type": "pay_after", "up_to_fen": 5_000},
    "benefit_text": "先离场，三日内付清。", "obligation": {"kind": "pay_after", "due_hours": 72},
}  # fmt: skip
_numbers = itertools.count(secrets.randbelow(5 * 10**4))


@pytest.fixture(autouse=True)
def _city(city: dict[str, Any]) -> None:
    """江宁."""


def plate() -> str:
    """A plate that no other call of this process gave."""
    return net.made("plate", f"苏A{next(_numbers) % 10**5:05d}")


def new_ticket() -> str:
    return f"T{uuid4().hex[:12]}"


@dataclass(frozen=True)
class CarPark:
    """A car park, and its operator's system."""

    shop: shops.Shop
    device: people.Device
    token: str = ""

    @property
    def door(self) -> service.Door:
        return service.Door(self.device.device_id, self.shop.partner_id, self.shop.venue_id)

    @property
    def offer_id(self) -> UUID:
        return self.shop.offer_id


@dataclass(frozen=True)
class Driver:
    """A resident with a plate."""

    who: people.Resident
    plate: str
    plate_id: UUID

    @property
    def id(self) -> UUID:
        return self.who.resident_id


def car_park(session: Session, *more: dict[str, Any], **changes: Any) -> CarPark:
    """An operator with a car park, a free hour, and further offers with these changes."""
    codes.ensure_keys(session, "320115")
    shop = shops.shop(session, **{**FREE, **changes})
    partner, venue = shop.content["partners"][0]["slug"], shop.content["venues"][0]["slug"]
    for each in more:
        slug = f"o-{secrets.token_hex(6)}"
        shop.content["offers"].append(shops.offer_item(slug, partner, venue, **each))
    if more:
        policy.keep(session, "test-more", shop.content)
    device = people.device(session, shop.partner_id, shop.venue_id)
    return CarPark(shop, device, people.device_token(session, device))


def offer_of(park: CarPark, place: int) -> UUID:
    return policy.offer_id(park.shop.content["offers"][place]["slug"])


def version(session: Session) -> str:
    return consents.purpose_called(session, "parking").text_version


def registered(session: Session, who: people.Resident, text: str = "") -> Driver:
    """A pending plate."""
    text = text or plate()
    return Driver(who, text, service.register(session, who.resident_id, text, shops.act(who.resident_id)).id)


def confirmed(session: Session, park: CarPark, driver: Driver) -> None:
    code = coupons.presentation_code(session, driver.id).text
    service.confirm_plate(session, park.door, driver.plate, code, shops.act(park.device.device_id))


def allowed(session: Session, park: CarPark, driver: Driver, granted: bool = True) -> None:
    consents.set_consent(session, driver.id, "parking", True, version(session))
    service.set_operator(session, driver.id, driver.plate_id, park.shop.partner_id, granted, version(session))


def driver(session: Session, park: CarPark, text: str = "") -> Driver:
    """Somebody whose confirmed plate this operator may ask about."""
    made = registered(session, people.resident(session), text)
    confirmed(session, park, made)
    allowed(session, park, made)
    return made


def asked(session: Session, park: CarPark, text: str) -> dict[str, Any]:
    return service.ask(session, park.door, text, shops.act(park.device.device_id))


def entered(session: Session, park: CarPark, text: str, ticket: str = "", minutes_ago: int = 60) -> str:
    ticket = ticket or new_ticket()
    at = clock.now() - timedelta(minutes=minutes_ago)
    service.enter(session, park.door, text, at, ticket, shops.act(park.device.device_id))
    return ticket


def left(session: Session, park: CarPark, ticket: str, offer_id: UUID | None = None, **told: Any) -> dict[str, Any]:
    exit_ = service.Exit(**{"ticket": ticket, "exited_at": clock.now(), "fee_fen": 800, "offer_id": offer_id, **told})
    found: dict[str, Any] = service.leave(session, park.door, exit_, shops.act(park.device.device_id))
    return found


# --- signed requests -------------------------------------------------------------------------------------------------


def signature(device: people.Device, method: str, path: str, key: object, body: bytes, at: int | None = None) -> Any:
    """The two headers of a request, as the operator's system makes them."""
    stamp = str(int(clock.now().timestamp()) if at is None else at)
    text = rules.signed_text(method, path, stamp, str(key), hashlib.sha256(body).hexdigest())
    signed = base64.urlsafe_b64encode(device.private_key.sign(text)).decode().rstrip("=")
    return {"X-Signature-Timestamp": stamp, "X-Signature": signed}


def post(client: CheckedClient, park: CarPark, path: str, body: Any, key: object = None, **changed: Any) -> Any:
    """Send a signed request. ``headers`` replaces some of its headers; ``device`` signs in place of the own one."""
    key, sent, where = key or uuid4(), json.dumps(body, default=str).encode(), V1 + path
    headers = signature(changed.get("device", park.device), "POST", where, key, sent, changed.get("at"))
    headers |= {"Content-Type": "application/json", **changed.get("headers", {})}
    headers = {name: value for name, value in headers.items() if value is not None}
    return client.post(where, token=changed.get("token", park.token), key=key, data=sent, headers=headers)


def slug(answer: Any) -> str:
    return str(answer.get_json(force=True)["type"]).removeprefix("/problems/")


def lookups(session: Session, *whose: UUID) -> set[UUID]:
    """Who among these is found by a plate."""
    rows = session.execute(plates.lookups.select().where(plates.lookups.c.confirmed)).all()
    return {row.resident_id for row in rows} & set(whose)
