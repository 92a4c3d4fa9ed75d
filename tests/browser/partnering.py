"""What a test of partners needs and no page offers: a credit code, and visits in a month that is over."""

from __future__ import annotations

from datetime import date, timedelta
from secrets import randbelow
from uuid import UUID, uuid4

from sqlalchemy import insert, select
from stdnum.cn import uscc

from backend.admissions.models import Admission
from backend.kit import clock, db
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
    """Visits by a coupon in the past month, each owed this many fen, written beside the running demo.

    They are offline ones that the office has accepted: no points moved, and no keys of a past month are needed.
    """
    database = db.Database(f"sqlite:///{demo.folder / 'sqlite' / 'xinyi.db'}")
    try:
        with database.write() as session:
            offer = session.execute(select(Offer.__table__).where(Offer.slug == offer_slug)).one()
            venue_id = session.execute(select(Venue.id).where(Venue.partner_id == offer.partner_id)).scalars().first()
            whose = session.execute(select(Coupon.resident_id).where(Coupon.id == UUID(coupon_id))).scalar_one()
            for number, price_fen in enumerate(prices_fen):
                at = clock.start_of_day(past_month()) + timedelta(days=3 + number, hours=10)
                row = {
                    "resident_id": whose, "id": uuid4(), "coupon_id": UUID(coupon_id), "use_no": None,
                    "standing": "accepted", "conflict_reason": "already-used", "offer_id": offer.id,
                    "partner_id": offer.partner_id, "venue_id": venue_id, "device_id": uuid4(), "source": "offline",
                    "settled_points": 0, "settle_transfer_id": None, "settlement_fen": price_fen,
                    "funding_account": "", "happened_at": at, "recorded_at": at, "decided_at": at,
                }  # fmt: skip
                session.execute(insert(Admission).values(**row))
    finally:
        database.dispose()
