"""What becomes of a coupon between its issue and its end: codes made anew, a use given back, never another's.

Every change holds the coupon's lock and moves its status along ``rules.TRANSITIONS``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from backend.kit import clock, operations
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.kit.operations import Operation
from backend.ledger import service as ledger
from backend.perks import coupons, expiry, moved, rules
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


def give_use_back(
    session: Session, coupon: Row[Any], *, settle_transfer_id: UUID | None, by: UUID, reason: str,
    last_used_at: datetime | None,
) -> str | None:  # fmt: skip
    """Take back the latest use of a coupon that this transaction has locked; its status then, None where it may not be.

    The points of the use go back into their hold, and home from there when the coupon has been closed meanwhile.
    ``last_used_at``: when it was used before that, if it was. A coupon that is usable again has a new place in the
    revocation list, for the old one was revoked with its last use.
    """
    now, status = clock.now(), rules.next_status(coupon.status, "undo")
    if status is None or coupon.uses_left >= coupon.uses_total:
        return None
    reopened = status == "issued" and coupon.status != "issued"
    closed_at = None if reopened else coupon.closed_at
    coupons.change(
        session, coupon, uses_left=coupon.uses_left + 1, status=status, last_used_at=last_used_at, closed_at=closed_at
    )
    if settle_transfer_id is not None:
        ledger.reverse(session, coupon.resident_id, settle_transfer_id, by, reason)
    changed = coupons.find(session, coupon.resident_id, coupon.id)
    assert changed is not None
    if status == "expired" and settle_transfer_id is not None:
        expiry.send_home(session, changed, code="perks.undone", title="撤销使用退回")
    elif reopened and now < coupon.valid_until:
        moved.replace_place(session, changed, revoke=False)
    return status
