"""What a test of partners needs and no page offers: a credit code, and what happened at doors, written beside the
running demo."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from secrets import randbelow
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert, select
from sqlalchemy.orm import Session
from stdnum.cn import uscc

from backend.admissions.models import Admission
from backend.kit import clock, db
from backend.kit.ids import new_id
from backend.obligations.models import claims, obligations
from backend.offers.models import Offer, Venue
from backend.perks.models import Coupon
from tests.browser.people import Demo


def credit_code() -> str:
    """A unified social credit code that is nobody's here."""
    stem = f"91320115MA{randbelow(10**7):07d}"
    return stem + str(uscc.calc_check_digit(stem))


def past_month() -> date:
    """The first day of a month that can be settled on any day."""
    this = clock.today().replace(day=1)
    return ((this - timedelta(days=1)).replace(day=1) - timedelta(days=1)).replace(day=1)


def visits(demo: Demo, offer_slug: str, coupon_id: str, prices_fen: list[int]) -> None:
    """Visits by a coupon in the past month, each owed this many fen.

    They are offline ones that the office has accepted: no points moved, and no keys of a past month are needed.
    """
    with beside(demo) as session:
        for number, price_fen in enumerate(prices_fen):
            at = clock.start_of_day(past_month()) + timedelta(days=3 + number, hours=10)
            row = _admission(session, offer_slug, coupon_id)
            more = {"standing": "accepted", "settlement_fen": price_fen, "device_id": uuid4(), "decided_at": at}
            session.execute(insert(Admission).values(**{**row, **more, "happened_at": at, "recorded_at": at}))


def conflict(demo: Demo, offer_slug: str, coupon_id: str) -> str:
    """A device let the coupon in offline a moment ago though it should not have; the conflict's id."""
    with beside(demo) as session:
        now = clock.now()
        device_id = UUID(demo.told["devices"][0]["device_id"])
        row = _admission(session, offer_slug, coupon_id)
        more = {"standing": "conflict", "settlement_fen": 800, "device_id": device_id, "decided_at": None}
        session.execute(insert(Admission).values(**{**row, **more, "happened_at": now, "recorded_at": now}))
        return str(row["id"])


def obligation(demo: Demo, offer_slug: str, coupon_id: str) -> str:
    """Whoever holds the coupon has used something and pays for it afterwards; the obligation's id."""
    with beside(demo) as session:
        now, known = clock.now(), _admission(session, offer_slug, coupon_id)
        whose = {"resident_id": known["resident_id"], "partner_id": known["partner_id"], "venue_id": known["venue_id"]}
        row = {
            "id": new_id(), "admission_id": known["id"], "subject_id": uuid4(), "kind": "pay_after",
            "title": "演示先享后付", "partner_name": "演示商户", "state": "open", "up_to_fen": 10_000, "due_hours": 72,
            "remind_hours_before": [24], "used_at": now, "opened_at": now, "charge_until_at": now + timedelta(days=2),
            "next_at": now + timedelta(days=2),
        }  # fmt: skip
        session.execute(insert(obligations).values(**whose, **row))
        session.execute(insert(claims).values(**whose, obligation_id=row["id"], disputed_at=None))
        return str(row["id"])


@contextmanager
def beside(demo: Demo) -> Iterator[Session]:
    """A transaction in the running demo's database."""
    database = db.Database(f"sqlite:///{demo.folder / 'sqlite' / 'xinyi.db'}")
    try:
        with database.write() as session:
            yield session
    finally:
        database.dispose()


def _admission(session: Session, offer_slug: str, coupon_id: str) -> dict[str, Any]:
    """What every row about a use says."""
    offer = session.execute(select(Offer.__table__).where(Offer.slug == offer_slug)).one()
    venue_id = session.execute(select(Venue.id).where(Venue.partner_id == offer.partner_id)).scalars().first()
    whose = session.execute(select(Coupon.resident_id).where(Coupon.id == UUID(coupon_id))).scalar_one()
    return {
        "resident_id": whose, "id": new_id(), "coupon_id": UUID(coupon_id), "use_no": None,
        "conflict_reason": "already-used", "offer_id": offer.id, "partner_id": offer.partner_id, "venue_id": venue_id,
        "source": "offline", "settled_points": 0, "settle_transfer_id": None, "funding_account": "",
    }  # fmt: skip
