"""What a person redeemed, as she may have it; and what becomes of it when she leaves."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from backend.codes import service as codes
from backend.kit import clock, db
from backend.kit.db import Reader
from backend.kit.personal import Column, Keeper, Kept, Leaving, Section, delete_where, listing, table_of
from backend.offers import service as shelf
from backend.perks import coupons, expiry, newcomers, places, redemption
from backend.perks.models import Coupon, GroupHold, Redemption, RedemptionLimit

_STATUS = {"issued": "可使用", "used": "已用完", "cancelled": "已取消", "expired": "已过期"}
_COUPON = (
    Column("id", "编号"),
    Column("offer_id", "优惠"),
    Column("status", "状态", words=_STATUS),
    Column("price_points", "积分", "whole"),
    Column("created_at", "兑换时间", "instant"),
    Column("valid_until", "有效期终点（不含）", "instant"),
    Column("slot_starts_at", "预约的时段", "instant"),
    Column("uses_total", "总次数", "whole"),
    Column("uses_left", "剩余次数", "whole"),
    Column("last_used_at", "最近使用", "instant"),
    Column("closed_at", "结束时间", "instant"),
)


def _open_coupons(session: Session, resident_id: UUID) -> list[Row[Any]]:
    open_ones = select(*coupons.COLUMNS).where(Coupon.resident_id == resident_id, Coupon.status == "issued")
    return list(session.execute(db.for_update(open_ones.order_by(Coupon.id))))


def open_coupons(reader: Reader, resident_id: UUID) -> int:
    """How many coupons the person could still use."""
    usable = (Coupon.resident_id == resident_id, Coupon.status == "issued", Coupon.valid_until > clock.now())
    return int(reader.execute(select(func.count()).select_from(Coupon).where(*usable)).scalar_one())


def close_all(session: Session, resident_id: UUID) -> int:
    """End every coupon that could still be used: its points go where its terms say, place and code are given up.

    All of them are locked before the first moves anything, so that an admission or a cancellation at the same moment
    either comes before or finds a closed coupon.
    """
    found, now = _open_coupons(session, resident_id), clock.now()
    for coupon in found:
        status = "expired" if now >= coupon.valid_until else "cancelled"
        coupons.change(session, coupon, status=status, closed_at=now)
        if status == "cancelled":
            if coupon.uses_left == coupon.uses_total:
                places.put_back(session, coupon)
                if coupon.slot_starts_at is not None:  # somebody may wait for it
                    redemption.tell_cancelled(session, coupon)
            codes.revoke_status(session, coupon.status_list_id, coupon.status_index)
    for coupon in found:
        expiry.send_home(session, coupon, code="perks.left", title="退出项目退回")
    return len(found)


def erase(session: Session, leaving: Leaving) -> dict[str, int]:
    """Coupons end, counts go, and what guards first-timer offers is written down."""
    resident_id = leaving.resident_id
    if leaving.guarded_until_on is not None:
        newcomers.bury(session, resident_id, leaving.digests, leaving.guarded_until_on)
    closed = close_all(session, resident_id)
    for counted in (RedemptionLimit, GroupHold):
        delete_where(session, table_of(counted), resident_id=resident_id)
    return {"perks_coupons": closed}


SETTLED = Kept(
    "兑换和核销记录", "只有编号、优惠、时间和积分，再不能对应到您", "项目存续期间",
    "与合作机构结算、对账；《个人信息保护法》第七十三条（匿名化后不再是个人信息）",
)  # fmt: skip
WHY = ("兑换优惠、到店核销、与合作机构结算", "为您办理所必需（《个人信息保护法》第十三条第一款第二项）")
UNTIL = "项目存续期间；退出后只留编号"
KEEPER = Keeper(
    room="perks",
    sections=(
        Section("coupons", "券", *WHY, UNTIL, _COUPON, listing(table_of(Coupon), "id", _COUPON), shelf.words),
    ),
    erase=erase,
    deleted={"perks_redemption_limits": "限领次数的计数", "perks_group_holds": "同类优惠只持一张的标记"},
    kept={
        **{table_of(model).name: SETTLED for model in (Redemption, Coupon)},
        "perks_tombstones": Kept(
            "首次优惠的领取标记（只在您领过“仅限首次”的优惠时才有）",
            "证件号的加密摘要，不能还原，只用于核对这一项优惠",
            "退出后 {tombstone_days} 天", "{tombstone_basis}",
        ),
    },
    apart={"perks_extensions": "办理券延期的记录；做到哪一位居民只在进行中记着，完成时清空"},
)  # fmt: skip
