"""A resident's bookings: coupons for a time slot, and their calendar files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from backend.bookings import rules
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.perks import service as perks
from backend.perks.service import CouponView


@dataclass(frozen=True)
class Booking:
    """``cancellable_until``: when the slot begins; None where the coupon cannot be given back any more."""

    coupon: CouponView

    @property
    def coupon_id(self) -> UUID:
        return UUID(str(self.coupon.id))

    @property
    def starts_at(self) -> datetime:
        return self._slot("slot_starts_at")

    @property
    def ends_at(self) -> datetime:
        return self._slot("slot_ends_at")

    @property
    def cancellable_until(self) -> datetime | None:
        return self.starts_at if self.coupon.cancellable else None

    @property
    def offer(self) -> dict[str, Any]:
        return self.coupon.offer

    @property
    def venues(self) -> Any:
        return self.coupon.venues

    @property
    def status(self) -> str:
        return self.coupon.status

    def _slot(self, name: str) -> datetime:
        found: datetime = getattr(self.coupon.row, name)
        return found


def bookings(
    reader: Reader, resident_id: UUID, limit: int, after: tuple[datetime, UUID] | None = None
) -> list[Booking]:
    """The resident's bookings, the latest slot first, up to ``limit + 1`` of them after a place."""
    return [Booking(coupon) for coupon in perks.booked(reader, resident_id, after=after, limit=limit)]


def slot_file(reader: Reader, resident_id: UUID, coupon_id: UUID) -> str:
    """A booking as a calendar file. Raises NotFound, for a coupon without a slot too."""
    coupon = perks.coupon(reader, resident_id, coupon_id)
    if coupon.row.slot_starts_at is None:
        raise NotFound()
    booking, venue = Booking(coupon), next(iter(coupon.venues), None) if len(coupon.venues) == 1 else None
    return rules.calendar(
        uid=f"{coupon_id}@xinyi-plus", starts_at=booking.starts_at, ends_at=booking.ends_at,
        stamp=coupon.row.closed_at or coupon.row.created_at, title=str(coupon.row.terms["title"]),
        place=f"{venue['name']}，{venue['address']}" if venue else "", cancelled=coupon.status == "cancelled",
    )  # fmt: skip
