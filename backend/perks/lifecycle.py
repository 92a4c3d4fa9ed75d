"""What becomes of a coupon between its issue and its end: codes made anew, never another's.

Every change holds the coupon's lock and moves its status along ``rules.TRANSITIONS``.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from backend.kit import clock, operations
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.kit.operations import Operation
from backend.perks import coupons, moved
from backend.perks.coupons import CouponView
from backend.perks.errors import CouponNotActive, TransferRefused


def reissue(session: Session, resident_id: UUID, coupon_id: UUID, operation: Operation) -> CouponView:
    """Give a coupon another place in the revocation list: every code shown so far is dead at once (a phone was lost).

    The coupon and what is left of it stay. A repeat of the operation changes nothing more. Raises NotFound,
    CouponNotActive.
    """
    if operations.begin(session, operation, kind="perks.reissue") is not None:
        return coupons.coupon(session, resident_id, coupon_id)
    found = coupons.lock(session, resident_id, coupon_id)
    if found is None:
        raise NotFound()
    if (status := coupons.status_at(found, clock.now())) != "issued":
        raise CouponNotActive("只有可用的券能换发。", "Only a coupon that can be used is issued anew.",
                              coupon_status=status)  # fmt: skip
    moved.replace_place(session, found)
    operations.finish(session, operation, coupon_id)
    return coupons.coupon(session, resident_id, coupon_id)


def refuse_transfer(reader: Reader, resident_id: UUID, coupon_id: UUID) -> None:
    """Say why a coupon is nobody else's. Raises NotFound, else TransferRefused, whatever has become of the coupon."""
    if coupons.find(reader, resident_id, coupon_id) is None:
        raise NotFound()
    raise TransferRefused()
