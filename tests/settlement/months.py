"""Visits in a month that is over, and the statement made of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from backend.admissions import venue
from backend.kit import clock
from backend.kit.operations import Operation
from backend.perks import service as perks
from backend.settlement import preparing, rules, service
from tests.factories import accounts as people
from tests.factories.perks import Shop, act, give_points

PRICE = {"price_points": 7, "settlement_price_fen": 1250, "funding_account": "office", "uses": 1}


def visit(session: Session, known: Shop, at: datetime | None = None) -> tuple[UUID, UUID]:
    """Somebody redeems the offer and is admitted, at an instant (None: now). Who it was, and the admission's id.

    No code is shown: there were no keys in a month that is over.
    """
    with clock.at(at or clock.now()):
        who = people.resident(session).resident_id
        give_points(session, who, 100)
        coupon = perks.redeem(session, who, known.offer_id, act(who)).coupon
        held = perks.lock_coupon(session, who, coupon.id)
        assert held is not None
        return who, venue.use(session, known.door, held, clock.now(), "online").admission_id


def in_month(month: Any, hours: float = 30) -> datetime:
    """An instant so many hours after the month began in Shanghai."""
    return clock.start_of_day(month) + timedelta(hours=hours)


def prepared(session: Session, known: Shop, month: Any) -> service.StatementView:
    """The partner's statement of the month, all its lines written."""
    key = preparing.begin(session, known.partner_id, month)
    while preparing.write_stretch(session, key):
        pass
    return service.statement(session, None, key)


def last_month() -> Any:
    """One that is over for so long that it can be prepared on any day."""
    return rules.month_before(rules.month_before(clock.today()))


def after_review(month: Any) -> datetime:
    """A day on which the month has been prepared and its days of review are over."""
    return clock.start_of_day(rules.next_month(month)) + timedelta(days=40)


def partner_of(known: Shop) -> service.Actor:
    return service.Actor(uuid4(), "partner-manager", frozenset({known.partner_id}))


OFFICE = service.Actor(UUID(int=7), "office", None)


def key() -> Operation:
    return act(uuid4())
