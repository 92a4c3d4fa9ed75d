"""As the tests of perks; and what is common to slots with a queue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from backend.bookings import promoting, service
from backend.bookings.waiting import WaitingView
from backend.kit import clock
from backend.perks import service as perks
from backend.perks.coupons import CouponView
from tests.factories import accounts as people
from tests.factories.perks import Shop, act
from tests.perks.conftest import client, ready, session

__all__ = ["client", "ready", "session"]

SLOTS: dict[str, Any] = {
    "minutes": 60, "open": ["09:00-12:00"], "capacity": 1, "days_ahead": 30, "early_minutes": 15,
    "no_show": {"strikes": 2, "within_days": 60, "pause_days": 10},
}  # fmt: skip


def somebody(session: Session) -> UUID:
    return people.resident(session).resident_id


def slot_of(session: Session, known: Shop, day: int = 1, nth: int = 0) -> datetime:
    return perks.slots(session, known.offer_id, clock.today() + timedelta(days=day))[nth].starts_at


def book(session: Session, who: UUID, known: Shop, starts_at: datetime) -> CouponView:
    return perks.redeem(session, who, known.offer_id, act(who), slot_starts_at=starts_at).coupon


def wait(session: Session, who: UUID, known: Shop, starts_at: datetime) -> WaitingView:
    return service.join(session, who, known.offer_id, starts_at, act(who))


def state(session: Session, who: UUID, entry: WaitingView) -> str:
    return service.entry(session, who, entry.id).state


@pytest.fixture
def alone(session: Session, monkeypatch: pytest.MonkeyPatch) -> Session:
    """What opens transactions of its own works in the test's."""

    @contextmanager
    def own() -> Iterator[Session]:
        yield session

    monkeypatch.setattr(promoting.db, "transaction", own)
    monkeypatch.setattr(promoting.db, "reading", own)
    return session
